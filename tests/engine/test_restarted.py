"""A whole process started again over what it told: nobody hears of it twice."""

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
    found = []
    for number in range(COUNT):
        nsg = copy.deepcopy(first)
        nsg["name"] = f"web-{number:03}"
        nsg["id"] = f"{first['id'].rpartition('/')[0]}/{nsg['name']}"
        found.append(nsg)
    return found


async def test_a_hundred_open_incidents_outlive_any_end_in_silence(
    tmp_path: Path, process_forker: ProcessForker
) -> None:
    # A deployment, an eviction, a crash: each would else be a hundred alerts for what everybody knows.
    nsgs = _nsgs()
    async with demo_environment(tmp_path, nsgs) as found:
        for one in objects(found.receiver, interval="24h", nsgs=nsgs):
            found.cluster.api.apply(one)
        operator_process = OperatorProcess(found, process_forker)
        await asyncio.gather(*(found.rogue.put_rule(nsg["id"], "open-ssh", **OPEN_SSH) for nsg in nsgs))
        operator_process.start()
        await operator_process.wait_until_delivered()
        assert len([one for one in operator_process.incidents() if one["status"]["state"] == "Open"]) == COUNT
        before = len(found.receiver.alerts)
        assert before
        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            await found.stop_operator(how)
            operator_process.start()
            await operator_process.wait_until_delivered()
        await found.stop_operator()
        assert len(found.receiver.alerts) == before
        assert len(operator_process.incidents()) == COUNT
