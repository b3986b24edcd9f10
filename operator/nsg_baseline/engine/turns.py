"""Long work in slices, so that the event loop also serves probes, alerts and other scopes."""

import asyncio
import time
from collections.abc import Callable

SLICE_SECONDS = 0.02


class Turns:
    """Gives the event loop a turn whenever a slice of time is used up.

    Args:
        clock: monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + SLICE_SECONDS

    async def give(self) -> None:
        """Let the event loop run if the slice is used up. Call it between two pieces of work."""
        if self._clock() >= self._end:
            await asyncio.sleep(0)
            self._end = self._clock() + SLICE_SECONDS
