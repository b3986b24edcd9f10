"""The client of the sender process, which starts it at the first message and ends it when there are no messages."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from nsg_baseline.alerts.sender.pipes import SenderPipes
from nsg_baseline.alerts.sender.protocol import (
    Answer,
    Call,
    Describe,
    Description,
    Numbered,
    Poll,
    Render,
    Rendered,
    Request,
    Seen,
    Send,
)
from nsg_baseline.alerts.sender.slots import Slot, Slots

IDLE_SECONDS = 60.0
"""Time in seconds after which an unused sender ends. It uses 25 MiB, and starts in less than a second."""
GRACE_SECONDS = 30.0
"""Time in seconds after the deadline of a send at which a sender that does not respond is killed."""
COMMAND = (sys.executable, "-P", "-m", "nsg_baseline.alerts.sender")
# The operator's environment contains credentials. Only these variables are passed on.
ENVIRONMENT = (
    *("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)


@dataclass(slots=True)
class Turn:
    """The right to send one message."""

    sender: "Sender"
    slot: Slot
    is_used: bool = False

    async def send(self, send: Send) -> Answer:
        """Send the message."""
        answer, _ = await self._ask(send)
        return answer

    async def call(self, call: Call) -> Answer:
        """Request a URL."""
        answer, _ = await self._ask(call)
        return answer

    async def describe(self, ask: Describe) -> list[Description]:
        """Return the descriptions of URLs, in no order. Some are missing if the process ended before."""
        _, parts = await self._ask(ask)
        return [part for part in parts if isinstance(part, Description)]

    async def poll(self, ask: Poll) -> tuple[Answer, list[Seen]]:
        """Return which alerts are acknowledged. The answer says whether all of them were read."""
        answer, parts = await self._ask(ask)
        return answer, [part for part in parts if isinstance(part, Seen)]

    async def render(self, ask: Render) -> tuple[Answer, list[Rendered]]:
        """Return the results of templates. The turn can still be used to send the message."""
        try:
            pending = self.sender.begin(ask)
        except OSError:
            return Answer("killed"), []
        try:
            answer = await asyncio.shield(pending.future)
        except asyncio.CancelledError:
            self.is_used = True
            self.sender.release_after(pending, self.slot)
            raise
        return answer, [part for part in pending.parts if isinstance(part, Rendered)]

    async def _ask(self, ask: Send | Describe | Call | Poll) -> tuple[Answer, list[Description | Rendered | Seen]]:
        try:
            pending = self.sender.begin(ask)
        except OSError:
            return Answer("killed"), []
        self.is_used = True
        self.sender.release_after(pending, self.slot)
        return await asyncio.shield(pending.future), pending.parts


@dataclass(slots=True)
class Pending:
    """A request without an answer."""

    future: asyncio.Future[Answer]
    overdue: asyncio.TimerHandle
    parts: list[Description | Rendered | Seen] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Sender:
    """A sender process, which is started again whenever it has ended. It belongs to the event loop that uses it."""

    command: Sequence[str] = COMMAND
    idle_seconds: float = IDLE_SECONDS
    _pipes: SenderPipes | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _slots: Slots = field(default_factory=Slots)
    _pending: dict[int, Pending] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=count)
    _retirement: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, namespace: str, *, is_operator: bool, urgent: bool = False) -> AsyncIterator["Turn"]:
        """Wait for a slot and yield the right to send one message.

        The slot stays in use until the child has ended, even if the caller is cancelled.

        Args:
            namespace: The namespace of the route.
            is_operator: Whether it is the namespace of the operator.
            urgent: Precede the other messages of the namespace.
        """
        self._attach(asyncio.get_running_loop())
        slots = self._slots
        turn = Turn(self, await slots.acquire(namespace, is_operator=is_operator, urgent=urgent))
        try:
            yield turn
        finally:
            if not turn.is_used:
                slots.release(turn.slot)

    @property
    def pid(self) -> int | None:
        """The process id of the sender; None if it is not running."""
        return self._pipes.process.pid if self._pipes is not None else None

    def close(self) -> None:
        """End the sender and all its sends."""
        if self._retirement is not None:
            self._retirement.cancel()
        self._drop()

    def _attach(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is loop:
            return
        # Futures and slots belong to an event loop. A process can be used again with another event loop.
        self._loop, self._slots, self._pending, self._retirement = loop, Slots(), {}, None
        if self._pipes is not None:
            self._pipes.attach(loop)

    def release_after(self, pending: Pending, slot: Slot) -> None:
        """Release a slot with the answer to a request."""
        slots = self._slots
        pending.future.add_done_callback(lambda _: slots.release(slot))

    def begin(self, ask: Send | Describe | Call | Poll | Render) -> Pending:
        """Start a request.

        Raises:
            OSError: No further process or file descriptor is available.
        """
        loop = asyncio.get_running_loop()
        if self._retirement is not None:
            self._retirement.cancel()
        request = Request(next(self._numbers), ask)
        try:
            self._running(loop).write(request)
        except BrokenPipeError:
            # The process has ended, but the event loop has not noticed it yet.
            self._drop()
            self._running(loop).write(request)
        future: asyncio.Future[Answer] = loop.create_future()
        overdue = loop.call_later(ask.seconds + GRACE_SECONDS, self._drop)
        pending = self._pending[request.number] = Pending(future, overdue)
        return pending

    def _running(self, loop: asyncio.AbstractEventLoop) -> SenderPipes:
        if self._pipes is None:
            self._pipes = self._start(loop)
        return self._pipes

    def _start(self, loop: asyncio.AbstractEventLoop) -> SenderPipes:
        process = subprocess.Popen(  # noqa: S603 - this project's own module
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            # A signal from a terminal goes to the operator, which ends the sender in order.
            start_new_session=True,
        )
        return SenderPipes(process, loop, self._answer, self._drop)

    def _answer(self, numbered: Numbered) -> None:
        number, answer = numbered.number, numbered.answer
        if not isinstance(answer, Answer):
            if number in self._pending:
                self._pending[number].parts.append(answer)
            return
        pending = self._pending.pop(number, None)
        if pending is None:
            return
        pending.overdue.cancel()
        if not pending.future.done():
            pending.future.set_result(answer)
        if not self._pending:
            loop = asyncio.get_running_loop()
            self._retirement = loop.call_later(self.idle_seconds, self._drop)

    def _drop(self) -> None:
        """End the process. The answer to its running sends is `killed`."""
        pipes, self._pipes = self._pipes, None
        if pipes is not None:
            pipes.close()
        pending, self._pending = self._pending, {}
        for entry in pending.values():
            entry.overdue.cancel()
            with contextlib.suppress(RuntimeError):  # its event loop is closed
                if not entry.future.done():
                    entry.future.set_result(Answer("killed"))
