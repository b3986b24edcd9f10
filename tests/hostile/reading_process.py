"""A process that reconciles a scope over a server's responses, and prints its peak memory after each.

It holds what an operator holds, and its Kubernetes API server besides. For each line on stdin, the number of seconds
that a request may take, it reconciles once and prints the peak of its resident memory in KiB since the last line.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from nsg_baseline.azure import client
from nsg_baseline.azure.client import ArmClient, new_session
from nsg_baseline.azure.clouds import Cloud
from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.azure.read import ArmReader
from tests.azure.test_hostile_responses import FixedToken
from tests.engine.test_hostile_azure import HostileAzure
from tests.support.in_process_operator import in_process_operator
from tests.support.rule_shorthand import arm_rule


async def reconcile_for_each_line(url: str, folder: Path) -> None:
    """Reconcile over the server at this address until stdin ends."""
    client.RETRY_BACKOFF_SECONDS = 0
    session = new_session()

    def connect() -> ArmReader:
        return ArmReader(ArmClient(Cloud(url, "s", "a"), FixedToken(), session, RateLimiter()))

    rules = [arm_rule("100 web allow tcp Internet -> *:443")]
    async with in_process_operator(folder, {"web": rules, "db": rules}, "json://127.0.0.1:9") as operator:
        azure = HostileAzure({"web": rules, "db": rules}, connect=connect)
        operator.azure = azure
        while line := await asyncio.to_thread(sys.stdin.readline):
            client.REQUEST_DEADLINE_SECONDS = float(line)
            azure.reconnect()
            operator.clock.advance(minutes=1)
            _reset_peak()
            await operator.reconcile()
            sys.stdout.write(f"peak {_peak()}\n")
            sys.stdout.flush()
    await session.close()


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak() -> int:
    """Return the peak in KiB. Not from getrusage: that of a started process is at least that of its parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(reconcile_for_each_line(sys.argv[1], Path(name)))
