"""A restart of the whole process with open incidents: no notification is repeated."""

import asyncio
import copy
import signal
from pathlib import Path
from typing import Any

from nsg_baseline.cli.demo.environment import demo_environment, objects, recorded_nsgs
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.engine.operator_process import OperatorProcess
from tests.engine.process_forker import ProcessForker

COUNT = 100


def _nsgs() -> list[dict[str, Any]]:
    first = recorded_nsgs()[0]
    nsgs = []
    for number in range(COUNT):
        nsg = copy.deepcopy(first)
        nsg["name"] = f"web-{number:03}"
        nsg["id"] = f"{first['id'].rpartition('/')[0]}/{nsg['name']}"
        nsgs.append(nsg)
    return nsgs


async def test_a_restart_with_a_hundred_open_incidents_notifies_nothing(
    tmp_path: Path, process_forker: ProcessForker
) -> None:
    # Otherwise each deployment, eviction or crash would send a hundred alerts again.
    nsgs = _nsgs()
    async with demo_environment(tmp_path, nsgs) as environment:
        for resource in objects(environment.receiver, interval="24h", nsgs=nsgs):
            environment.cluster.api.apply(resource)
        operator_process = OperatorProcess(environment, process_forker)
        await asyncio.gather(*(environment.rogue.put_rule(nsg["id"], "open-ssh", **OPEN_SSH) for nsg in nsgs))
        operator_process.start()
        await operator_process.wait_until_delivered()
        assert (
            len([resource for resource in operator_process.incidents() if resource["status"]["state"] == "Open"])
            == COUNT
        )
        before = len(environment.receiver.alerts)
        assert before
        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            await environment.stop_operator(how)
            operator_process.start()
            await operator_process.wait_until_delivered()
        await environment.stop_operator()
        assert len(environment.receiver.alerts) == before
        assert len(operator_process.incidents()) == COUNT
