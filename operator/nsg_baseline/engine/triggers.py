"""Requests for a listing before the interval of a scope is over."""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Trigger:
    """Collects requests for a listing until the loop takes them."""

    _now: bool = False
    _soon: bool = False
    _event: bool = False
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

    def ring_for_event(self) -> None:
        """Request a listing because of an event of Azure, as soon as the shorter pause after the last one is over."""
        self._event = True
        self._rung.set()

    def recompute(self) -> None:
        """End the wait without a listing, because the time of the next listing may have changed."""
        self._moved = True
        self._rung.set()

    async def wait(self, seconds: float, pause: float, event_pause: float = 0.0) -> bool:
        """Wait until a listing is requested.

        Args:
            seconds: the longest time to wait.
            pause: the time until a request by `ring_soon` is granted.
            event_pause: the time until a request by `ring_for_event` is granted.

        Returns:
            Whether a listing is requested; False if the time is over or must be computed again.
        """
        clock = asyncio.get_running_loop().time
        end, granted, granted_for_event = clock() + seconds, clock() + pause, clock() + event_pause
        while not self._now:
            requests = [
                moment for is_set, moment in ((self._soon, granted), (self._event, granted_for_event)) if is_set
            ]
            if requests and min(requests) <= clock():
                break
            limit = min([end, *requests])
            if self._moved or limit <= clock():
                # It may have been set before this wait, after the times were computed.
                self._moved = False
                return False
            await self._wait_until(limit)
        self._now = self._soon = self._event = False
        return True

    async def _wait_until(self, limit: float) -> None:
        try:
            async with asyncio.timeout_at(limit):
                await self._rung.wait()
        except TimeoutError:
            return
        self._rung.clear()
