"""Requests for a listing before the interval of a scope is over."""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Trigger:
    """Collects requests for a listing until the loop takes them."""

    _now: bool = False
    _soon: bool = False
    _moved: bool = False
    _rung: asyncio.Event = field(default_factory=asyncio.Event)

    def ring(self) -> None:
        """Request a listing at once."""
        self._now = True
        self._rung.set()

    def ring_soon(self) -> None:
        """Request a listing as soon as the pause after the last one is over.

        Tenants cause these requests. Without the pause, their edits would make the scope list without end.
        """
        self._soon = True
        self._rung.set()

    def recompute(self) -> None:
        """End the wait without a listing, because the time of the next listing may have changed."""
        self._moved = True
        self._rung.set()

    async def wait(self, seconds: float, pause: float) -> bool:
        """Wait until a listing is requested.

        Args:
            seconds: the longest time to wait.
            pause: the time until a request by `ring_soon` is granted.

        Returns:
            Whether a listing is requested; False if the time is over or must be computed again.
        """
        clock = asyncio.get_running_loop().time
        end, granted = clock() + seconds, clock() + pause
        self._moved = False
        while not self._now and not (self._soon and granted <= clock()):
            limit = min(end, granted) if self._soon else end
            if self._moved or limit <= clock():
                return False
            await self._wait_until(limit)
        self._now = self._soon = False
        return True

    async def _wait_until(self, limit: float) -> None:
        try:
            async with asyncio.timeout_at(limit):
                await self._rung.wait()
        except TimeoutError:
            return
        self._rung.clear()
