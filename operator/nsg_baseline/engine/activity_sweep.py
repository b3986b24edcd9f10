"""The sweep: searches the Activity Log for drift that began and ended between two readings."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import BaselineStatus
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.durations import parse
from nsg_baseline.api.scope import Identity, NSGScope
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.assignment import assign
from nsg_baseline.core.attribution.brief_drift import brief_drifts, incident_of
from nsg_baseline.core.attribution.writes import Write, writes
from nsg_baseline.core.conditions import find_condition
from nsg_baseline.core.incident_steps import IncidentNotice, IncidentStep
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.nsg import parse_approved
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


@dataclass(slots=True)
class ActivitySweep:
    """Searches the logs of all scopes. `activity_of` is as in `engine.attribution.AttributionLoop`.

    A baseline is covered from the time at which its current version was first seen to match, because the rules approved
    before that are unknown.
    """

    activity_of: Callable[[NSGScope], tuple[AttributionPort, frozenset[str]]]
    records: Records
    clock: Callable[[], datetime]
    severity_config: SeverityConfig
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
        """Query each subscription once, and record the drift that no reading detected."""
        owners: dict[tuple[str, Identity | None], _Owners] = {}
        claims, _ = await self._claims.all()
        readable_scopes = readable(list(scopes(self.records.store)))
        assignment = assign(readable_scopes, claims, self.records.store.namespaces)
        for scope in readable_scopes:
            active = assignment.active(scope.metadata.name)
            if active:
                by_nsg = owners.setdefault((scope.spec.subscription_id.lower(), scope.spec.identity), {})
                by_nsg.update({nsg: (scope, key) for nsg, key in active.items()})
        self._note_matches({key for by_nsg in owners.values() for _, key in by_nsg.values()})
        for by_nsg in owners.values():
            covered = {nsg: owner for nsg, owner in by_nsg.items() if owner[1] in self._matched}
            if covered:
                await self._sweep_subscription(covered)

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

    async def _sweep_subscription(self, owners: _Owners) -> None:
        scope = next(iter(owners.values()))[0]
        activity, own = self.activity_of(scope)
        try:
            rows, _ = await activity.events(scope.spec.subscription_id, self.clock() - LOOK_BACK)
        except AzureError as error:
            log.warning("activity log not read", scope=scope.metadata.name, reason=error.reason, message=error.message)
            return
        # Parsing thousands of rules would block the event loop.
        listed = await asyncio.to_thread(writes, rows, owners.keys(), own)
        by_nsg: dict[str, list[Write]] = {}
        for write in listed:
            by_nsg.setdefault(write.nsg, []).append(write)
        for nsg, nsg_writes in by_nsg.items():
            try:
                await self._record(nsg_writes, *owners[nsg])
            except KubeError as error:
                log.warning("brief drift not saved", nsg=nsg, reason=error.reason, message=error.message)

    async def _record(self, nsg_writes: list[Write], scope: NSGScope, key: ObjectKey) -> None:
        matched, stored = self._matched.get(key), self.records.store.find(NSGBaseline, key)
        if matched is None or stored is None or stored.intent != matched[0]:
            return
        try:
            baseline = resource(NSGBaseline, stored)
        except InvalidObject:
            return
        approved = parse_approved(baseline.spec)
        subject = IncidentSubject("Drift", key.namespace, scope.metadata.name, key.name)
        for drift in await asyncio.to_thread(brief_drifts, nsg_writes, approved, matched[1]):
            incidents = self.records.incidents.about(subject)
            status = incident_of(drift, approved, incidents, parse(scope.spec.interval), self.severity_config)
            if status is None:
                continue
            message = f"{status.summary} ({status.severity}), undone at {drift.until:%H:%M:%S} UTC"
            notice = IncidentNotice("DriftBetweenReadings", message)
            step = IncidentStep(subject, None, status, str(approved.id), (notice,))
            await IncidentRecorder(self.records).carry_out(step, baseline, self.clock())


def _matches(stored: Stored) -> bool:
    """Return whether live matched this version of a baseline at the last reconcile."""
    document = stored.document()
    status = BaselineStatus.model_validate(document.get("status") or {})
    compliant = find_condition(status.conditions, "Compliant")
    is_current = status.observed_generation == document["metadata"].get("generation")
    return is_current and compliant is not None and compliant.status == "True"
