"""Delivery of events as messages, as Event Grid delivers them: at least once, in any order, late, also in batches."""

import asyncio
import base64
import contextlib
import inspect
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from nsg_emulator.arm.emulated_azure import utc_now
from nsg_emulator.arm.emulator import ArmEmulator
from nsg_emulator.arm.event_filters import EventFilter
from nsg_emulator.arm.events import Event, Schema, unrelated_event

Target = Callable[[str], Awaitable[None] | None]
"""Gets the content of each message. An OSError means that the message did not arrive; it is sent again."""
POISON = (
    "",
    "%%%",
    "not base64, not JSON",
    base64.b64encode(b"\xff\xfe\x00").decode(),
    base64.b64encode(b"{").decode(),
    base64.b64encode(b"42").decode(),
    base64.b64encode(b"[[]]").decode(),
    base64.b64encode(b'{"no": "id"}').decode(),
    '{"id": 1, "eventType": [], "data": "text"}',
    '{"id": "a", "specversion": "1.0", "type": "Microsoft.Resources.ResourceWriteSuccess", "subject": null}',
)
"""Contents of messages that are no events."""
_ALL = EventFilter()
_CONCURRENT = 16
_WINDOW_SECONDS = 0.2


@dataclass(slots=True)
class DeliveryFaults:
    """How delivery misbehaves. Each value can be changed while events are delivered.

    Attributes:
        copies: The number of messages for each event; 2 delivers each event twice.
        window: The number of events that are shuffled; 1 keeps their order.
        batch: The number of events in a message, as a JSON list; 0 sends a single event without a list.
        delay: The least and the greatest delay of a message, in seconds.
    """

    copies: int = 1
    window: int = 1
    batch: int = 0
    delay: tuple[float, float] = (0.0, 0.0)


class Delivery:
    """Delivers the events of an emulator to a target.

    Attributes:
        faults: How delivery misbehaves.
        sent: The number of messages that the target accepted.
        failed: The number of attempts that the target did not accept.
    """

    def __init__(
        self, target: Target, *, schema: Schema, encoded: bool, retry: Sequence[float], choice: random.Random
    ) -> None:
        """Prepare a delivery; `deliver` runs it."""
        self.faults = DeliveryFaults()
        self.sent = self.failed = 0
        self._target, self._schema, self._encoded, self._retry, self._choice = target, schema, encoded, retry, choice
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._taken = self._ended = 0
        self._progress = asyncio.Condition()
        self._places = asyncio.Semaphore(_CONCURRENT)

    def take(self, event: Event) -> None:
        """Take over an event. The emulator may be served by another thread."""
        self._taken += 1
        self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    def take_unrelated(self, count: int, subscription: str) -> None:
        """Take over events of other resource types, all with the time of this call."""
        now = utc_now()
        for _ in range(count):
            self.take(unrelated_event(subscription, now, self._choice))

    async def send_text(self, content: str) -> None:
        """Send a message with any content, such as one of POISON."""
        await self._attempt(content)

    async def idle(self) -> None:
        """Wait until each event that was taken has been delivered."""
        async with self._progress:
            await self._progress.wait_for(lambda: self._ended == self._taken)

    async def run(self) -> None:
        """Deliver events until this is cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                events = await self._window()
                if self.faults.window > 1:
                    self._choice.shuffle(events)
                for some in _parts(events, self.faults.batch or 1):
                    group.create_task(self._deliver(some))

    async def _window(self) -> list[Event]:
        """Return the next event, or a window of events; a window ends early if no further event comes."""
        events = [await self._events.get()]
        with contextlib.suppress(TimeoutError):
            while len(events) < max(self.faults.window, self.faults.batch):
                events.append(await asyncio.wait_for(self._events.get(), _WINDOW_SECONDS))
        return events

    async def _deliver(self, events: list[Event]) -> None:
        content = self._content([event.document(self._schema) for event in events])
        for _ in range(self.faults.copies):
            await asyncio.sleep(self._choice.uniform(*self.faults.delay))
            await self._attempt(content)
        async with self._progress:
            self._ended += len(events)
            self._progress.notify_all()

    def _content(self, documents: list[dict[str, Any]]) -> str:
        text = msgspec.json.encode(documents if self.faults.batch else documents[0])
        return base64.b64encode(text).decode() if self._encoded else text.decode()

    async def _attempt(self, content: str) -> None:
        """Send a message, and again until the target accepts it. The last wait is repeated."""
        async with self._places:
            for wait in itertools.chain(self._retry, itertools.repeat(self._retry[-1])):
                if await self._accepted(content):
                    return
                await asyncio.sleep(wait)

    async def _accepted(self, content: str) -> bool:
        try:
            result = self._target(content)
            if inspect.isawaitable(result):
                await result
        except OSError:
            self.failed += 1
            return False
        self.sent += 1
        return True


@contextlib.asynccontextmanager
async def deliver(
    emulator: ArmEmulator,
    target: Target,
    *,
    schema: Schema = "EventGridSchema",
    encoded: bool = True,
    accepts: Callable[[Event], bool] = _ALL,
    retry: Sequence[float] = (0.2, 0.5, 1.0),
    seed: int = 0,
) -> AsyncIterator[Delivery]:
    """Deliver the events of an emulator until the block ends. What is not delivered then is lost.

    Args:
        emulator: The emulator whose changes become events.
        target: Gets each message; `storage_queue` is one, and any callable that takes a text.
        schema: The schema of the event subscription.
        encoded: Encode messages as base64, as Event Grid does for Storage Queues.
        accepts: The filter of the event subscription, such as an EventFilter.
        retry: Seconds between attempts. Event Grid starts with 10; the emulator is quicker, for tests.
        seed: Seed of delays and shuffles.
    """
    delivery = Delivery(target, schema=schema, encoded=encoded, retry=retry, choice=random.Random(seed))  # noqa: S311 - no secret

    def listen(event: Event) -> None:
        if accepts(event):
            delivery.take(event)

    emulator.events.listeners.append(listen)
    running = asyncio.create_task(delivery.run())
    try:
        yield delivery
    finally:
        emulator.events.listeners.remove(listen)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def _parts(events: list[Event], size: int) -> list[list[Event]]:
    return [events[start : start + size] for start in range(0, len(events), size)]
