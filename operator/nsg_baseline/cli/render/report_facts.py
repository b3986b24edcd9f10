"""The facts of one incident in a report, as pairs of a name and a text. The same for Markdown and HTML."""

from collections.abc import Iterator

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.api.common import format_time
from nsg_baseline.api.incident import Caller, Delivery, IncidentStatus, NSGIncident
from nsg_baseline.api.incident_changes import IncidentChange
from nsg_baseline.cli.evidence.report import Report, level
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.phrasing import counted, listed


def subject(incident: NSGIncident) -> str:
    """Return what the incident is about."""
    if incident.spec.guardrail is not None:
        return f"guardrail {incident.spec.guardrail} in scope {incident.spec.scope}"
    return f"NSG {NSGId.parse(incident.spec.nsg).name}" if incident.spec.nsg else f"scope {incident.spec.scope}"


def heading(incident: NSGIncident) -> str:
    """Return the title of an incident."""
    return f"[{level(incident).upper()}] {subject(incident)}: {incident.status.summary}"


def facts(incident: NSGIncident, report: Report) -> Iterator[tuple[str, str]]:
    """Yield what happened, who did it, who was notified, and who acknowledged it."""
    status = incident.status
    if status.opened_at is not None:
        yield "opened", format_time(status.opened_at)
    yield "ended", _ended(incident)
    yield "duration", report.duration(incident)
    if status.severity_reason:
        yield "severity", f"{status.severity}, because {status.severity_reason}"
    yield from _authors(incident)
    yield from (("notified", _notified(delivery)) for delivery in status.deliveries)
    if not status.deliveries:
        yield "notified", "nobody: no route delivered a notification"
    yield "acknowledged", _acknowledged(status)
    for action in status.actions:
        yield "operator", f"{action.kind}, {format_time(action.at)}: {action.reason} {action.message}".rstrip()
    for item in status.history:
        yield "history", f"{format_time(item.at)} {item.kind} [{item.severity}] {item.text}".rstrip()
    if incident.spec.nsg:
        yield "resource", incident.spec.nsg
    yield "incident", "/".join(incident.key)


def changes(incident: NSGIncident) -> Iterator[str]:
    """Yield each change with its two sides and its period."""
    for change in (*incident.status.ended_changes, *incident.status.changes):
        sides = f"approved {change.approved or 'none'}; live {change.live or 'none'}"
        yield escape_controls(f"{change.kind} {change.rule or ''}".rstrip() + f": {sides}{_span(change)}")


def _ended(incident: NSGIncident) -> str:
    status = incident.status
    if status.resolved_at is None:
        return "not resolved"
    how = "readable again" if incident.spec.kind == "WatchLost" else status.resolution or "not recorded"
    return f"{format_time(status.resolved_at)}, {how}"


def _authors(incident: NSGIncident) -> Iterator[tuple[str, str]]:
    status = incident.status
    yield from (("changed by" if who.certain else "possibly changed by", _author(who)) for who in status.changed_by)
    if not status.changed_by and incident.spec.kind in ("Drift", "Unbaselined"):
        yield "changed by", "not in Azure's Activity Log" if status.attribution == "NotFound" else "not known yet"


def _author(who: Caller) -> str:
    by = f"{who.name} ({who.kind})" + (f" from {who.address}" if who.address else "")
    return by + (f" with {who.client}" if who.client else "") + f", {format_time(who.at)}, {who.operation}"


def _notified(delivery: Delivery) -> str:
    first = delivery.first_at or delivery.at
    later = f", last at {format_time(delivery.at)}" if delivery.at != first else ""
    reminders = f", {counted(delivery.reminders, 'reminder')} since then" if delivery.reminders else ""
    missing = len(delivery.pending_channels or {})
    without = f"; {counted(missing, 'channel')} did not receive the last one" if missing else ""
    return f"route {delivery.route}, first at {format_time(first)}{later}{reminders}{without}"


def _acknowledged(status: IncidentStatus) -> str:
    given = status.acknowledgement
    if given is None:
        return "by nobody"
    end = f", until {format_time(given.until)}" if given.until is not None else ""
    return f"by {given.by} at {format_time(given.at)}{end}{f': {given.note}' if given.note else ''}"


def _span(change: IncidentChange) -> str:
    if change.since is None:
        return ""
    end = f" to {format_time(change.ended_at)} ({change.ended})" if change.ended_at is not None else ", open"
    return f"; {format_time(change.since)}{end}{f', by {listed(list(change.changed_by))}' if change.changed_by else ''}"
