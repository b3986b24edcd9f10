"""Hints of Azure's events to one scope, from their arrival until the scope has read what they concern."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

WINDOW_SECONDS = 1.0
"""Time from the first hint to the reading, so that a burst of writes is one reading. Later hints do not prolong it."""
LISTING = ""
"""The key of the listing; NSGs have their folded id as key."""


@dataclass(slots=True)
class HintedReading:
    """A reading, and whether hints asked for it. The reader sets `succeeded`."""

    is_hinted: bool
    succeeded: bool = False


class ScopeHints:
    """Collects hints in a window, requests a reading, and tells the senders how it ended.

    Args:
        request: requests the reading of an NSG by its folded id, or a listing (`LISTING`).
        window: seconds from the first hint to the request.
    """

    def __init__(self, request: Callable[[str], None], window: float = WINDOW_SECONDS) -> None:
        self._request = request
        self._window = window
        self._waiting: dict[str, list[asyncio.Future[bool]]] = {}
        self._is_closed = False

    def add(self, key: str) -> "asyncio.Future[bool]":
        """Request a reading that begins after now. The result is whether it succeeded."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if self._is_closed:
            future.set_result(False)
            return future
        futures = self._waiting.setdefault(key, [])
        if not futures:
            loop.call_later(self._window, self._request, key)
        futures.append(future)
        return future

    @contextmanager
    def reading(self, key: str) -> Iterator[HintedReading]:
        """Answer the hints that arrived before a reading with its result. Later hints wait for the next reading."""
        futures = self._waiting.pop(key, [])
        outcome = HintedReading(is_hinted=bool(futures))
        try:
            yield outcome
        finally:
            _answer(futures, succeeded=outcome.succeeded)

    def close(self) -> None:
        """Answer all hints: nothing is read any more."""
        self._is_closed = True
        for futures in self._waiting.values():
            _answer(futures, succeeded=False)
        self._waiting.clear()


def _answer(futures: list["asyncio.Future[bool]"], *, succeeded: bool) -> None:
    for future in futures:
        if not future.done():
            future.set_result(succeeded)
