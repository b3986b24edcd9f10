"""Kubernetes events about a baseline's drift."""

from dataclasses import replace

from nsg_baseline.api.incident import IncidentStatus
from nsg_baseline.api.incident_changes import Resolution
from nsg_baseline.core.incident_changes import Finding
from nsg_baseline.core.incident_steps import IncidentNotice, IncidentStep
from nsg_baseline.core.text.exposure_lines import lines


def drift_notices(step: IncidentStep, before: IncidentStatus, finding: Finding) -> IncidentStep:
    """Return a step with the events for its revision and for a remediation that was blocked."""
    notices = (*_revision_notices(step, before, finding), *_blocked_notices(step, before, finding))
    return replace(step, notices=notices)


def resolved_notice(incident: str, resolution: Resolution) -> IncidentNotice:
    """Return the event for the end of an incident."""
    message = f"live matches approved again ({resolution}); see NSGIncident {incident}"
    return IncidentNotice("DriftResolved", message, warning=False)


def _revision_notices(step: IncidentStep, before: IncidentStatus, finding: Finding) -> tuple[IncidentNotice, ...]:
    after = step.status
    if after.revision == before.revision:
        return ()
    message = f"{after.summary} ({after.severity}); see NSGIncident {step.name}"
    return (IncidentNotice(f"Drift{after.event}", ". ".join([message, *lines(finding.exposure)])),)


def _blocked_notices(step: IncidentStep, before: IncidentStatus, finding: Finding) -> tuple[IncidentNotice, ...]:
    action = finding.action
    if action is None or action.kind != "Blocked" or step.status.actions == before.actions:
        return ()
    message = f"not restored: {action.reason}: {action.message}; see NSGIncident {step.name}"
    return (IncidentNotice("EnforcementBlocked", message),)
