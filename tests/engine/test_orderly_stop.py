"""SIGTERM during a slow send: the process waits for its result, records it, and repeats nothing after the restart."""

import asyncio
import base64
from pathlib import Path

import pytest

from nsg_baseline.cli.demo.environment import demo_environment, objects
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.engine.operator_process import IDS, OperatorProcess
from tests.engine.process_forker import ProcessForker
from tests.support.chats import serving

ANSWER_AFTER = 8.0
"""Longer than kopf waits for tasks that it did not start."""


@pytest.mark.slow
async def test_a_stop_during_a_slow_send_repeats_nothing(tmp_path: Path, process_forker: ProcessForker) -> None:
    # It told every channel of the route again, those too that had answered.
    async with demo_environment(tmp_path) as environment, serving() as chats:
        chats.stuck.add("slow")
        for resource in objects(environment.receiver, interval="24h"):
            if resource["kind"] == "Secret":
                urls = f"{environment.receiver.url}\njson://127.0.0.1:{chats.port}/slow"
                resource["data"]["urls"] = base64.b64encode(urls.encode()).decode()
            environment.cluster.api.apply(resource)
        operator_process = OperatorProcess(environment, process_forker)
        await environment.rogue.put_rule(IDS["appgate"], "open-ssh", **OPEN_SSH)
        operator_process.start()
        await asyncio.gather(environment.receiver.next("open-ssh"), chats.until(lambda: bool(chats.messages)))
        asyncio.get_running_loop().call_later(ANSWER_AFTER, chats.released.set)
        await environment.stop_operator()
        assert chats.released.is_set()
        before = len(environment.receiver.alerts), len(chats.messages)
        operator_process.start()
        await operator_process.wait_until_delivered()
        await environment.stop_operator()
        assert (len(environment.receiver.alerts), len(chats.messages)) == before
        (delivery,) = next(iter(operator_process.incidents()))["status"]["deliveries"]
        assert "pendingChannels" not in delivery
