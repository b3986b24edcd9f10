"""Wakes a scope's loop before its interval is over."""

import asyncio
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Wake:
    """Why a scope's loop continues.

    Attributes:
        whole: reconcile all NSGs of the scope.
        nsgs: otherwise, the folded ids of the NSGs to reconcile.
        asked: an edit woke the loop, not the end of the wait.
    """

    whole: bool
    nsgs: frozenset[str] = frozenset()
    asked: bool = False


@dataclass(slots=True)
class Trigger:
    """Collects edits until the loop takes them. More than `many` edited NSGs are read by one listing."""

    many: int = 20
    _nsgs: set[str] = field(default_factory=set)
    _whole: bool = False
    _rung: asyncio.Event = field(default_factory=asyncio.Event)

    def edited(self, nsg: str) -> None:
        """Request a reconcile of one NSG, by its folded id."""
        self._nsgs.add(nsg)
        self._rung.set()

    def ring(self) -> None:
        """Request a full reconcile."""
        self._whole = True
        self._rung.set()

    async def wait(self, seconds: float) -> Wake:
        """Wait for a request, at most this many seconds. After that, return a full reconcile."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return Wake(whole=True)
        return self._take()

    def _take(self) -> Wake:
        nsgs, whole = frozenset(self._nsgs), self._whole or len(self._nsgs) > self.many
        self._nsgs.clear()
        self._whole = False
        self._rung.clear()
        return Wake(whole=whole, nsgs=frozenset() if whole else nsgs, asked=True)
