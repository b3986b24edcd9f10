"""`nsgb events check` against the real queue and the emulator's Event Grid: each thing that may be missing is named."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.cli.demo.environment import DemoEnvironment, client_environment, demo_environment
from tests.cluster.azurite import Azurite
from tests.engine.operator_process import IDS

pytestmark = pytest.mark.cluster
SUBSCRIPTION = IDS["appgate"].split("/")[2]
GROUP = IDS["appgate"].split("/")[4]
TOPIC = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.EventGrid/systemTopics/changes"
ACCOUNT = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/devstoreaccount1"
)


@dataclass
class Setup:
    """The command with the credentials of the demo, and the Event Grid of the emulator."""

    demo: DemoEnvironment
    folder: Path
    url: str

    def deliver(self, queue: str = "nsg-events", **filters: Any) -> None:
        destination = {"endpointType": "StorageQueue", "properties": {"resourceId": ACCOUNT, "queueName": queue}}
        topic = {"id": TOPIC, "properties": {"source": f"/subscriptions/{SUBSCRIPTION}"}}
        properties = {"destination": destination, "filter": filters}
        nested = {"id": f"{TOPIC}/eventSubscriptions/nsg", "properties": properties}
        self.demo.azure.emulator.load({**self.demo.azure.emulator.dump(), "eventGrid": [topic, nested]})

    async def check(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Return the exit code and the results by name."""
        command = ("-m", "nsg_baseline.cli", "events", "check", "--subscription", SUBSCRIPTION, "-o", "json")
        environment = {**os.environ, **client_environment(self.folder, self.demo.azure, self.demo.kubeconfig)}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *command, "--queue-url", self.url, *arguments),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, {result["name"]: result for result in json.loads(output)}


@asynccontextmanager
async def prepared(tmp_path: Path, azurite: Azurite) -> AsyncIterator[Setup]:
    async with demo_environment(tmp_path) as demo:
        ca_file = tmp_path / "ca.pem"
        await asyncio.to_thread(lambda: ca_file.write_text(ca_file.read_text() + azurite.ca_file.read_text()))
        yield Setup(demo, tmp_path, azurite.queue_url("nsg-events"))


async def test_a_complete_setup_passes_and_a_received_test_message_is_recognised(
    tmp_path: Path, azurite: Azurite
) -> None:
    await azurite.create("nsg-events")
    async with prepared(tmp_path, azurite) as setup:
        setup.deliver()
        code, results = await setup.check()
        assert {name: result["result"] for name, result in results.items()} == {
            "queue": "Passed",
            "poison queue": "Passed",
            "event subscription": "Passed",
        }
        assert code == 0
        checking = asyncio.create_task(setup.check("--send-test"))
        async with azurite.client("nsg-events") as client:
            while not [message async for message in client.receive_messages()]:  # noqa: ASYNC110 - as the operator does
                await asyncio.sleep(0.1)
        code, results = await checking
        assert (code, results["test"]["result"]) == (0, "Passed")


async def test_everything_that_is_missing_is_named_with_its_fix(tmp_path: Path, azurite: Azurite) -> None:
    async with prepared(tmp_path, azurite) as setup:
        setup.deliver("other")
        code, results = await setup.check()
        assert code == 2
        assert {name: (result["result"], result["fix"]) for name, result in results.items()} == {
            "queue": ("Failed", "create the queue nsg-events; see docs/events.md"),
            "poison queue": ("Failed", "create the queue nsg-events-poison; see docs/events.md"),
            "event subscription": ("Failed", f"create one in subscription {SUBSCRIPTION}; see docs/events.md"),
        }
        setup.deliver(includedEventTypes=["Microsoft.Resources.ResourceDeleteSuccess"])
        _, results = await setup.check()
        assert "excludes Microsoft.Network/networkSecurityGroups/write" in results["event subscription"]["message"]
