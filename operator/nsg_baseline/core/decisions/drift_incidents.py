"""The next state of the incident about a baseline's drift."""

from datetime import datetime

from nsg_baseline.api.changes import ExposureStatus
from nsg_baseline.api.incident import Action, IncidentStatus, NSGIncident
from nsg_baseline.api.incident_changes import ChangeEnd, Resolution
from nsg_baseline.core.assignment import effective_mode
from nsg_baseline.core.decisions.enforcement import AwaitReading, Enforcement, ReadNSG
from nsg_baseline.core.decisions.evaluation import Evaluation
from nsg_baseline.core.decisions.incident_notices import drift_notices, resolved_notice
from nsg_baseline.core.decisions.snapshot import Snapshot
from nsg_baseline.core.incident_changes import DETAILED_CHANGES, Finding
from nsg_baseline.core.incident_steps import IncidentStep
from nsg_baseline.core.incidents import (
    ACTION_MESSAGE_LENGTH,
    is_recurrence,
    opened_or_updated,
    reopened,
    resolved,
    while_quiet,
)
from nsg_baseline.core.remediation import Blocked, Remediation
from nsg_baseline.core.text.exposure_lines import statuses
from nsg_baseline.core.text.phrasing import cut
from nsg_baseline.core.verdict import Verdict

_HAPPENED = {
    "RuleCreated": "rule {} was created",
    "RuleUpdated": "rule {} was changed",
    "RuleDeleted": "rule {} was deleted",
}


def decide_incident(snapshot: Snapshot, evaluation: Evaluation, enforcement: Enforcement) -> IncidentStep | None:
    """Return what changes about the baseline's incident; None if nothing does."""
    action = _action(snapshot, enforcement)
    if evaluation.verdict.compliant:
        incident = snapshot.open_incident
        return _resolve(snapshot, evaluation.verdict, incident, action) if incident is not None else None
    if evaluation.awaiting_rollout and not _updates_while_awaiting(snapshot, action):
        return None
    return _report(snapshot, evaluation.verdict, action, enforcement)


def _updates_while_awaiting(snapshot: Snapshot, action: Action | None) -> bool:
    """Return whether to update the incident: an awaited rollout opens none, but the operator's actions are recorded."""
    return snapshot.open_incident is not None and (action is not None or snapshot.read_for_write)


def _action(snapshot: Snapshot, enforcement: Enforcement) -> Action | None:
    blocked = enforcement if isinstance(enforcement, Blocked) else None
    message = cut(blocked.message, ACTION_MESSAGE_LENGTH) if blocked is not None else ""
    if snapshot.attempt is not None and snapshot.attempt.written:
        return Action(kind="Remediated", at=snapshot.now, reason="Restored", message=message)
    return Action(kind="Blocked", at=snapshot.now, reason=blocked.reason, message=message) if blocked else None


def _report(
    snapshot: Snapshot, verdict: Verdict, action: Action | None, enforcement: Enforcement
) -> IncidentStep | None:
    exposure = statuses(verdict.exposure)
    absent_at = _absent_at(snapshot, verdict)
    finding = Finding(
        verdict.changes,
        exposure,
        action,
        verdict.severity,
        reason(verdict),
        absent_at=absent_at,
        own=_own_exposure(verdict),
        ending=_ending(snapshot),
        detected_by=snapshot.detected_by,
        mode=effective_mode(snapshot.scope.spec, snapshot.baseline.spec),
        is_undecided=isinstance(enforcement, (ReadNSG, AwaitReading, Remediation)),
    )
    incident, status = _next_state(snapshot, finding)
    before = incident.status if incident is not None else IncidentStatus()
    if incident is not None and before == status:
        return None
    step = IncidentStep(snapshot.subject, incident, status, verdict.nsg)
    return drift_notices(step, before, finding)


def reason(verdict: Verdict) -> str | None:
    """Return why the drift has its severity. It names the change, not only the rule that decides the traffic now."""
    change = next((change for change in verdict.changes if change.severity == verdict.severity and change.rule), None)
    text = verdict.reason
    if change is None or text is None or (change.rule or "").lower() in text.lower():
        return text
    return f"{_HAPPENED[change.kind].format(change.rule)}: {text}" if change.kind in _HAPPENED else text


def _own_exposure(verdict: Verdict) -> dict[str, tuple[ExposureStatus, ...]]:
    """Return the traffic that each of the most severe changes decides by itself, by fingerprint."""
    shown = verdict.changes[:DETAILED_CHANGES]
    return {change.fingerprint: statuses(verdict.exposure_of(change)) for change in shown}


def _ending(snapshot: Snapshot) -> ChangeEnd:
    """Return how changes ended that are absent now although others remain."""
    if snapshot.attempt is not None and snapshot.attempt.written:
        return "Remediated"
    baseline = snapshot.baseline
    is_edited = baseline.metadata.generation != (baseline.status.observed_generation or baseline.metadata.generation)
    return "Approved" if is_edited else "Reverted"


def _absent_at(snapshot: Snapshot, verdict: Verdict) -> dict[str, datetime]:
    """Return the time of the earlier reading by the fingerprint of each change that live certainly lacked then."""
    earlier = snapshot.earlier
    if earlier is None:
        return {}
    # A rule that was approved or tolerated until now may be as old as the NSG.
    excepted = {item.rule.name.lower() for item in snapshot.baseline.spec.exceptions}
    return {
        change.fingerprint: earlier.at
        for change in verdict.changes
        if change.fingerprint not in earlier.fingerprints
        and change.tolerated_by is None
        and (change.rule or "").lower() not in excepted | earlier.tolerated
    }


def _next_state(snapshot: Snapshot, finding: Finding) -> tuple[NSGIncident | None, IncidentStatus]:
    incident, previous = snapshot.open_incident, snapshot.last_resolved
    if incident is None and previous is not None and is_recurrence(previous.status, finding, snapshot.now):
        return previous, reopened(previous.status, finding, snapshot.now)
    acknowledged = incident.spec.acknowledged if incident is not None else None
    status = incident.status if incident is not None else IncidentStatus()
    return incident, opened_or_updated(status, finding, snapshot.now, acknowledged=acknowledged)


def _resolve(snapshot: Snapshot, verdict: Verdict, incident: NSGIncident, action: Action | None) -> IncidentStep | None:
    quiet = while_quiet(incident.status, action, snapshot.now)
    if quiet is not None:
        return IncidentStep(snapshot.subject, incident, quiet) if quiet != incident.status else None
    resolution = _resolution(snapshot, verdict, incident)
    status = resolved(incident.status, resolution, action, snapshot.now)
    notice = resolved_notice(incident.metadata.name, resolution)
    return IncidentStep(snapshot.subject, incident, status, notices=(notice,))


def _resolution(snapshot: Snapshot, verdict: Verdict, incident: NSGIncident) -> Resolution:
    if snapshot.attempt is not None and snapshot.attempt.written:
        return "Remediated"
    if verdict.tolerated_by_caller & {(change.rule or "").lower() for change in incident.status.changes}:
        return "Tolerated"
    matched, generation = snapshot.baseline.status.last_compliant, snapshot.baseline.metadata.generation
    approved_generation = matched.generation if matched is not None else 1
    return "Approved" if generation > approved_generation else "Reverted"
