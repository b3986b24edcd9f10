"""Events from Azure to the receiver: the real queue, the operator's process, and every write of the emulator."""

import asyncio
import json
import random
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import DemoEnvironment, demo_environment, objects
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from nsg_emulator.arm import POISON, Delivery, Fault, deliver, storage_queue
from nsg_emulator.arm.faults import Delay
from nsg_emulator.arm.requests import RequestRecord
from tests.cluster.azurite import Azurite
from tests.engine.operator_process import IDS

pytestmark = pytest.mark.cluster
WRITES = 200
QUEUE = "nsg-events"
DEADLINE = 120.0
SEED = 20260301


class Arrivals(list[dict[str, Any]]):
    """The alerts of a receiver with the time of each."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    @override
    def append(self, alert: dict[str, Any]) -> None:
        self.times.append(time.monotonic())
        super().append(alert)

    def first(self, word: str) -> float | None:
        """Return the time of the first alert that contains a word."""
        pairs = zip(self, self.times, strict=True)
        return next((moment for alert, moment in pairs if word in json.dumps(alert)), None)


@dataclass
class EventfulOperator:
    """An operator that lists once an hour, and a queue that gets an event for each write."""

    demo: DemoEnvironment
    azurite: Azurite
    delivery: Delivery
    arrivals: Arrivals = field(default_factory=Arrivals)

    async def create_rule(self, name: str, number: int, nsg: str) -> None:
        rule = {**OPEN_SSH, "priority": 500 + number, "destinationPortRange": str(20_000 + number)}
        await self.demo.rogue.put_rule(nsg, name, **rule)

    async def until_alerted(self, word: str) -> float:
        """Return when the first alert with a word arrived."""
        receiver = self.demo.receiver
        async with asyncio.timeout(DEADLINE):
            while (moment := self.arrivals.first(word)) is None:
                async with receiver._changed:
                    await receiver._changed.wait()
        return moment

    async def until_events(self, status: str) -> dict[str, Any]:
        """Wait for a status of the condition about the queue, and return the condition."""
        await self.demo.until(lambda: self._events().get("status") == status)
        return self._events()

    def slow_reading(self, name: str) -> "asyncio.Future[None]":
        """Delay the next reading of an NSG by seconds. The result says that its request arrived."""
        azure, loop = self.demo.azure.emulator, asyncio.get_running_loop()
        arrived: asyncio.Future[None] = loop.create_future()

        def on_request(record: RequestRecord) -> None:
            if record.method == "GET" and record.path.lower() == IDS[name].lower():
                azure.requests.listeners.remove(on_request)
                loop.call_soon_threadsafe(arrived.set_result, None)

        azure.requests.listeners.append(on_request)
        azure.faults.add(Fault(Delay(5), "GET", rf"{re.escape(IDS[name])}\?", 1))
        return arrived

    async def until_empty(self) -> None:
        async with asyncio.timeout(DEADLINE):
            while await self.azurite.length(QUEUE):  # noqa: ASYNC110 - a queue tells nobody that it is empty
                await asyncio.sleep(0.5)

    def _events(self) -> dict[str, Any]:
        conditions = self.demo.cluster.api.get(API_VERSION, "NSGScope", "demo").get("status", {}).get("conditions", [])
        return next((condition for condition in conditions if condition["type"] == "EventsReady"), {})


@asynccontextmanager
async def eventful_operator(tmp_path: Path, azurite: Azurite) -> AsyncIterator[EventfulOperator]:
    async with demo_environment(tmp_path) as demo:
        url = await azurite.create(QUEUE)
        _trust(tmp_path / "ca.pem", azurite.ca_file)
        for resource in objects(demo.receiver, interval="1h"):
            if resource["kind"] == "NSGAlertRoute":
                resource["spec"]["maxMessagesPerHour"] = 1000
            if resource["kind"] == "NSGScope":
                resource["spec"]["events"] = {"queueUrl": url}
            demo.cluster.api.apply(resource)
        async with (
            storage_queue(url, ca_file=azurite.ca_file) as target,
            deliver(demo.azure.emulator, target) as delivery,
        ):
            operator = EventfulOperator(demo, azurite, delivery)
            demo.receiver.alerts = operator.arrivals
            await demo.start_operator()
            await operator.until_events("True")
            await demo.until(lambda: all(_is_compliant(demo, name) for name in IDS))
            yield operator


def _trust(ca_file: Path, other: Path) -> None:
    ca_file.write_text(ca_file.read_text() + other.read_text())


def _is_compliant(demo: DemoEnvironment, name: str) -> bool:
    conditions = demo.custom("NSGBaseline", name).get("status", {}).get("conditions", [])
    return any(state["type"] == "Compliant" and state["status"] == "True" for state in conditions)


async def test_an_alert_follows_each_write_within_seconds(tmp_path: Path, azurite: Azurite) -> None:
    # The interval is an hour: without its event, a write is not detected before that.
    choice = random.Random(SEED)
    async with eventful_operator(tmp_path, azurite) as operator:
        written: dict[str, float] = {}
        for number in range(WRITES):
            await asyncio.sleep(choice.expovariate(4))
            name = f"probe-{number:03}"
            await operator.create_rule(name, number, choice.choice(sorted(IDS.values())))
            written[name] = time.monotonic()
        latencies = sorted([await operator.until_alerted(name) - moment for name, moment in written.items()])
        p50, p95, longest = (latencies[int(share * (WRITES - 1))] for share in (0.5, 0.95, 1))
        print(f"from write to alert: median {p50:.1f} s, p95 {p95:.1f} s, longest {longest:.1f} s")  # noqa: T201
        await operator.until_empty()
        incidents = operator.demo.cluster.api.list(API_VERSION, "NSGIncident")
        assert {incident["status"]["detectedBy"] for incident in incidents} == {"Event"}


async def test_duplicates_disorder_unrelated_events_and_poison(tmp_path: Path, azurite: Azurite) -> None:
    # Event Grid delivers at least once and in any order. A sender can write anything into the queue.
    async with eventful_operator(tmp_path, azurite) as operator:
        subscription = IDS["appgate"].split("/")[2]
        operator.delivery.faults.copies, operator.delivery.faults.window = 2, 10
        for content in POISON:
            await operator.delivery.send_text(content)
        operator.delivery.take_unrelated(10_000 // 2, subscription)
        for number, (name, nsg) in enumerate(sorted(IDS.items())):
            await operator.create_rule(f"probe-{name.lower()}", number, nsg)
        for name in IDS:
            await operator.until_alerted(f"probe-{name.lower()}")
        await operator.delivery.idle()
        await operator.until_empty()
        assert sorted(await operator.azurite.contents(f"{QUEUE}-poison")) == sorted(POISON)
        keys = [json.dumps([alert["title"], alert["message"]]) for alert in operator.arrivals]
        assert len(keys) == len(set(keys)), "no alert arrived twice"


async def test_a_queue_that_is_away_is_reported_and_read_again(tmp_path: Path, azurite: Azurite) -> None:
    async with eventful_operator(tmp_path, azurite) as operator:
        await asyncio.to_thread(azurite.stop)
        failed = await operator.until_events("False")
        assert failed["reason"] == "Unreachable"
        assert failed["message"].endswith("; changes are detected at each interval only")
        await operator.create_rule("probe-away", 1, IDS["appgate"])
        await asyncio.to_thread(azurite.start)
        await azurite.create(QUEUE)
        await operator.until_events("True")
        # Event Grid keeps what it could not deliver.
        await operator.until_alerted("probe-away")


async def test_a_kill_between_reception_and_deletion_loses_nothing(tmp_path: Path, azurite: Azurite) -> None:
    async with eventful_operator(tmp_path, azurite) as operator:
        for attempt in range(3):
            name = f"probe-{attempt}"
            reading = operator.slow_reading("appgate")
            await operator.create_rule(name, attempt, IDS["appgate"])
            async with asyncio.timeout(DEADLINE):
                await reading
            await operator.demo.stop_operator(signal.SIGKILL)
            await operator.demo.start_operator()
            await operator.until_alerted(name)
        await operator.until_empty()
        for attempt in range(3):
            alerts = [alert for alert in operator.arrivals if f"new rule probe-{attempt}" in alert["title"]]
            assert len(alerts) == 1, "the event that came again caused no second alert"
