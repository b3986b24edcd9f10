"""Splits long work into slices, so that the event loop also serves probes, alerts and other scopes."""

import asyncio
import time
from collections.abc import Callable

SLICE_SECONDS = 0.02


class Turns:
    """Yields to the event loop at the end of each time slice.

    Args:
        clock: monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + SLICE_SECONDS

    async def give(self) -> None:
        """Yield to the event loop if the slice is over. Call it between two parts of the work."""
        if self._clock() >= self._end:
            await asyncio.sleep(0)
            self._end = self._clock() + SLICE_SECONDS
