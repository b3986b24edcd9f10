"""The scopes as heartbeats report them: their stored status, and the reconciles of this process."""

import asyncio
from datetime import UTC, datetime

from nsg_baseline.alerts.watch import ScopeWatch
from nsg_baseline.api.durations import parse
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.core.conditions import find_condition
from nsg_baseline.engine.baseline_claims import scopes
from nsg_baseline.engine.health import Health, ReconcileTimes
from nsg_baseline.kube.store import Store, Stored


class WatchState:
    """Implements `alerts.watch.WatchSource`."""

    def __init__(self, store: Store, health: Health) -> None:
        self._store = store
        self._health = health

    def scopes(self) -> tuple[ScopeWatch, ...]:
        """Return all scopes, in the order of their names. A scope that is invalid is not watched, and says so."""
        watches = (
            self._watch(scope) if isinstance(scope, NSGScope) else _invalid(*scope) for scope in scopes(self._store)
        )
        return tuple(sorted(watches, key=lambda scope: scope.name))

    async def reconciled(self, seconds: float | None) -> bool:
        """Return True when a full reconcile has ended since the last call, and False after this many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._health.ended.wait()
        except TimeoutError:
            return False
        self._health.ended.clear()
        return True

    def _watch(self, scope: NSGScope) -> ScopeWatch:
        name = scope.metadata.name
        times = self._health.reconciles.get(name)
        ready = find_condition(scope.status.conditions, "Ready")
        is_failing = ready is not None and ready.status == "False"
        return ScopeWatch(
            name=name,
            nsgs=scope.status.nsgs,
            interval=parse(scope.spec.interval),
            reason=ready.reason if ready is not None and is_failing else "",
            message=ready.message if ready is not None and is_failing else "",
            since=ready.last_transition_time if ready is not None and is_failing else None,
            has_ended=times is not None,
            is_good=times is not None and times.is_whole,
            succeeded_at=_success(times),
        )


def _success(times: ReconcileTimes | None) -> datetime | None:
    if times is None or times.last_success is None:
        return None
    return datetime.fromtimestamp(times.last_success, UTC)


def _invalid(stored: Stored, error: InvalidObject) -> ScopeWatch:
    return ScopeWatch(stored.key.name, reason="InvalidSpec", message=str(error), has_ended=True)
