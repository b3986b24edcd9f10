"""What to do about a baseline whose NSG cannot be judged."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import BaselineStatus
from nsg_baseline.api.incident import IncidentStatus, NSGIncident
from nsg_baseline.core.conditions import find_condition
from nsg_baseline.core.decisions.baseline_status import unreconciled
from nsg_baseline.core.incident_steps import IncidentNotice, IncidentStep, open_incident
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.incidents import unreadable
from nsg_baseline.core.observations import Failure


@dataclass(frozen=True, slots=True)
class UnreadableSnapshot:
    """One baseline whose NSG could not be judged.

    Attributes:
        subject: what an incident about the baseline is about.
        incidents: all stored incidents about the baseline.
        failure: why the NSG cannot be judged.
        patience: how long a transient failure may last before it is an incident.
    """

    now: datetime
    subject: IncidentSubject
    baseline: NSGBaseline
    incidents: tuple[NSGIncident, ...]
    failure: Failure
    patience: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class UnreadableDecision:
    """The incident and the status to store; the incident is None if it does not change."""

    incident: IncidentStep | None
    status: BaselineStatus


def decide_unreadable(snapshot: UnreadableSnapshot) -> UnreadableDecision:
    """Decide about a baseline whose NSG cannot be judged.

    An NSG that the operator cannot judge may hide any change, so it is an incident of severity high. A transient
    failure is one only if it lasts.
    """
    incident = open_incident(snapshot.incidents)
    step = _step(snapshot, incident)
    name = step.name if step is not None else incident.metadata.name if incident is not None else None
    baseline = snapshot.baseline
    status = unreconciled(baseline.status, snapshot.failure, baseline.metadata.generation, snapshot.now)
    return UnreadableDecision(step, status.model_copy(update={"incident": name}))


def _step(snapshot: UnreadableSnapshot, incident: NSGIncident | None) -> IncidentStep | None:
    failure = snapshot.failure
    if failure.transient and snapshot.now - _failing_since(snapshot) < snapshot.patience:
        return None
    before = incident.status if incident is not None else IncidentStatus(opened_at=_failing_since(snapshot))
    summary = f"the NSG cannot be judged: {failure.reason}: {failure.message}"
    after = unreadable(before, summary, snapshot.now)
    if after == before:
        return None
    step = IncidentStep(snapshot.subject, incident, after, snapshot.baseline.spec.target.resource_id)
    message = f"{summary}; see NSGIncident {step.name}"
    notice = IncidentNotice(f"Drift{after.event}", message)
    return IncidentStep(step.subject, step.stored, step.status, step.nsg, (notice,))


def _failing_since(snapshot: UnreadableSnapshot) -> datetime:
    ready = find_condition(snapshot.baseline.status.conditions, "Ready")
    return ready.last_transition_time if ready is not None and ready.status == "False" else snapshot.now
