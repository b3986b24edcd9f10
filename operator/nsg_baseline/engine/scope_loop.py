"""The loop of one scope: a whole pass at each interval, and looks at single NSGs between."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from nsg_baseline.api.durations import parse
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.observations import Observation
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.permissions import PermissionCache
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.reconcile_scope import ScopeReconciler, ScopeResult
from nsg_baseline.engine.scope_report import report
from nsg_baseline.engine.triggers import Trigger, Wake
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.store import Key

# Scopes of one interval must not all list at the same moment.
JITTER = 0.1
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ScopeSnapshot:
    """What is true of a scope right now: itself, all scopes, and the baselines that hold in it.

    `silent` are NSGs whose baselines are suspended or invalid: not looked at, and not without a baseline.
    """

    scope: NSGScope
    scopes: tuple[NSGScope, ...]
    held: Mapping[str, Key]
    silent: frozenset[str] = frozenset()


@dataclass(slots=True)
class ScopeLoop:
    """Passes over one scope, until cancelled. `ground` is asked before each pass; None ends the loop."""

    world: Dependencies
    ground: Callable[[], ScopeSnapshot | None]
    health: Health
    trigger: Trigger = field(default_factory=Trigger)
    _memory: dict[str, Observation] = field(default_factory=dict)
    _next_whole: float = 0.0
    _permitted: PermissionCache = field(default_factory=PermissionCache)

    async def run(self) -> None:
        """Look again and again."""
        wake = Wake(whole=True)
        while (ground := self.ground()) is not None:
            interval = parse(ground.scope.spec.interval).total_seconds()
            self.health.expect(ground.scope.metadata.name, interval)
            pause = await self._event(ground, wake)
            if wake.whole:
                spread = interval * (1 + random.uniform(-JITTER, JITTER))  # noqa: S311 - spreads load, guards nothing
                self._next_whole = time.monotonic() + max(spread, pause)
            wake = await self._sleep()

    async def _event(self, ground: ScopeSnapshot, wake: Wake) -> float:
        """Make one pass; return how many seconds Azure asked to be left alone."""
        try:
            tally = await self._pass(ground, wake)
        except KubeError as error:
            log.warning("not recorded", scope=ground.scope.metadata.name, reason=error.reason, message=error.message)
            return 0.0
        except Exception:
            # A fault of ours in one scope must not end the watch of the others; without passes liveness fails.
            log.exception("pass failed", scope=ground.scope.metadata.name)
            return 0.0
        return tally.failure.retry_after if tally.failure is not None else 0.0

    async def _pass(self, ground: ScopeSnapshot, wake: Wake) -> ScopeResult:
        one = ScopeReconciler(self.world, ground.scope, ground.scopes, ground.held, ground.silent, self._memory)
        if not wake.whole:
            return await one.run_only(wake.nsgs)
        started = time.monotonic()
        tally = await one.run()
        # After the pass: what may be done must not hold up what is seen.
        permitted = await self._permitted.look(self.world, ground.scope)
        await report(self.world, ground.scope, ground.held, tally, permitted)
        whole = tally.failure is None
        self.health.passed(ground.scope.metadata.name, time.monotonic() - started, whole=whole)
        log.info(
            "pass",
            scope=ground.scope.metadata.name,
            nsgs=tally.nsgs,
            drifted=tally.drifted,
            unbaselined=len(tally.unbaselined),
            failure=tally.failure.reason if tally.failure else None,
            seconds=round(time.monotonic() - started, 3),
        )
        return tally

    async def _sleep(self) -> Wake:
        """Wait for the next whole pass, an edit, or an NSG that falls due."""
        now = self.world.clock()
        dues = {key: seen.due for key, seen in self._memory.items() if seen.due is not None and seen.due > now}
        whole = max(0.0, self._next_whole - time.monotonic())
        first = min(dues.values(), default=None)
        until_due = _seconds(first, now) if first is not None else whole
        wake = await self.trigger.wait(min(whole, until_due))
        if wake.asked or until_due >= whole:
            return wake
        return Wake(whole=False, nsgs=frozenset(key for key, due in dues.items() if due <= self.world.clock()))


def _seconds(moment: datetime, now: datetime) -> float:
    return max(0.0, (moment - now).total_seconds())


async def ended(task: "asyncio.Task[None]") -> None:
    """Cancel a loop and wait until it is over."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
