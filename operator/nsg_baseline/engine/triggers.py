"""What wakes a scope's loop before its interval is over."""

import asyncio
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Wake:
    """Why the loop goes on: for a whole pass, or for some NSGs alone; and whether somebody asked."""

    whole: bool
    nsgs: frozenset[str] = frozenset()
    asked: bool = False


@dataclass(slots=True)
class Trigger:
    """Collects edits until the loop takes them. Many edits are cheaper in one listing than one by one."""

    many: int = 20
    _nsgs: set[str] = field(default_factory=set)
    _whole: bool = False
    _rung: asyncio.Event = field(default_factory=asyncio.Event)

    def edited(self, nsg: str) -> None:
        """Ask for a look at one NSG, by its folded id."""
        self._nsgs.add(nsg)
        self._rung.set()

    def ring(self) -> None:
        """Ask for a whole pass."""
        self._whole = True
        self._rung.set()

    async def wait(self, seconds: float) -> Wake:
        """Return when somebody asked, or when the time is over: then for a whole pass."""
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
