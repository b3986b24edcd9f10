"""What to store about a scope after a complete reconcile: its status, and the incidents that concern no baseline."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nsg_baseline.api.common import REQUESTED_AT
from nsg_baseline.api.durations import parse
from nsg_baseline.api.incident import IncidentKind, IncidentStatus, NSGIncident
from nsg_baseline.api.incident_changes import Resolution
from nsg_baseline.api.scope import NSGScope, ScopeStatus
from nsg_baseline.core import conditions
from nsg_baseline.core.changes import fingerprint
from nsg_baseline.core.conditions import ConditionState, find_condition, update_conditions
from nsg_baseline.core.ids import NSGId, fold
from nsg_baseline.core.incident_changes import Finding
from nsg_baseline.core.incident_steps import IncidentNotice, IncidentStep, open_incident
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.incidents import SHOWN_EXPOSURE, SUMMARY_LENGTH, opened_or_updated, resolved
from nsg_baseline.core.observations import Failure, UnbaselinedNSG
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.phrasing import counted, cut

_READ = "the scope was read completely"
LOST_AFTER_INTERVALS = 3
LOST_AFTER = timedelta(minutes=10)
"""A scope that was not read completely for this many intervals, or for this time, is not watched any more."""


@dataclass(frozen=True, slots=True)
class ScopeCounts:
    """What a reading counted.

    Attributes:
        unreadable: elements of the listing without a valid NSG id.
        failed: NSGs whose reconcile ended with an unexpected exception.
    """

    nsgs: int
    baselines: int
    drifted: int
    unreadable: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class ScopeObservation:
    """One scope, what a reconcile of it observed, and its incidents.

    Attributes:
        namespace: the operator's, where a scope's incidents are stored.
        failure: why the reading is incomplete; None if it is complete.
        unbaselined: the NSGs without a baseline, if the reading is complete.
        baselines: folded ids of the NSGs that have a baseline.
        incidents: all stored incidents about the scope.
        permissions: whether the scope's identity has the permissions it needs; None if that was not asked.
        events: whether the events of Azure are received; None if the scope has no queue.
        service_tags: change number of the service tags file; None without one.
    """

    now: datetime
    namespace: str
    scope: NSGScope
    failure: Failure | None
    counts: ScopeCounts
    unbaselined: tuple[UnbaselinedNSG, ...] = ()
    baselines: frozenset[str] = frozenset()
    incidents: tuple[NSGIncident, ...] = ()
    permissions: ConditionState | None = None
    events: ConditionState | None = None
    service_tags: int | None = None


@dataclass(frozen=True, slots=True)
class ScopeDecision:
    """What to store about a scope."""

    status: ScopeStatus
    incidents: tuple[IncidentStep, ...]


def decide_scope(observation: ScopeObservation) -> ScopeDecision:
    """Decide about one scope. From an incomplete reading nothing is concluded about its NSGs."""
    steps = (_unbaselined(observation), _watch_lost(observation))
    return ScopeDecision(_status(observation), tuple(step for step in steps if step is not None))


def scope_subject(kind: IncidentKind, namespace: str, scope: NSGScope) -> IncidentSubject:
    """Return what an incident of a scope is about."""
    return IncidentSubject(kind, namespace, scope.metadata.name, subscription=scope.spec.subscription_id)


def invalid_scope_status(stored: ScopeStatus, message: str, generation: int, now: datetime) -> ScopeStatus:
    """Return the status of a scope whose spec is invalid."""
    state = conditions.not_ready("InvalidSpec", message)
    updated = update_conditions(stored.conditions, [state], generation, now)
    return stored.model_copy(update={"observed_generation": generation, "conditions": updated})


def _status(observation: ScopeObservation) -> ScopeStatus:
    scope, failure, counts = observation.scope, observation.failure, observation.counts
    generation = scope.metadata.generation
    candidates = _ready(failure, counts), observation.permissions, observation.events
    states = [state for state in candidates if state is not None]
    updates: dict[str, object] = {
        "observed_generation": generation,
        "conditions": update_conditions(scope.status.conditions, states, generation, observation.now),
        "last_handled_reconcile_at": scope.metadata.annotations.get(REQUESTED_AT),
        "service_tags": observation.service_tags,
        "effective_mode": "Alert" if scope.spec.suspend_enforcement else scope.spec.max_mode,
    }
    if failure is None:
        updates |= {
            "nsgs": counts.nsgs,
            "baselines": counts.baselines,
            "drifted": counts.drifted,
            "unbaselined": len(observation.unbaselined),
        }
    return scope.status.model_copy(update=updates)


def status_with_events(scope: NSGScope, state: ConditionState | None, now: datetime) -> ScopeStatus:
    """Return a scope's status with another state of its queue; without a queue there is no condition about one."""
    stored, generation = scope.status.conditions, scope.metadata.generation
    others = tuple(condition for condition in stored if condition.type != conditions.EVENTS_READY)
    updated = update_conditions(stored, [state], generation, now) if state is not None else ()
    return scope.status.model_copy(update={"conditions": (*others, *updated)})


def _ready(failure: Failure | None, counts: ScopeCounts) -> ConditionState:
    if failure is not None:
        return conditions.not_ready(failure.reason, failure.message)
    return conditions.ready("; ".join((_READ, *_unjudged(counts))))


def _unjudged(counts: ScopeCounts) -> Iterator[str]:
    if counts.unreadable:
        verb = "has" if counts.unreadable == 1 else "have"
        yield f"{counted(counts.unreadable, 'element')} of the listing {verb} no valid NSG id"
    if counts.failed:
        yield f"{counted(counts.failed, 'NSG')} could not be judged because of an internal error"


def _unbaselined(observation: ScopeObservation) -> IncidentStep | None:
    if observation.failure is not None:
        return None
    incident = _open(observation, "Unbaselined")
    listed = {fold(change.nsg or "") for change in incident.status.changes} if incident is not None else set()
    # An NSG that has a baseline now was approved. The others were deleted, or are ignored.
    resolution: Resolution = "Approved" if listed & observation.baselines else "TargetRemoved"
    finding = _unbaselined_finding(sorted(observation.unbaselined, key=_worst_first))
    return _step(observation, "Unbaselined", finding, resolution)


def _worst_first(unbaselined: UnbaselinedNSG) -> tuple[int, str]:
    return SEVERITIES.index(unbaselined.change.severity), fold(unbaselined.change.nsg or "")


def _unbaselined_finding(unbaselined: Sequence[UnbaselinedNSG]) -> Finding | None:
    if not unbaselined:
        return None
    exposure = tuple(status for nsg in unbaselined[:SHOWN_EXPOSURE] for status in nsg.exposure)
    name = NSGId.parse(unbaselined[0].change.nsg or "").name
    changes = tuple(nsg.change for nsg in unbaselined)
    problems = frozenset(problem for nsg in unbaselined for problem in nsg.problems)
    return Finding(changes, exposure, reason=f"NSG {name}: {unbaselined[0].reason}", problems=problems)


def _watch_lost(observation: ScopeObservation) -> IncidentStep | None:
    failure, scope = observation.failure, observation.scope
    if failure is None:
        return _step(observation, "WatchLost", None, "Reverted")
    if observation.now < lost_at(scope, observation.now):
        return None
    summary = f"{unwatched(scope.metadata.name)}{failure.reason}: {failure.message}"
    finding = Finding(
        (),
        severity="high",
        summary=cut(summary, SUMMARY_LENGTH),
        problems=frozenset({fingerprint("WatchLost", failure.reason)}),
    )
    return _step(observation, "WatchLost", finding, "Reverted", _unreadable_since(scope, observation.now))


def unwatched(scope: str) -> str:
    """Return the beginning of the summary of a scope that is not watched; the cause follows."""
    return f"NSGScope {scope} cannot be watched: "


def lost_after(scope: NSGScope) -> timedelta:
    """Return how long after its first failure a scope counts as not watched."""
    interval = max(parse(scope.spec.interval), timedelta(seconds=1))
    return min(LOST_AFTER_INTERVALS * interval, LOST_AFTER)


def lost_at(scope: NSGScope, now: datetime) -> datetime:
    """Return when a scope that cannot be read counts as not watched. `now` is the time of a failure."""
    return _unreadable_since(scope, now) + lost_after(scope)


def _unreadable_since(scope: NSGScope, now: datetime) -> datetime:
    ready = find_condition(scope.status.conditions, "Ready")
    return ready.last_transition_time if ready is not None and ready.status == "False" else now


def _step(
    observation: ScopeObservation,
    kind: IncidentKind,
    finding: Finding | None,
    resolution: Resolution,
    began: datetime | None = None,
) -> IncidentStep | None:
    subject = scope_subject(kind, observation.namespace, observation.scope)
    return scope_step(subject, _open(observation, kind), finding, resolution, observation.now, began)


def scope_step(
    subject: IncidentSubject,
    incident: NSGIncident | None,
    finding: Finding | None,
    resolution: Resolution,
    now: datetime,
    began: datetime | None = None,
) -> IncidentStep | None:
    """Return the step to the state that a finding asks for; without a finding the open incident is resolved.

    A new incident is open since `began`; without it, since now.
    """
    if finding is None:
        if incident is None:
            return None
        return IncidentStep(subject, incident, resolved(incident.status, resolution, None, now))
    before = incident.status if incident is not None else IncidentStatus(opened_at=began)
    acknowledged = incident.spec.acknowledged if incident is not None else None
    after = opened_or_updated(before, finding, now, acknowledged=acknowledged)
    if incident is not None and after == before:
        return None
    if after.revision == before.revision:
        return IncidentStep(subject, incident, after)
    notice = IncidentNotice(f"{subject.kind}{after.event}", str(after.summary))
    return IncidentStep(subject, incident, after, notices=(notice,))


def _open(observation: ScopeObservation, kind: IncidentKind) -> NSGIncident | None:
    return open_incident(incident for incident in observation.incidents if incident.spec.kind == kind)
