"""The decision about one baseline."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from nsg_baseline.api.baseline_status import BaselineStatus
from nsg_baseline.api.incident import IncidentStatus
from nsg_baseline.core.decisions.baseline_status import Phase, status_of
from nsg_baseline.core.decisions.drift_incidents import decide_incident
from nsg_baseline.core.decisions.enforcement import (
    RETRY_TRANSIENT_AFTER,
    TRANSIENT,
    Enforcement,
    decide_enforcement,
    delayed_until,
    is_enforced,
)
from nsg_baseline.core.decisions.evaluation import Evaluation, evaluate
from nsg_baseline.core.decisions.guardrails import refusal
from nsg_baseline.core.decisions.notices import decide_notice
from nsg_baseline.core.decisions.snapshot import Snapshot
from nsg_baseline.core.decisions.takeover import decide_takeover
from nsg_baseline.core.incident_changes import FLAP_WITHIN
from nsg_baseline.core.incident_steps import IncidentNotice, IncidentStep
from nsg_baseline.core.remediation import Blocked
from nsg_baseline.core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about one baseline.

    Attributes:
        verdict: the comparison of live with approved.
        phase: whether live matches, drifts, or awaits the rollout of an edit.
        enforcement: the next step towards the approved rules in Azure.
        incident: the change of the baseline's incident; None if it does not change.
        takeover: the incidents that report that the baseline took its NSG over from another namespace.
        status: the baseline's status to store.
        due: when to reconcile again although nothing changed; None if only a change requires it.
        noted: the resolved incident that reports a change of what is not compared.
        refusal: the event about a baseline that a guardrail refuses, when it is refused or the reason changes.
    """

    verdict: Verdict
    phase: Phase
    enforcement: Enforcement
    incident: IncidentStep | None
    takeover: tuple[IncidentStep, ...]
    status: BaselineStatus
    due: datetime | None
    refusal: IncidentNotice | None = None
    noted: IncidentStep | None = None


def decide(snapshot: Snapshot) -> Decision:
    """Decide about one baseline. Equal snapshots give equal decisions; nothing is read or written."""
    evaluation = evaluate(snapshot)
    enforcement = decide_enforcement(snapshot, evaluation)
    step = decide_incident(snapshot, evaluation, enforcement)
    incident = _next_incident(snapshot, step)
    phase = _phase(evaluation)
    takeover = decide_takeover(snapshot)
    notice = decide_notice(snapshot, (step, *takeover))
    name = incident[0] if incident is not None else None
    status = status_of(snapshot, evaluation, enforcement, phase, name, notice.seen)
    moments = (_due(snapshot, evaluation, enforcement, incident[1] if incident is not None else None), notice.due)
    due = min((moment for moment in moments if moment is not None), default=None)
    return Decision(evaluation.verdict, phase, enforcement, step, takeover, status, due, refusal(snapshot), notice.step)


def _phase(evaluation: Evaluation) -> Phase:
    if evaluation.verdict.compliant:
        return "Compliant"
    return "AwaitingRollout" if evaluation.awaiting_rollout else "Drifted"


def _next_incident(snapshot: Snapshot, step: IncidentStep | None) -> tuple[str, IncidentStatus] | None:
    """Return the name and status of the incident that is open once the decision is carried out."""
    if step is not None:
        return (step.name, step.status) if step.status.state != "Resolved" else None
    incident = snapshot.open_incident
    return (incident.metadata.name, incident.status) if incident is not None else None


def _due(
    snapshot: Snapshot, evaluation: Evaluation, enforcement: Enforcement, incident: IncidentStatus | None
) -> datetime | None:
    now = snapshot.now
    moments = [exception.until for exception in snapshot.baseline.spec.exceptions if now < exception.until]
    if sum(stored.status.state != "Resolved" for stored in snapshot.incidents) > 1:
        # Two replicas that did not know of each other: each incident was notified, so each must be resolved.
        moments.append(now)
    if incident is not None and incident.quiet_since is not None:
        moments.append(incident.quiet_since + FLAP_WITHIN)
    if incident is not None:
        moments += [change.absent_since + FLAP_WITHIN for change in incident.changes if change.absent_since is not None]
        until = incident.acknowledgement.until if incident.acknowledgement is not None else None
        moments += [until] if until is not None else []
    if evaluation.awaiting_rollout and evaluation.rollout_until is not None:
        moments.append(evaluation.rollout_until)
    enforced = is_enforced(snapshot) and not snapshot.scope.spec.suspend_enforcement and not snapshot.violations
    if enforced and not evaluation.verdict.compliant:
        opened_at = incident.opened_at if incident is not None else None
        moments.append(delayed_until(snapshot, opened_at) or now + _retry_after(enforcement))
    return min(moments, default=None)


def _retry_after(enforcement: Enforcement) -> timedelta:
    transient = isinstance(enforcement, Blocked) and enforcement.reason in TRANSIENT
    return RETRY_TRANSIENT_AFTER if transient else timedelta()
