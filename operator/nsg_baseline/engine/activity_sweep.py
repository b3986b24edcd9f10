"""The sweep: searches the Activity Log for what began and ended between two readings."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import BaselineStatus
from nsg_baseline.api.common import ObjectKey, Resource
from nsg_baseline.api.durations import parse
from nsg_baseline.api.scope import Identity, NSGScope
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.assignment import Assignment, assign, is_ignored, scope_of
from nsg_baseline.core.attribution import brief_drift, brief_openings
from nsg_baseline.core.attribution.brief_drift import brief_drifts
from nsg_baseline.core.attribution.brief_incident import BriefFinding, closed_incident, is_reported
from nsg_baseline.core.attribution.writes import Write, writes
from nsg_baseline.core.conditions import find_condition
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.incident_steps import IncidentNotice, IncidentStep
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.nsg import parse_approved
from nsg_baseline.core.scope_decisions import scope_subject
from nsg_baseline.engine.attribution import AttributionPort
from nsg_baseline.engine.baseline_claims import Claims, readable, scopes
from nsg_baseline.engine.incident_recorder import IncidentRecorder
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Stored, resource

SWEEP_EVERY = timedelta(minutes=5)
"""Time between two queries of a subscription."""
LOOK_BACK = timedelta(minutes=30)
"""Azure documents that rows appear up to 20 minutes late."""
log = structlog.get_logger(__name__)
_Owners = dict[str, tuple[NSGScope, ObjectKey]]


@dataclass(frozen=True, slots=True)
class _Watched:
    """The NSGs of one subscription, by folded id: those with a baseline, and those without one in a scope.

    Attributes:
        scopes: the scopes of the subscription that share an identity.
        owners: the baselines that are covered.
        others: NSGs with a baseline that is not covered, or not accepted.
    """

    scopes: tuple[NSGScope, ...]
    owners: _Owners
    others: frozenset[str]

    def __contains__(self, nsg: object) -> bool:
        return nsg in self.owners or (isinstance(nsg, str) and self.scope_without_baseline(nsg) is not None)

    def scope_without_baseline(self, nsg: str) -> NSGScope | None:
        """Return the scope that reports an NSG without a baseline; None if none does."""
        try:
            nsg_id = NSGId.parse(nsg)
        except ValueError:
            return None
        scope = scope_of(nsg_id, self.scopes) if nsg not in self.owners and nsg not in self.others else None
        return scope if scope is not None and not is_ignored(scope.spec, nsg_id) else None


@dataclass(slots=True)
class ActivitySweep:
    """Searches the logs of all scopes. `activity_of` is as in `engine.attribution.AttributionLoop`.

    A baseline is covered from the time at which its current version was first seen to match, because the rules approved
    before that are unknown. NSGs without a baseline are covered from the creation of their scope.
    """

    activity_of: Callable[[NSGScope], tuple[AttributionPort, frozenset[str]]]
    records: Records
    clock: Callable[[], datetime]
    severity_config: SeverityConfig
    operator_namespace: str
    _matched: dict[ObjectKey, tuple[str, datetime]] = field(default_factory=dict)
    _claims: Claims = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the claims."""
        self._claims = Claims(self.records.store)

    async def run(self) -> None:
        """Sweep every few minutes, until cancelled."""
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEP_EVERY.total_seconds())

    async def sweep(self) -> None:
        """Query each subscription once, and record what no reading detected."""
        claims, _ = await self._claims.all()
        readable_scopes = readable(list(scopes(self.records.store)))
        assignment = assign(readable_scopes, claims, self.records.store.namespaces)
        owners = {scope.metadata.name: assignment.active(scope.metadata.name) for scope in readable_scopes}
        self._note_matches({key for active in owners.values() for key in active.values()})
        by_log: dict[tuple[str, Identity | None], list[NSGScope]] = {}
        for scope in readable_scopes:
            by_log.setdefault((scope.spec.subscription_id.lower(), scope.spec.identity), []).append(scope)
        for log_scopes in by_log.values():
            watched = self._watched(log_scopes, assignment)
            if watched.owners or any(scope.spec.unbaselined.mode != "Ignore" for scope in log_scopes):
                await self._sweep_subscription(watched)

    def _watched(self, log_scopes: list[NSGScope], assignment: Assignment) -> _Watched:
        active: _Owners = {}
        for scope in log_scopes:
            active |= {nsg: (scope, key) for nsg, key in assignment.active(scope.metadata.name).items()}
        covered = {nsg: owner for nsg, owner in active.items() if owner[1] in self._matched}
        inactive = {nsg for scope in log_scopes for nsg in assignment.inactive(scope.metadata.name)}
        return _Watched(tuple(log_scopes), covered, frozenset(inactive | (active.keys() - covered.keys())))

    def _note_matches(self, keys: set[ObjectKey]) -> None:
        matched: dict[ObjectKey, tuple[str, datetime]] = {}
        for key in keys:
            stored = self.records.store.find(NSGBaseline, key)
            before = self._matched.get(key)
            if stored is None:
                continue
            if before is not None and before[0] == stored.intent:
                matched[key] = before
            elif _matches(stored):
                matched[key] = (stored.intent, self.clock())
        self._matched = matched

    async def _sweep_subscription(self, watched: _Watched) -> None:
        scope = watched.scopes[0]
        activity, own = self.activity_of(scope)
        try:
            rows, is_complete = await activity.events(scope.spec.subscription_id, self.clock() - LOOK_BACK)
        except AzureError as error:
            log.warning("activity log not read", scope=scope.metadata.name, reason=error.reason, message=error.message)
            return
        if not is_complete:
            log.warning("activity log too long, the sweep is incomplete", scope=scope.metadata.name, rows=len(rows))
        # Parsing thousands of rules would block the event loop.
        listed = await asyncio.to_thread(writes, rows, watched, own)
        by_nsg: dict[str, list[Write]] = {}
        for write in listed:
            by_nsg.setdefault(write.nsg, []).append(write)
        opened: dict[str, list[BriefFinding]] = {}
        for nsg, nsg_writes in by_nsg.items():
            if nsg in watched.owners:
                await self._record_drift(nsg_writes, *watched.owners[nsg])
            elif (owner := watched.scope_without_baseline(nsg)) is not None:
                findings = await asyncio.to_thread(self._openings, nsg, nsg_writes, owner)
                opened.setdefault(owner.metadata.name, []).extend(findings)
        for owner in watched.scopes:
            subject = scope_subject("Unbaselined", self.operator_namespace, owner)
            await self._record(subject, opened.get(owner.metadata.name, []), owner, owner)

    async def _record_drift(self, nsg_writes: list[Write], scope: NSGScope, key: ObjectKey) -> None:
        matched, stored = self._matched.get(key), self.records.store.find(NSGBaseline, key)
        if matched is None or stored is None or stored.intent != matched[0]:
            return
        try:
            baseline = resource(NSGBaseline, stored)
        except InvalidObject:
            return
        subject = IncidentSubject("Drift", key.namespace, scope.metadata.name, key.name)
        findings = await asyncio.to_thread(self._drifts, nsg_writes, baseline, matched[1])
        await self._record(subject, findings, scope, baseline)

    def _drifts(self, nsg_writes: list[Write], baseline: NSGBaseline, watched_since: datetime) -> list[BriefFinding]:
        approved = parse_approved(baseline.spec)
        drifts = brief_drifts(nsg_writes, approved, watched_since)
        findings = (brief_drift.finding_of(drift, approved, self.severity_config) for drift in drifts)
        return [finding for finding in findings if finding is not None]

    def _openings(self, nsg: str, nsg_writes: list[Write], scope: NSGScope) -> list[BriefFinding]:
        watched_since = scope.metadata.creation_timestamp or self.clock() - LOOK_BACK
        openings = brief_openings.brief_openings(nsg_writes, watched_since)
        findings = (brief_openings.finding_of(NSGId.parse(nsg), opening, self.severity_config) for opening in openings)
        return [finding for finding in findings if finding is not None]

    async def _record(
        self, subject: IncidentSubject, findings: list[BriefFinding], scope: NSGScope, about: Resource
    ) -> None:
        """Record the findings that no incident of the subject reports yet as one closed incident."""
        incidents, interval = self.records.incidents.about(subject), parse(scope.spec.interval)
        news = [finding for finding in findings if not is_reported(finding, incidents, interval)]
        if not news:
            return
        stored, status = closed_incident(news, incidents)
        message = f"{status.summary} ({status.severity}), undone at {status.resolved_at:%H:%M:%S} UTC"
        nsg = about.spec.target.resource_id if isinstance(about, NSGBaseline) else None
        step = IncidentStep(subject, stored, status, nsg, (IncidentNotice("DriftBetweenReadings", message),))
        try:
            await IncidentRecorder(self.records).carry_out(step, about, self.clock())
        except KubeError as error:
            log.warning("brief drift not saved", subject=subject.name, reason=error.reason, message=error.message)


def _matches(stored: Stored) -> bool:
    """Return whether live matched this version of a baseline at the last reconcile."""
    document = stored.document()
    status = BaselineStatus.model_validate(document.get("status") or {})
    compliant = find_condition(status.conditions, "Compliant")
    is_current = status.observed_generation == document["metadata"].get("generation")
    return is_current and compliant is not None and compliant.status == "True"
