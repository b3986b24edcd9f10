"""A takeover: a baseline manages an NSG that a baseline of another namespace managed until now."""

from datetime import datetime

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import BaselineStatus
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import IncidentStatus
from nsg_baseline.core.conditions import find_condition
from nsg_baseline.core.decisions.snapshot import Snapshot
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.incident_steps import IncidentNotice, IncidentStep
from nsg_baseline.core.incident_subject import IncidentSubject


def decide_takeover(snapshot: Snapshot) -> tuple[IncidentStep, ...]:
    """Return the resolved incidents that report a takeover: one in each of the two namespaces.

    The status of a baseline that waits names the owner of the NSG. The first reconcile removes it: the same takeover
    is reported once, and a repetition after a crash has the same name. A previous owner that still exists reports its
    loss itself: see `decide_loss`.
    """
    baseline, before = snapshot.baseline, snapshot.baseline.status.managed_by
    if before is None or before.namespace == baseline.metadata.namespace:
        return ()
    previous = ObjectKey(before.namespace, before.name)
    gained = _step(snapshot.subject, baseline, baseline.key, previous, snapshot.now)
    if snapshot.previous_owner_reports:
        return (gained,)
    subject = IncidentSubject("Drift", previous.namespace, snapshot.scope.metadata.name, previous.name)
    return gained, _step(subject, baseline, baseline.key, previous, snapshot.now)


def decide_loss(scope: str, baseline: NSGBaseline, owner: ObjectKey, now: datetime) -> IncidentStep | None:
    """Return the resolved incident that reports that a baseline lost its NSG to one of another namespace.

    None if the baseline did not manage it, or if the loss is reported already: then its status names the owner.
    """
    if owner.namespace == baseline.key.namespace or not was_managing(baseline.status):
        return None
    return _step(IncidentSubject("Drift", *_place(baseline.key, scope)), baseline, owner, baseline.key, now)


def was_managing(status: BaselineStatus) -> bool:
    """Return whether a baseline managed its NSG at its last reconcile."""
    compliant = find_condition(status.conditions, "Compliant")
    was_judged = compliant is not None and compliant.status != "Unknown"
    return status.managed_by is None and (was_judged or status.last_compliant is not None)


def reports_loss(status: BaselineStatus, owner: ObjectKey) -> bool:
    """Return whether a baseline reports that it lost its NSG to this owner, or has done so."""
    by = status.managed_by
    has_lost = by is not None and (by.namespace, by.name) == owner and status.last_compliant is not None
    return has_lost or was_managing(status)


def _place(key: ObjectKey, scope: str) -> tuple[str, str, str]:
    return key.namespace, scope, key.name


def _step(
    subject: IncidentSubject, baseline: NSGBaseline, owner: ObjectKey, previous: ObjectKey, now: datetime
) -> IncidentStep:
    nsg = NSGId.parse(baseline.spec.target.resource_id)
    ready = find_condition(baseline.status.conditions, "Ready")
    summary = f"NSG {nsg.name} is now managed by baseline {'/'.join(owner)}, and no longer by {'/'.join(previous)}"
    status = IncidentStatus(
        state="Resolved",
        event="Resolved",
        events=("Resolved",),
        revision=1,
        severity="high",
        highest_severity="high",
        severity_reason="another namespace approves the rules of the NSG",
        # The same when the step is repeated, so that the incident has the same name.
        opened_at=ready.last_transition_time if ready is not None else now,
        updated_at=now,
        resolved_at=now,
        resolution="TakenOver",
        summary=summary,
        change_count=0,
        attribution="NotFound",
    )
    return IncidentStep(subject, None, status, str(nsg), (IncidentNotice("NSGTakenOver", summary),))
