"""The reception of events: no event is lost, no message comes back without end, and a failing queue is reported."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.event_queue import QueueMessage
from nsg_baseline.core.azure_events import AzureEvent
from nsg_baseline.core.conditions import ConditionState
from nsg_baseline.engine import event_consumer
from nsg_baseline.engine.event_consumer import MAX_IN_HAND, MAX_RECEPTIONS, EventConsumer
from nsg_baseline.engine.event_statistics import QueueStatistics

DEADLINE = 60.0


def message(number: int, *, receptions: int = 1, content: str | None = None) -> QueueMessage:
    event = {
        "id": str(number),
        "eventTime": "2026-03-01T00:00:00Z",
        "subject": f"nsg-{number}",
        "data": {"operationName": "write"},
    }
    return QueueMessage(str(number), f"receipt-{receptions}", content or json.dumps(event), receptions)


@dataclass
class FakeQueue:
    """A queue in memory. What is done to its messages is listed in `done`, in order."""

    waiting: list[QueueMessage] = field(default_factory=list)
    failing: dict[str, AzureError] = field(default_factory=dict)
    done: list[tuple[str, str]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    receptions: int = 0

    async def receive(self) -> list[QueueMessage]:
        self.receptions += 1
        self.changed.set()
        self._raise("receive")
        received, self.waiting = self.waiting[:32], self.waiting[32:]
        return received

    async def delete(self, message: QueueMessage) -> None:
        self._record("delete", message)

    async def set_aside(self, message: QueueMessage) -> None:
        self._record("set aside", message)

    def _record(self, what: str, message: QueueMessage) -> None:
        self.changed.set()
        self._raise(what)
        self.done.append((what, f"{message.id} {message.receipt}"))

    def _raise(self, what: str) -> None:
        if what in self.failing:
            raise self.failing[what]


class Reception:
    """A running consumer. `answers` decides how the readings of an event end."""

    def __init__(self, queue: FakeQueue) -> None:
        self.queue = queue
        self.statistics = QueueStatistics(lambda: 1_772_323_205.0)
        self.states: list[ConditionState] = []
        self.delivered: list[str] = []
        self.readings: dict[str, list[asyncio.Future[bool]]] = {}
        self.default: bool | None = True
        self.consumer = EventConsumer("https://queue", queue, self._deliver, self._report, self.statistics, 0.01)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self.queue.changed.clear()
                await self.queue.changed.wait()

    def _report(self, state: ConditionState) -> None:
        if not self.states or self.states[-1] != state:
            self.states.append(state)

    def _deliver(self, event: AzureEvent) -> Iterator[asyncio.Future[bool]]:
        self.delivered.append(event.resource)
        self.queue.changed.set()
        if self.default is None and event.resource not in self.readings:
            return
        for reading in self.readings.get(event.resource) or [asyncio.get_running_loop().create_future()]:
            if event.resource not in self.readings:
                reading.set_result(bool(self.default))
            yield reading


@asynccontextmanager
async def receiving(queue: FakeQueue) -> AsyncIterator[Reception]:
    reception = Reception(queue)
    task = asyncio.create_task(reception.consumer.run())
    try:
        yield reception
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_message_is_deleted_after_its_reading() -> None:
    # A crash before the reading must not lose the event.
    queue = FakeQueue([message(1)])
    async with receiving(queue) as reception:
        reading = asyncio.get_running_loop().create_future()
        reception.readings["nsg-1"] = [reading]
        await reception.until(lambda: reception.delivered == ["nsg-1"] and queue.receptions > 2)
        assert queue.done == []
        reading.set_result(True)
        await reception.until(lambda: queue.done == [("delete", "1 receipt-1")])
    assert reception.statistics.latency_sum == 5.0
    assert [state.status for state in reception.states] == ["True"]


async def test_the_message_of_a_failed_reading_stays_and_is_read_when_it_appears_again() -> None:
    queue = FakeQueue([message(1)])
    async with receiving(queue) as reception:
        reception.default = False
        await reception.until(lambda: reception.delivered == ["nsg-1"] and queue.receptions > 2)
        assert queue.done == []
        assert reception.statistics.latency_sum == 0
        reception.default = True
        queue.waiting.append(message(1, receptions=2))
        await reception.until(lambda: queue.done == [("delete", "1 receipt-2")])
    assert reception.delivered == ["nsg-1", "nsg-1"]


async def test_a_message_that_appears_again_while_in_hand_is_read_once_and_deleted_by_its_new_receipt() -> None:
    # A listing can take longer than a message stays hidden. The receipt of the first reception deletes nothing then.
    queue = FakeQueue([message(1)])
    async with receiving(queue) as reception:
        reading = asyncio.get_running_loop().create_future()
        reception.readings["nsg-1"] = [reading]
        await reception.until(lambda: reception.delivered == ["nsg-1"])
        queue.waiting.append(message(1, receptions=2))
        count = queue.receptions
        await reception.until(lambda: queue.receptions > count + 2)
        reading.set_result(True)
        await reception.until(lambda: queue.done == [("delete", "1 receipt-2")])
    assert reception.delivered == ["nsg-1"]


async def test_an_event_that_concerns_nothing_is_deleted() -> None:
    queue = FakeQueue([message(number) for number in range(100)])
    async with receiving(queue) as reception:
        reception.default = None
        await reception.until(lambda: len(queue.done) == 100)
    assert {what for what, _ in queue.done} == {"delete"}
    assert (reception.statistics.received, reception.statistics.ignored) == (100, 100)


async def test_unreadable_messages_and_those_that_return_are_set_aside() -> None:
    queue = FakeQueue([message(1, content="%%%"), message(2, receptions=MAX_RECEPTIONS + 1), message(3)])
    async with receiving(queue) as reception:
        await reception.until(lambda: len(queue.done) == 3)
    assert sorted(queue.done) == [
        ("delete", "3 receipt-1"),
        ("set aside", "1 receipt-1"),
        ("set aside", "2 receipt-6"),
    ]
    assert reception.delivered == ["nsg-3"]
    assert reception.statistics.poison == 2


async def test_a_queue_that_fails_is_reported_until_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_consumer, "ERROR_PAUSE_SECONDS", 0.01)
    queue = FakeQueue(failing={"receive": AzureError("Forbidden", "no role")})
    async with receiving(queue) as reception:
        await reception.until(lambda: queue.receptions > 3)
        queue.failing.clear()
        queue.waiting.append(message(1))
        await reception.until(lambda: queue.done == [("delete", "1 receipt-1")])
    refused, works = reception.states
    assert (refused.status, refused.reason, works.status) == ("False", "Forbidden", "True")
    assert refused.message == "receive at https://queue: no role; changes are detected at each interval only"


async def test_a_poison_queue_that_fails_is_reported_and_nothing_is_lost() -> None:
    queue = FakeQueue([message(1, content="%%%")], {"set aside": AzureError("NotFound", "no queue")})
    async with receiving(queue) as reception:
        await reception.until(lambda: len(reception.states) > 1)
    assert queue.done == []
    assert reception.states[-1].reason == "NotFound"
    assert reception.statistics.poison == 0


async def test_an_internal_error_ends_neither_the_reception_nor_the_other_messages() -> None:
    queue = FakeQueue([message(1), message(2)])
    async with receiving(queue) as reception:
        failing = asyncio.get_running_loop().create_future()
        failing.set_exception(RuntimeError("internal"))
        reception.readings["nsg-1"] = [failing]
        await reception.until(lambda: queue.done == [("delete", "2 receipt-1")])


async def test_a_flood_does_not_fill_the_memory() -> None:
    # A sender that may write to the queue can add millions of messages about one NSG that is slow to read.
    queue = FakeQueue([message(number) for number in range(3 * MAX_IN_HAND)])
    async with receiving(queue) as reception:
        slow: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        reception.readings = {f"nsg-{number}": [slow] for number in range(3 * MAX_IN_HAND)}
        await reception.until(lambda: len(reception.delivered) >= MAX_IN_HAND)
        await asyncio.sleep(0)
        assert len(reception.delivered) < MAX_IN_HAND + 32
        slow.set_result(True)
        await reception.until(lambda: len(queue.done) == 3 * MAX_IN_HAND)
