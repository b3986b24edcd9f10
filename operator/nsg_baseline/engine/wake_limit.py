"""A limit for what tenants can write again and again: each object wakes a loop at once, and then after a pause."""

import asyncio
from collections.abc import Callable

from nsg_baseline.api.common import ObjectKey

PAUSE_SECONDS = 30.0


class WakeLimit:
    """Grants each object one wake per pause. What is refused is tried again at the end of the pause.

    Args:
        again: called with the key of an object that was refused.
    """

    def __init__(self, again: Callable[[ObjectKey], None]) -> None:
        self._again = again
        self._granted: dict[ObjectKey, float] = {}
        self._waiting: set[ObjectKey] = set()

    def grant(self, key: ObjectKey) -> bool:
        """Return whether the object may wake a loop now."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._granted = {name: time for name, time in self._granted.items() if now - time < PAUSE_SECONDS}
        if key not in self._granted:
            self._granted[key] = now
            return True
        if key not in self._waiting:
            self._waiting.add(key)
            loop.call_at(self._granted[key] + PAUSE_SECONDS, self._try_again, key)
        return False

    def _try_again(self, key: ObjectKey) -> None:
        self._waiting.discard(key)
        self._again(key)
