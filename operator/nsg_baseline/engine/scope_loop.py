"""The loop of one scope: all NSGs at each interval, and single NSGs in between."""

import asyncio
import random
import time
from collections.abc import Callable
from datetime import datetime

import structlog

from nsg_baseline.api.durations import parse
from nsg_baseline.api.incident import DetectedBy
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.conditions import ConditionState
from nsg_baseline.core.decisions import Reading
from nsg_baseline.core.missing_events import MissingEvents
from nsg_baseline.core.observations import Failure, Observation, internal_failure
from nsg_baseline.core.scope_decisions import lost_at
from nsg_baseline.engine.guardrail_checks import GuardrailChecks
from nsg_baseline.engine.guardrail_report import GuardrailBoard
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.reconcile_nsg import NSGReconciler
from nsg_baseline.engine.reconcile_scope import ScopeReconciler
from nsg_baseline.engine.scope_hints import LISTING, ScopeHints
from nsg_baseline.engine.scope_reporter import ScopeReporter
from nsg_baseline.engine.scope_snapshot import ScopeResult, ScopeSnapshot
from nsg_baseline.engine.share_worker import ShareWorker
from nsg_baseline.engine.triggers import Trigger

RESTART_SECONDS = 5.0
"""Pause after an unexpected exception of the loop itself."""
JITTER = 0.1
"""Random variation as a share of the interval, so that scopes with equal intervals do not list simultaneously."""
MIN_PAUSE_SECONDS = 10.0
"""Shortest pause in seconds before a listing that a baseline causes. It equals the shortest interval of a scope."""
EVENT_PAUSE_SECONDS = 2.0
"""The same pause before a listing that an event of Azure causes."""
PAUSE_SHARE = 4.0
"""The same pause as a multiple of the duration of the last listing, so that long listings are not repeated at once."""
log = structlog.get_logger(__name__)


class ScopeLoop:
    """Reconciles one scope until it is cancelled: all NSGs at each interval, and single NSGs concurrently.

    Args:
        name: the scope's name.
        dependencies: the ports.
        current: called before each reconcile; None ends the loop.
        health: records each reconcile.
        board: receives the results of the guardrails; None if their statuses are not stored.
    """

    def __init__(
        self,
        name: str,
        dependencies: Dependencies,
        current: Callable[[], ScopeSnapshot | None],
        health: Health,
        board: GuardrailBoard | None = None,
    ) -> None:
        self._name = name
        self._snapshot: ScopeSnapshot | None = None
        self._dependencies = dependencies
        self._current = current
        self._health = health
        self._reporter = ScopeReporter(name, dependencies, health, board)
        self._worker = ShareWorker(self._reconcile_nsg)
        self._memory: dict[str, Observation] = {}
        self._checks = GuardrailChecks()
        self._failure: Failure | None = None
        self._lost_at: datetime | None = None
        self._exception_end: datetime | None = None
        self._failing: set[str] = set()
        self._reading: Reading = "BrokenOff"
        self._crashed = False
        self._next_listing = self._pause_end = self._event_pause_end = 0.0
        self.trigger = Trigger()
        self._hints = ScopeHints(self._request)
        self._missing_events = MissingEvents()

    async def run(self) -> None:
        """Reconcile until the scope is gone. After an unexpected exception, report it and start again."""
        while True:
            try:
                await self._run()
            except Exception as error:
                log.exception("scope loop failed", scope=self._name)
                await self._report_crash(error)
                await asyncio.sleep(RESTART_SECONDS)
            else:
                return

    async def _report_crash(self, error: Exception) -> None:
        self._crashed = True
        self._health.internal_errors += 1
        if self._snapshot is None:
            self._health.reconciled(self._name, 0.0, whole=False)
        else:
            await self._report(self._snapshot, ScopeResult(failure=internal_failure(error)))

    async def _run(self) -> None:
        """Reconcile at each interval, and single NSGs concurrently."""
        async with asyncio.TaskGroup() as tasks:
            worker: asyncio.Task[None] | None = None
            while (snapshot := self._current()) is not None:
                self._snapshot = snapshot
                await self._list(snapshot)
                # The first listing reconciles the baselines that are edited while it runs.
                worker = worker or tasks.create_task(self._worker.run())
                while not await self._wait():
                    pass
            if worker is not None:
                worker.cancel()

    def edited(self, namespace: str, nsg: str) -> None:
        """Reconcile an NSG, by its folded id, after an edit of its baseline."""
        self._worker.shares.add(namespace, nsg, edited=True)

    def hint(self, key: str) -> "asyncio.Future[bool]":
        """Request a reading because of an event; see `ScopeHints.add`."""
        if key != LISTING:
            self._missing_events.received(key, self._dependencies.clock())
        return self._hints.add(key)

    def end_hints(self) -> None:
        """Answer all hints, because nothing is read any more."""
        self._hints.close()

    def events_are(self, state: ConditionState | None) -> None:
        """Report another state of the queue with the events of Azure; None if the scope has no queue."""
        if self._reporter.events_are(state):
            self.trigger.recompute()

    def _request(self, key: str) -> None:
        """Request what a hint concerns: a listing, or the reading of one NSG."""
        snapshot = self._current()
        if key == LISTING:
            self.trigger.ring_for_event()
        elif snapshot is not None and key in snapshot.baselines:
            self._worker.shares.add_changed(snapshot.baselines[key].namespace, key)
        else:
            with self._hints.reading(key) as reading:
                # The NSG is not reconciled any more.
                reading.succeeded = True

    async def _list(self, snapshot: ScopeSnapshot) -> None:
        """Reconcile all NSGs, and set the time of the next listing."""
        with self._hints.reading(LISTING) as reading:
            await self._list_now(snapshot)
            reading.succeeded = self._failure is None

    async def _list_now(self, snapshot: ScopeSnapshot) -> None:
        started, name = time.monotonic(), snapshot.scope.metadata.name
        interval = parse(snapshot.scope.spec.interval).total_seconds()
        if not self._crashed:
            # After repeated crashes the deadline passes, the liveness probe fails, and the process is restarted.
            self._health.expect(name, interval)
        self._exception_end = snapshot.guardrails.next_end(self._dependencies.clock())
        began = self._dependencies.clock()
        result = await self._observe(snapshot)
        if snapshot.scope.spec.events is not None:
            self._missing_events.listed(result.detected, began)
        await self._report(snapshot, result, time.monotonic() - started)
        ended = time.monotonic()
        spread = interval * (1 + random.uniform(-JITTER, JITTER))  # noqa: S311 - spreads load, guards nothing
        self._failure = result.failure
        retry_after = result.failure.retry_after if result.failure is not None else 0.0
        if retry_after and not self._crashed:
            # A restart of the process would not end the pause that Azure asked for.
            self._health.expect(name, interval, retry_after)
        self._note_lost(snapshot.scope)
        self._next_listing = ended + max(spread, retry_after)
        pause = max(PAUSE_SHARE * (ended - started), retry_after)
        self._pause_end = ended + max(MIN_PAUSE_SECONDS, pause)
        self._event_pause_end = ended + max(EVENT_PAUSE_SECONDS, pause)

    async def _observe(self, snapshot: ScopeSnapshot) -> ScopeResult:
        """Reconcile the NSGs. An unexpected exception is reported as a failure of the scope."""
        reconciler = ScopeReconciler(self._dependencies, snapshot, self._memory, self._worker.shares, self._checks)
        try:
            result = await reconciler.run()
        except Exception as error:
            log.exception("reconcile failed", scope=snapshot.scope.metadata.name)
            self._crashed = True
            return ScopeResult(failure=internal_failure(error))
        self._crashed = False
        self._reading = "Complete" if result.failure is None else "BrokenOff"
        result.failed += len(self._failing & snapshot.baselines.keys())
        return result

    async def _reconcile_nsg(self, nsg: str) -> None:
        """Reconcile one NSG in the share of its namespace."""
        with self._hints.reading(nsg) as reading:
            reading.succeeded = await self._read_nsg(nsg, "Event" if reading.is_hinted else "Listing")

    async def _read_nsg(self, nsg: str, detected_by: DetectedBy) -> bool:
        """Read and reconcile one NSG. Return whether that succeeded."""
        snapshot = self._current()
        if snapshot is None or nsg not in snapshot.baselines:
            return True
        result = ScopeResult()
        try:
            started = self._dependencies.clock()
            reconciler = NSGReconciler(self._dependencies, snapshot, self._memory, result, started, detected_by)
            await reconciler.read_and_reconcile(nsg, self._reading)
        except Exception as error:
            log.exception("reconcile failed", scope=snapshot.scope.metadata.name, nsg=nsg)
            self._crashed = True
            await self._report(snapshot, ScopeResult(failure=internal_failure(error)))
            return False
        (self._failing.add if result.failed else self._failing.discard)(nsg)
        self.trigger.recompute()
        return reconciler.is_current(nsg)

    async def _report(self, snapshot: ScopeSnapshot, result: ScopeResult, seconds: float = 0.0) -> None:
        if not await self._reporter.report(snapshot, result, seconds):
            self._crashed = True

    async def _wait(self) -> bool:
        """Wait for the next listing, or until an NSG is due. Return whether it is time for a listing."""
        now = self._dependencies.clock()
        if self._lost_at is not None and self._lost_at <= now:
            await self._report_lost()
        if self._exception_end is not None and self._exception_end <= now:
            # Its NSG must be checked against the guardrail again.
            return True
        self._reporter.events_missing(self._missing_events.missing(now))
        if self._reporter.must_report_events:
            await self._reporter.report_events(self._current())
        self._add_due(now)
        until_listing = max(0.0, self._next_listing - time.monotonic())
        dues = (observation.due for observation in self._memory.values())
        moments = (*dues, self._lost_at, self._exception_end, self._missing_events.due)
        until_due = [(due - now).total_seconds() for due in moments if due is not None and due > now]
        pause = max(0.0, self._pause_end - time.monotonic())
        event_pause = max(0.0, self._event_pause_end - time.monotonic())
        is_rung = await self.trigger.wait(min([until_listing, *until_due]), pause, event_pause)
        return is_rung or self._next_listing <= time.monotonic()

    def _note_lost(self, scope: NSGScope) -> None:
        """Note when the failure becomes an incident: a pause that Azure asked for may be longer."""
        now = self._dependencies.clock()
        moment = lost_at(scope, now) if self._failure is not None else None
        self._lost_at = moment if moment is not None and now < moment else None

    async def _report_lost(self) -> None:
        """Report the last failure again, without a request to Azure."""
        snapshot, self._lost_at = self._current(), None
        if snapshot is None:
            return
        await self._reporter.report_again(snapshot, self._failure)

    def _add_due(self, now: datetime) -> None:
        """Add the NSGs that are due to the shares."""
        due = [nsg for nsg, observation in self._memory.items() if observation.due and observation.due <= now]
        snapshot = self._current() if due else None
        for nsg in due:
            if snapshot is not None and nsg in snapshot.baselines:
                self.edited(snapshot.baselines[nsg].namespace, nsg)


async def ended(task: "asyncio.Task[None]") -> None:
    """Cancel a loop and wait until it has ended."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
