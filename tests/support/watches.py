"""Scopes in memory, for tests of heartbeats."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta

from nsg_baseline.alerts.watch import ScopeWatch
from tests.support.alerts import START

GOOD = ScopeWatch("production", 300, has_ended=True, is_good=True, succeeded_at=START)
OTHERS = (replace(GOOD, name="staging", nsgs=200), replace(GOOD, name="test", nsgs=12))
LOST = replace(
    GOOD,
    is_good=False,
    reason="Forbidden",
    message="the identity lacks the read permission",
    since=START - timedelta(hours=5),
)


@dataclass(slots=True)
class MemoryWatch:
    """Scopes that a test sets."""

    current: tuple[ScopeWatch, ...] = (GOOD, *OTHERS)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def scopes(self) -> tuple[ScopeWatch, ...]:
        return self.current

    async def reconciled(self, seconds: float | None) -> bool:
        del seconds
        await self.ended.wait()
        self.ended.clear()
        return True

    def advance(self, **units: float) -> None:
        """Let each scope that succeeded succeed again, later."""
        self.current = tuple(
            replace(scope, succeeded_at=scope.succeeded_at + timedelta(**units))
            if scope.succeeded_at is not None
            else scope
            for scope in self.current
        )
