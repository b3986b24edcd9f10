"""The lives of an operator that tests end by signals, and the messages that belong to each."""

import asyncio
import contextlib
import signal
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from nsg_baseline.cli.demo.receiver import Receiver
from nsg_emulator.arm.requests import RequestRecord
from nsg_emulator.kube.request_log import Logged
from tests.engine.operator_process import OperatorProcess


@dataclass(frozen=True, slots=True)
class Begin:
    """The begin of a life: the number of messages of each receiver then, and whether a kill ended the life before."""

    counts: tuple[int, ...]
    after_kill: bool


@dataclass(slots=True)
class OperatorLives:
    """Ends and starts the operator.

    A life begins with the first request of its process. A message that arrives before it is one of the life before:
    the process that sends it outlives a killed operator.
    """

    operator: OperatorProcess
    receivers: Sequence[Receiver]
    begins: list[Begin] = field(default_factory=list)
    _ended_by: set[signal.Signals] = field(default_factory=set)
    _left: int = 0
    _writes_only: bool = False
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        environment = self.operator.environment
        environment.cluster.api.requests.listeners.append(self._on_request)
        environment.azure.emulator.requests.listeners.append(self._on_request)

    async def live(self, requests: int, seconds: float, *, writes_only: bool = False) -> None:
        """Let the operator make a number of requests or writes, at most for some seconds after the first.

        A number of requests is a random moment of its work however busy the machine is. Messages are sent between
        two writes.
        """
        self._left, self._writes_only = requests, writes_only
        async with asyncio.timeout(60):
            while self._ended_by:
                await self._next_request()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._left > 0:
                    await self._next_request()

    async def end(self, how: signal.Signals) -> None:
        """End the operator with a signal, and start it again."""
        await self.operator.environment.stop_operator(how)
        self._ended_by.add(how)
        self.operator.start()

    def repeats(self) -> Iterator[tuple[str, bool]]:
        """Yield the key of each repeated message, and whether a kill happened since the message before it."""
        for index, receiver in enumerate(self.receivers):
            arrivals = defaultdict(list)
            for number, alert in enumerate(receiver.alerts):
                arrivals[alert["key"]].append(number)
            for key, numbers in arrivals.items():
                for first, second in pairwise(numbers):
                    yield key, any(begin.after_kill and first < begin.counts[index] <= second for begin in self.begins)

    async def _next_request(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    def _on_request(self, request: RequestRecord | Logged) -> None:
        if not self._writes_only or request.method == "PATCH":
            self._left -= 1
        self._moved.set()
        if self._ended_by:
            counts = tuple(len(receiver.alerts) for receiver in self.receivers)
            self.begins.append(Begin(counts, signal.SIGKILL in self._ended_by))
            self._ended_by.clear()
