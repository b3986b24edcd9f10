"""The loop of one scope: all NSGs at each interval, and single NSGs in between."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.durations import parse
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.observations import Observation, internal_failure
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.permissions import PermissionCache
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.reconcile_scope import ScopeReconciler, ScopeResult
from nsg_baseline.engine.scope_report import report
from nsg_baseline.engine.triggers import Trigger, Wake
from nsg_baseline.kube.errors import KubeError

JITTER = 0.1
"""Random variation as a share of the interval, so that scopes with equal intervals do not list simultaneously."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ScopeSnapshot:
    """A scope as it is now.

    Attributes:
        scope: the scope.
        scopes: all scopes.
        baselines: the scope's active baselines, by folded NSG id.
        inactive: folded ids of NSGs whose baselines are suspended or invalid. These NSGs are not reconciled, and they
            do not count as unbaselined.
    """

    scope: NSGScope
    scopes: tuple[NSGScope, ...]
    baselines: Mapping[str, ObjectKey]
    inactive: frozenset[str] = frozenset()


@dataclass(slots=True)
class ScopeLoop:
    """Reconciles one scope until it is cancelled. `current` is called before each reconcile; None ends the loop."""

    dependencies: Dependencies
    current: Callable[[], ScopeSnapshot | None]
    health: Health
    trigger: Trigger = field(default_factory=Trigger)
    _memory: dict[str, Observation] = field(default_factory=dict)
    _next_listing: float = 0.0
    _permissions: PermissionCache = field(default_factory=PermissionCache)
    _crashed: bool = False

    async def run(self) -> None:
        """Reconcile at each interval, and single NSGs in between."""
        wake = Wake(whole=True)
        while (snapshot := self.current()) is not None:
            interval = parse(snapshot.scope.spec.interval).total_seconds()
            if not self._crashed:
                # After repeated crashes the deadline passes, the liveness probe fails, and the process is restarted.
                self.health.expect(snapshot.scope.metadata.name, interval)
            pause = await self._reconcile(snapshot, wake)
            if wake.whole:
                spread = interval * (1 + random.uniform(-JITTER, JITTER))  # noqa: S311 - spreads load, guards nothing
                self._next_listing = time.monotonic() + max(spread, pause)
            wake = await self._sleep()

    async def _reconcile(self, snapshot: ScopeSnapshot, wake: Wake) -> float:
        """Reconcile once and return how many seconds Azure asked to wait before the next request."""
        started, name = time.monotonic(), snapshot.scope.metadata.name
        try:
            result = await self._observe(snapshot, wake)
            if wake.whole or (result.failure is not None and result.failure.internal):
                await self._report(snapshot, result, time.monotonic() - started)
        except KubeError as error:
            log.warning("status not saved", scope=name, reason=error.reason, message=error.message)
            return 0.0
        except Exception:
            # An internal error in one scope must not stop the reconciles of the others.
            log.exception("scope status not computed", scope=name)
            self._crashed = True
            self.health.reconciled(name, time.monotonic() - started, whole=False)
            return 0.0
        return result.failure.retry_after if result.failure is not None else 0.0

    async def _observe(self, snapshot: ScopeSnapshot, wake: Wake) -> ScopeResult:
        """Reconcile the NSGs. An unexpected exception is reported as a failure of the scope."""
        reconciler = ScopeReconciler(
            self.dependencies,
            snapshot.scope,
            snapshot.scopes,
            snapshot.baselines,
            snapshot.inactive,
            self._memory,
        )
        try:
            result = await (reconciler.run() if wake.whole else reconciler.run_only(wake.nsgs))
        except Exception as error:
            log.exception("reconcile failed", scope=snapshot.scope.metadata.name)
            self._crashed = True
            return ScopeResult(failure=internal_failure(error))
        if wake.whole:
            self._crashed = False
        return result

    async def _report(self, snapshot: ScopeSnapshot, result: ScopeResult, seconds: float) -> None:
        # The permissions are read after the NSGs, so that they do not delay the detection of drift.
        permissions = await self._permissions.look(self.dependencies, snapshot.scope)
        await report(self.dependencies, snapshot.scope, snapshot.baselines, result, permissions)
        name = snapshot.scope.metadata.name
        self.health.reconciled(name, seconds, whole=result.failure is None and not result.failed)
        log.info(
            "scope reconciled",
            scope=name,
            nsgs=result.nsgs,
            drifted=result.drifted,
            unbaselined=len(result.unbaselined),
            unreadable=result.unreadable,
            failed=result.failed,
            unsaved=result.unsaved,
            failure=result.failure.reason if result.failure else None,
            seconds=round(seconds, 3),
        )

    async def _sleep(self) -> Wake:
        """Wait for the next listing, an edit, or an NSG that is due."""
        now = self.dependencies.clock()
        dues = {
            nsg: observation.due
            for nsg, observation in self._memory.items()
            if observation.due is not None and observation.due > now
        }
        until_listing = max(0.0, self._next_listing - time.monotonic())
        first = min(dues.values(), default=None)
        until_due = _seconds(first, now) if first is not None else until_listing
        wake = await self.trigger.wait(min(until_listing, until_due))
        if wake.asked or until_due >= until_listing:
            return wake
        now = self.dependencies.clock()
        return Wake(whole=False, nsgs=frozenset(nsg for nsg, due in dues.items() if due <= now))


def _seconds(moment: datetime, now: datetime) -> float:
    return max(0.0, (moment - now).total_seconds())


async def ended(task: "asyncio.Task[None]") -> None:
    """Cancel a loop and wait until it has ended."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
