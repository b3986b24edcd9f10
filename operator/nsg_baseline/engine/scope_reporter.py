"""Reports the results of one scope's reconciles: its status, its incidents, the health of the process, and the log."""

from datetime import datetime

import structlog

from nsg_baseline.core import conditions
from nsg_baseline.core.conditions import ConditionState
from nsg_baseline.core.observations import Failure
from nsg_baseline.engine.guardrail_report import GuardrailBoard, report_violations
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.permissions import PermissionCache
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scope_report import ScopeConditions, report, report_events
from nsg_baseline.engine.scope_snapshot import ScopeResult, ScopeSnapshot
from nsg_baseline.kube.errors import KubeError

log = structlog.get_logger(__name__)


class ScopeReporter:
    """Stores what the reconciles of one scope observed. Nothing is raised.

    Attributes:
        must_report_events: whether the state of the queue is new.

    Args:
        name: the scope's name.
        dependencies: the ports.
        health: records each reconcile.
        board: receives the results of the guardrails; None if their statuses are not stored.
    """

    def __init__(self, name: str, dependencies: Dependencies, health: Health, board: GuardrailBoard | None) -> None:
        self._name = name
        self._dependencies = dependencies
        self._health = health
        self._board = board
        self._permissions = PermissionCache()
        self._conditions = ScopeConditions()
        self._queue: ConditionState | None = None
        self._missing: tuple[str, datetime] | None = None
        self.must_report_events = False

    async def report(self, snapshot: ScopeSnapshot, result: ScopeResult, seconds: float) -> bool:
        """Report a reconcile and its duration in seconds. Return False after an unexpected exception."""
        name = self._name
        try:
            # The permissions are read after the NSGs, so that they do not delay the detection of drift.
            self._conditions.permissions = await self._permissions.condition(self._dependencies, snapshot.scope)
            await report(self._dependencies, snapshot.scope, snapshot.baselines, result, self._conditions)
            await self._report_guardrails(snapshot, result)
        except KubeError as error:
            log.warning("status not saved", scope=name, reason=error.reason, message=error.message)
        except Exception:
            # An internal error in one scope must not stop the reconciles of the others.
            log.exception("scope not reported", scope=name)
            self._health.reconciled(name, seconds, whole=False)
            return False
        else:
            self._health.reconciled(name, seconds, whole=result.failure is None and not result.failed)
            _log(name, result, seconds)
        return True

    async def report_again(self, snapshot: ScopeSnapshot, failure: Failure | None) -> None:
        """Report the last failure again, because more time has passed since it began."""
        try:
            result = ScopeResult(failure=failure)
            await report(self._dependencies, snapshot.scope, snapshot.baselines, result, self._conditions)
        except Exception:
            # The next listing reports it.
            log.exception("scope not reported", scope=self._name)

    def events_missing(self, missing: tuple[str, datetime] | None) -> None:
        """Take the NSG whose change no event reported, and when the change was detected; None if there is none."""
        if missing != self._missing:
            self._missing, self.must_report_events = missing, True
            self._conditions.events = self._events_state()

    def _events_state(self) -> ConditionState | None:
        if self._queue is None or self._queue.status != "True" or self._missing is None:
            return self._queue
        nsg, detected = self._missing
        return conditions.events_missing(nsg, detected)

    def events_are(self, state: ConditionState | None) -> bool:
        """Take another state of the queue with the events of Azure. Return whether it must be reported."""
        if state != self._queue:
            self._queue, self.must_report_events = state, True
            self._conditions.events = self._events_state()
        return self.must_report_events

    async def report_events(self, snapshot: ScopeSnapshot | None) -> None:
        """Store the state of the queue if it is new. The next listing can be a day away."""
        self.must_report_events = False
        if snapshot is None:
            return
        try:
            await report_events(self._dependencies, snapshot.scope, self._conditions.events)
        except Exception:
            # The next listing reports it.
            log.exception("scope not reported", scope=self._name)

    async def _report_guardrails(self, snapshot: ScopeSnapshot, result: ScopeResult) -> None:
        if result.failure is not None and not result.guardrails:
            return
        is_complete = result.failure is None
        await report_violations(self._dependencies, snapshot, result.guardrails, is_complete=is_complete)
        if is_complete and self._board is not None:
            await self._board.report(self._name, result.guardrails)


def _log(name: str, result: ScopeResult, seconds: float) -> None:
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
