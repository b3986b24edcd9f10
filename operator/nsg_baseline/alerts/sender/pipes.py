"""The pipes to a sender process. Writes requests and reads answers in an event loop, without blocking."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field

from nsg_baseline.alerts.sender.protocol import Numbered, Request, decode_answer, encode

END_SECONDS = 5.0
"""Time in seconds for a sender to end its children, after which it is killed. Usually it takes milliseconds."""
_CHUNK = 1 << 16


@dataclass(slots=True)
class SenderPipes:
    """A running sender. Subprocesses of asyncio would warn if the event loop of a test ends before them.

    Attributes:
        answered: Called with each answer, or part of one.
        ended: Called when the process has ended.
    """

    process: "subprocess.Popen[bytes]"
    loop: asyncio.AbstractEventLoop
    answered: Callable[[Numbered], None]
    ended: Callable[[], None]
    _requests: int = -1
    _answers: int = -1
    _unsent: bytearray = field(default_factory=bytearray)
    _received: bytes = b""

    def __post_init__(self) -> None:
        """Start to read answers in the event loop."""
        assert self.process.stdin is not None  # noqa: S101 - for the type checker
        assert self.process.stdout is not None  # noqa: S101 - for the type checker
        self._requests, self._answers = self.process.stdin.fileno(), self.process.stdout.fileno()
        for descriptor in (self._requests, self._answers):
            os.set_blocking(descriptor, False)
        self.attach(self.loop)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use another event loop; the previous one is closed."""
        self.loop = loop
        loop.add_reader(self._answers, self._read)

    def write(self, request: Request) -> None:
        """Write a request.

        Raises:
            OSError: The process has ended.
        """
        self._unsent += encode(request)
        self._flush()

    def close(self) -> None:
        """End the process and wait for it."""
        if not self.loop.is_closed():
            self.loop.remove_reader(self._answers)
            self.loop.remove_writer(self._requests)
        # At the end of its input, it kills its children, waits for them, and ends.
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                del self._unsent[: os.write(self._requests, self._unsent)]
        if self._unsent:
            self.loop.add_writer(self._requests, self._continue)
        else:
            self.loop.remove_writer(self._requests)

    def _continue(self) -> None:
        try:
            self._flush()
        except OSError:
            self.ended()

    def _read(self) -> None:
        try:
            data = os.read(self._answers, _CHUNK)
        except BlockingIOError:
            return
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self.answered(decode_answer(line))
        if not data:
            self.ended()
