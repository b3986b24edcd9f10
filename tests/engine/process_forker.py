"""Many operators: `nsgb run` in separate processes, without the three seconds for its imports.

A process that has imported everything and started nothing forks the operators. Each is a whole process that knows what
its environment tells it, dies of a signal, and leaves nothing behind; only the loading is shared.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from nsg_baseline.alerts.channels import SENDER, parse_channels

SENDER_COMMAND = "TEST_SENDER_COMMAND"
"""The variable with the command of another sender, as JSON."""
_LOADED = ("nsg_baseline.cli.run", "nsg_baseline.cli.main", "azure.identity.aio", "azure.mgmt.network.aio")


class ProcessForker:
    """A process that has imported everything and forks the operators."""

    def __init__(self) -> None:
        """Import everything; this takes as long as the first start of an operator."""
        self._folder = tempfile.TemporaryDirectory(prefix="nsgb-forker-")
        # The Kubernetes client looks into its environment as it is imported: all operators share this one path.
        self._kubeconfig = Path(self._folder.name, "kubeconfig")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.process_forker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "KUBECONFIG": str(self._kubeconfig)},
        )

    def close(self) -> None:
        """End it, and every operator that still runs."""
        self._process.communicate()
        self._folder.cleanup()

    def start(self, environment: dict[str, str], log: Path) -> "ForkedProcess":
        """Start an operator with this environment alone; it appends to the log."""
        self._kubeconfig.write_bytes(Path(environment["KUBECONFIG"]).read_bytes())
        return ForkedProcess(
            self, self.command("start", {**environment, "KUBECONFIG": str(self._kubeconfig)}, str(log))
        )

    def command(self, *order: Any) -> Any:
        """Send a command and return the response."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@dataclass(slots=True)
class ForkedProcess:
    """One operator."""

    process_forker: ProcessForker
    pid: int
    ended: int | None = None

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs."""
        if self.ended is None:
            self.ended = self.process_forker.command("poll", self.pid)
        return self.ended

    def send_signal(self, signal: int, /) -> None:
        """Send a signal at once."""
        if self.returncode is None:
            os.kill(self.pid, signal)

    async def wait(self) -> int:
        """Wait until it ends, and return the exit code."""
        if (code := self.returncode) is not None:
            return code
        loop, gone = asyncio.get_running_loop(), asyncio.Event()
        descriptor = os.pidfd_open(self.pid)
        loop.add_reader(descriptor, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return await self.wait()


def _serve() -> None:
    for name in _LOADED:
        import_module(name)
    parse_channels("json://127.0.0.1")  # which loads all plugins
    running: set[int | None] = set()
    for line in sys.stdin:
        order, *arguments = json.loads(line)
        if order == "start":
            answer: int | None = _fork(*arguments)
            running |= {answer}
        else:
            done, status = os.waitpid(arguments[0], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if done else None
            running -= {done}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid in filter(None, running):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _fork(environment: dict[str, str], log: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    with Path(log).open("ab") as stream, Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    if command := os.environ.pop(SENDER_COMMAND, None):
        SENDER.command = json.loads(command)
    sys.argv[:] = ["nsgb", "run"]
    code: Any = 1
    try:
        import_module("nsg_baseline.cli.main").main()
    except SystemExit as end:
        code = end.code
    finally:
        os._exit(code if isinstance(code, int) else 1)  # the child must not run the code of its parent
    return 0


if __name__ == "__main__":
    _serve()
