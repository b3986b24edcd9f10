"""Receives the events of one queue, has read what they concern, and deletes their messages afterwards.

A message is deleted only when its NSG was read, so a crash in between loses no event: the message appears again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import structlog

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.event_messages import UnreadableMessageError, events_of
from nsg_baseline.azure.event_queue import QueueMessage
from nsg_baseline.core import conditions
from nsg_baseline.core.azure_events import AzureEvent
from nsg_baseline.core.conditions import ConditionState
from nsg_baseline.engine.event_statistics import QueueStatistics

MAX_RECEPTIONS = 5
"""A message that was received more often is set aside: what it concerns could not be read."""
MAX_IN_HAND = 512
"""Messages that are received and not deleted. Their events wait for readings."""
CONCURRENT_REQUESTS = 16
SHORTEST_PAUSE_SECONDS = 0.25
PAUSE_GROWTH = 1.6
JITTER = 0.1
ERROR_PAUSE_SECONDS, MAX_ERROR_PAUSE_SECONDS = 5.0, 60.0
READING_SECONDS = 600.0
"""Limit of the time that a message waits for its readings."""
log = structlog.get_logger(__name__)


class Queue(Protocol):
    """A queue of messages; see `azure.event_queue.EventQueue`. Each method raises AzureError."""

    async def receive(self) -> list[QueueMessage]:
        """Receive some messages. They are hidden from other receivers for a while."""
        ...

    async def delete(self, message: QueueMessage) -> None:
        """Delete a message."""
        ...

    async def set_aside(self, message: QueueMessage) -> None:
        """Move a message to the queue of poison messages."""
        ...


class EventConsumer:
    """Consumes one queue until cancelled.

    Args:
        url: of the queue.
        queue: the queue.
        deliver: requests the readings that an event requires; returns their results. None if it requires none.
        report: called with the state of the queue when it may be another one.
        statistics: counts the messages.
        idle_seconds: longest pause between two receptions of an empty queue.
    """

    def __init__(
        self,
        url: str,
        queue: Queue,
        deliver: Callable[[AzureEvent], "Iterable[asyncio.Future[bool]]"],
        report: Callable[[ConditionState], None],
        statistics: QueueStatistics,
        idle_seconds: float,
    ) -> None:
        self._url = url
        self._queue = queue
        self._deliver = deliver
        self._report = report
        self._statistics = statistics
        self._idle_seconds = idle_seconds
        self._in_hand: dict[str, QueueMessage] = {}
        self._requests = asyncio.Semaphore(CONCURRENT_REQUESTS)
        self._room = asyncio.Event()
        self._failures: dict[str, AzureError] = {}

    async def run(self) -> None:
        """Receive messages until cancelled."""
        pause, error_pause = SHORTEST_PAUSE_SECONDS, ERROR_PAUSE_SECONDS
        async with asyncio.TaskGroup() as tasks:
            while True:
                messages = await self._receive()
                if messages is None:
                    await asyncio.sleep(max(error_pause, self._failures["receive"].retry_after))
                    error_pause = min(MAX_ERROR_PAUSE_SECONDS, 2 * error_pause)
                    continue
                error_pause = ERROR_PAUSE_SECONDS
                for message in messages:
                    if message.id not in self._in_hand:
                        tasks.create_task(self._consume(message.id))
                    # A message that appeared again while it is in hand can be deleted with its new receipt only.
                    self._in_hand[message.id] = message
                await self._have_room()
                if messages:
                    pause = SHORTEST_PAUSE_SECONDS
                    continue
                await asyncio.sleep(pause * (1 + random.uniform(-JITTER, JITTER)))  # noqa: S311 - spreads load
                pause = min(self._idle_seconds, pause * PAUSE_GROWTH)

    async def _receive(self) -> list[QueueMessage] | None:
        """Return new messages; None if they could not be received."""
        try:
            messages = await self._queue.receive()
        except AzureError as error:
            self._failed("receive", error)
            return None
        self._succeeded("receive")
        self._statistics.received += len(messages)
        return messages

    async def _have_room(self) -> None:
        while len(self._in_hand) >= MAX_IN_HAND:
            self._room.clear()
            await self._room.wait()

    async def _consume(self, message_id: str) -> None:
        try:
            await self._handle(message_id)
        except Exception:
            # The message appears again. An internal error must not end the reception of the others.
            log.exception("message not handled", queue=self._url)
        finally:
            self._in_hand.pop(message_id, None)
            self._room.set()

    async def _handle(self, message_id: str) -> None:
        message = self._in_hand[message_id]
        try:
            events = events_of(message.content)
        except UnreadableMessageError as error:
            log.warning("unreadable message", queue=self._url, message=message_id, error=str(error))
            await self._set_aside(message_id)
            return
        if message.dequeue_count > MAX_RECEPTIONS:
            log.warning("event not handled", queue=self._url, resource=events[0].resource[:512])
            await self._set_aside(message_id)
            return
        readings = [reading for event in events for reading in self._deliver(event)]
        if not readings:
            self._statistics.ignored += 1
        elif not await self._all_succeed(readings):
            # The message appears again.
            return
        else:
            self._statistics.handled(events)
        await self._request("delete", self._queue.delete, message_id)

    async def _all_succeed(self, readings: "Sequence[asyncio.Future[bool]]") -> bool:
        try:
            async with asyncio.timeout(READING_SECONDS):
                return all(await asyncio.gather(*readings))
        except TimeoutError:
            return False

    async def _set_aside(self, message_id: str) -> None:
        if await self._request("set aside", self._queue.set_aside, message_id):
            self._statistics.poison += 1

    async def _request(self, name: str, send: Callable[[QueueMessage], Awaitable[object]], message_id: str) -> bool:
        """Send a request about the latest reception of a message. Return whether it succeeded."""
        try:
            async with self._requests:
                await send(self._in_hand[message_id])
        except AzureError as error:
            self._failed(name, error)
            return False
        self._succeeded(name)
        return True

    def _failed(self, name: str, error: AzureError) -> None:
        if name not in self._failures:
            log.warning("request to the queue failed", queue=self._url, request=name, error=str(error))
        self._failures[name] = error
        self._report_state()

    def _succeeded(self, name: str) -> None:
        self._failures.pop(name, None)
        self._report_state()

    def _report_state(self) -> None:
        failure = next(iter(self._failures.items()), None)
        if failure is None:
            self._report(conditions.receiving_events(self._url))
        else:
            name, error = failure
            self._report(conditions.no_events(error.reason, f"{name} at {self._url}: {error.message}"))
