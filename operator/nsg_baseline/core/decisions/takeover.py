"""A takeover: a baseline manages an NSG that a baseline of another namespace managed until now."""

from nsg_baseline.api.incident import IncidentStatus
from nsg_baseline.core.conditions import find_condition
from nsg_baseline.core.decisions.snapshot import Snapshot
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.incident_steps import IncidentNotice, IncidentStep


def decide_takeover(snapshot: Snapshot) -> IncidentStep | None:
    """Return the resolved incident that reports a takeover; None if there is none.

    The status of a baseline that waits names the owner of the NSG. The first reconcile removes it: the same takeover
    is reported once, and a repetition after a crash has the same name.
    """
    baseline, before = snapshot.baseline, snapshot.baseline.status.managed_by
    if before is None or before.namespace == baseline.metadata.namespace:
        return None
    nsg = NSGId.parse(baseline.spec.target.resource_id)
    ready = find_condition(baseline.status.conditions, "Ready")
    summary = (
        f"NSG {nsg.name} is now managed by baseline {'/'.join(baseline.key)}, "
        f"and no longer by {before.namespace}/{before.name}"
    )
    status = IncidentStatus(
        state="Resolved",
        event="Resolved",
        revision=1,
        severity="high",
        severity_reason="another namespace approves the rules of the NSG",
        opened_at=ready.last_transition_time if ready is not None else snapshot.now,
        updated_at=snapshot.now,
        resolved_at=snapshot.now,
        resolution="TakenOver",
        summary=summary,
        change_count=0,
        attribution="NotFound",
    )
    return IncidentStep(snapshot.subject, None, status, str(nsg), (IncidentNotice("NSGTakenOver", summary),))
