"""Reconciles single NSGs in turns of their namespaces, concurrently with the listing of the scope."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from nsg_baseline.azure.rate_limit import Bucket
from nsg_baseline.core.shares import Shares, Task

RATE_PER_SECOND = 10.0
"""Reads per second. ARM grants 25; the listing, the Activity Log and remediations need the rest."""
BURST = 50.0


class ShareWorker:
    """Reconciles the NSGs in the shares, with limits of concurrency and rate.

    Attributes:
        shares: the waiting NSGs.

    Args:
        work: reconciles one NSG; it must not raise.
        clock: monotonic time in seconds.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        work: Callable[[str], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._work = work
        self._sleep = sleep
        self._rate = Bucket(BURST, RATE_PER_SECOND, clock)
        self._changed = asyncio.Event()
        self.shares = Shares(self._changed.set)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._carry_out(await self._next()))

    async def _next(self) -> Task:
        while True:
            self._changed.clear()
            pause = self._rate.seconds_until(1)
            if pause:
                await self._sleep(pause)
            elif (task := self.shares.take()) is not None:
                self._rate.spend()
                return task
            else:
                await self._changed.wait()

    async def _carry_out(self, task: Task) -> None:
        try:
            await self._work(task.nsg)
        finally:
            self.shares.finish(task)
