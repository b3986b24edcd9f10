"""Titles of messages about the end of an incident."""

from nsg_baseline.alerts.subject import severity_label, subject_of
from nsg_baseline.alerts.wording import ENDINGS, change_name, nsg_name
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.text.phrasing import after, counted


def resolved_title(incident: NSGIncident) -> str:
    """Return how an incident ended, after which time, and which traffic is decided as approved again."""
    status = incident.status
    if status.resolution == "Noted":
        return f"NOTICE [{severity_label(incident)}] {subject_of(incident)}: {status.summary}"
    if status.resolution == "TakenOver":
        return f"TAKEOVER [{severity_label(incident)}] {subject_of(incident)}: {status.summary}"
    label = "FIXED" if status.resolution == "Remediated" else "RESOLVED"
    duration = ""
    if status.resolved_at is not None and status.opened_at is not None:
        duration = f" {after(status.resolved_at - status.opened_at)}"
    return f"{label} {subject_of(incident)}: {_ending(incident)}{duration}{_ended_traffic(incident)}"


def _ending(incident: NSGIncident) -> str:
    status = incident.status
    if incident.spec.kind == "WatchLost":
        return "its NSGs are watched again"
    ending = ENDINGS[status.resolution or "Reverted"]
    if incident.spec.kind == "Guardrail":
        nsgs = sorted({change.nsg for change in status.changes if change.nsg})
        by = f" by {nsg_name(nsgs[0]) if len(nsgs) == 1 else counted(len(nsgs), 'NSG')}" if nsgs else ""
        return f"no longer violated{by} ({ending})"
    if incident.spec.kind == "Unbaselined":
        return f"{counted(status.change_count or len(status.changes), 'NSG')} without a baseline: {ending}"
    name = change_name(status.changes[0]) if status.changes else "drift"
    hidden = (status.change_count or 1) - 1
    more = f" and {counted(hidden, 'more change')}" if hidden else ""
    return f"{name}{more} {ending}"


def _ended_traffic(incident: NSGIncident) -> str:
    """Return the traffic that is decided as approved again; empty if the live rules were approved."""
    status = incident.status
    if not status.exposure or status.resolution not in ("Reverted", "Remediated"):
        return ""
    exposure = status.exposure[0]
    again = "no longer allowed" if exposure.effect == "Allowed" else "allowed again"
    return f"; {exposure.direction.lower()} {exposure.text} {again}"
