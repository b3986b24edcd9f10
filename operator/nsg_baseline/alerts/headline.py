"""Titles: the severity, the NSG, what changed and which traffic that allows or denies."""

from collections.abc import Sequence
from datetime import timedelta

from nsg_baseline.api.changes import ChangeStatus, ExposureStatus
from nsg_baseline.api.incident import Action, Caller, IncidentStatus, NSGIncident
from nsg_baseline.api.route import NotificationEvent
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.phrasing import counted, lasting

_NAMES = {
    "RuleCreated": "new rule",
    "RuleUpdated": "changed rule",
    "RuleDeleted": "deleted rule",
    "NSGUpdated": "changed NSG settings",
    "NSGDeleted": "deleted NSG",
    "NSGCreated": "new NSG",
    "GuardrailViolated": "violation by",
}
_ENDINGS = {
    "Reverted": "reverted",
    "Remediated": "undone by the operator",
    "Approved": "approved",
    "Tolerated": "now tolerated",
    "TargetRemoved": "no longer watched",
    "TakenOver": "managed by another baseline",
}
_VERBS = {
    "RuleCreated": "created",
    "RuleUpdated": "changed",
    "RuleDeleted": "deleted",
    "NSGUpdated": "changed the settings of",
    "NSGDeleted": "deleted",
    "NSGCreated": "created",
    "GuardrailViolated": "violated a guardrail with",
}


def title(incident: NSGIncident, event: NotificationEvent, open_for: timedelta | None = None) -> str:
    """Return the title of a message. `open_for` is how long an incident has been open, for reminders."""
    if event == "Resolved":
        return _resolved_title(incident)
    prefix = ""
    if event == "Reminder":
        prefix = f"STILL OPEN for {lasting(open_for)} " if open_for is not None else "STILL OPEN "
    elif event == "Acknowledged":
        prefix = "ACKNOWLEDGED "
    elif event == "Updated" and blocked_action(incident) is None:
        prefix = "UPDATE "
    return f"{prefix}[{severity_label(incident)}] {subject_of(incident)}: {_news(incident, event)}"


def _news(incident: NSGIncident, event: NotificationEvent) -> str:
    news, acknowledged, blocked = headline(incident), incident.spec.acknowledged, blocked_action(incident)
    if event == "Acknowledged" and acknowledged is not None:
        return f"{news} (by {acknowledged.by})"
    if event == "Attributed" and incident.status.changed_by:
        return _attribution(incident.status)
    if event == "Remediated":
        return f"restored in part by the operator; still open: {news}"
    if event == "Updated" and blocked is not None:
        return f"NOT restored: {blocked.message or blocked.reason}; {news}"
    return news


def severity_label(incident: NSGIncident) -> str:
    """Return the incident's severity in upper case."""
    return (incident.status.severity or "info").upper()


def subject_of(incident: NSGIncident) -> str:
    """Return the NSG with its resource group, or the scope."""
    if incident.spec.guardrail is not None:
        return f"guardrail {incident.spec.guardrail}"
    if incident.spec.nsg is None:
        return f"scope {incident.spec.scope}"
    nsg = NSGId.parse(incident.spec.nsg)
    return f"{nsg.name} ({nsg.resource_group})"


def headline(incident: NSGIncident) -> str:
    """Return what changed, and the first traffic that it allows or denies."""
    status = incident.status
    if incident.spec.kind == "WatchLost":
        return f"blind; {status.summary or 'the scope cannot be read'}"
    if incident.spec.kind == "Unbaselined":
        return _unbaselined_headline(status)
    if incident.spec.kind == "Guardrail":
        return (status.summary or "violated").removeprefix(f"guardrail {incident.spec.guardrail} is violated: ")
    if not status.changes:
        return status.summary or "live differs from approved"
    return _drift_headline(status)


def change_name(change: ChangeStatus) -> str:
    """Return a change in words, such as `new rule open-ssh`."""
    name = change.rule or (NSGId.parse(change.nsg).name if change.nsg else "")
    if change.kind == "GuardrailViolated" and change.nsg:
        nsg = NSGId.parse(change.nsg)
        return f"{_NAMES[change.kind]} {change.rule or 'the platform'} in NSG {nsg.name} ({nsg.resource_group})"
    return f"{_NAMES[change.kind]} {name}".rstrip()


def blocked_action(incident: NSGIncident) -> Action | None:
    """Return the action that explains why the rules were not restored, if the latest revision is about it."""
    status = incident.status
    latest = status.actions[-1] if status.actions else None
    if latest is None or latest.kind == "Remediated" or latest.at != status.updated_at:
        return None
    return latest


def _drift_headline(status: IncidentStatus) -> str:
    exposure = status.exposure[0] if status.exposure else None
    change = _decisive_change(status, exposure)
    name = _with_others(status, change)
    if exposure is None:
        return name
    traffic = f"{exposure.direction.lower()} {exposure.text}"
    # Another rule may decide the traffic, for example after a deny rule was deleted.
    if change.rule is not None and change.rule == exposure.live_rule:
        return f"{name} {'allows' if exposure.effect == 'Allowed' else 'denies'} {traffic}"
    return f"{name}; now {exposure.effect.lower()}: {traffic}"


def _with_others(status: IncidentStatus, change: ChangeStatus) -> str:
    """Return the name of a change, with the second one by name or the number of the others."""
    others = [other for other in status.changes if other is not change]
    hidden = (status.change_count or 1) - 1
    more = change_name(others[0]) if hidden == 1 and others else counted(hidden, "more change")
    return f"{change_name(change)} (and {more})" if hidden > 0 else change_name(change)


def _decisive_change(status: IncidentStatus, exposure: ExposureStatus | None) -> ChangeStatus:
    """Return the change that decides the traffic now, or the most severe one."""
    live_rule = exposure.live_rule if exposure is not None else None
    return next((change for change in status.changes if change.rule and change.rule == live_rule), status.changes[0])


def _unbaselined_headline(status: IncidentStatus) -> str:
    count = status.change_count or len(status.changes)
    name = counted(count, "NSG")
    if count == 1 and status.changes and status.changes[0].nsg:
        nsg = NSGId.parse(status.changes[0].nsg)
        name = f"NSG {nsg.name} ({nsg.resource_group})"
    exposure = next(iter(status.exposure), None)
    traffic = f"; {exposure.effect.lower()} {exposure.direction.lower()}: {exposure.text}" if exposure else ""
    return f"{name} without a baseline{traffic}"


def _attribution(status: IncidentStatus) -> str:
    """Return the caller and the change, with the rule if the Activity Log names one."""
    callers = status.changed_by
    # A certain author is named before an identity that may have made a change.
    caller = next((caller for caller in callers if caller.certain), callers[0])
    rule = (caller.rule or "").lower()
    change = next((change for change in status.changes if rule and (change.rule or "").lower() == rule), None)
    more = _other_callers(callers)
    if not caller.certain:
        return f"possibly changed by {caller.name}{more}"
    if change is None:
        return f"changed by {caller.name}{more}"
    return f"{caller.name}{more} {_VERBS[change.kind]} {change.rule}"


def _other_callers(callers: Sequence[Caller]) -> str:
    others = len(callers) - 1
    if not others:
        return ""
    certain = sum(caller.certain for caller in callers)
    # One of several candidates made the change, but each certain author made one.
    word = "or" if certain == 0 else "and" if certain > others else "and possibly"
    return f" {word} {counted(others, 'other caller')}"


def _resolved_title(incident: NSGIncident) -> str:
    status = incident.status
    if status.resolution == "TakenOver":
        return f"TAKEOVER [{severity_label(incident)}] {subject_of(incident)}: {status.summary}"
    label = "FIXED" if status.resolution == "Remediated" else "RESOLVED"
    duration = ""
    if status.resolved_at is not None and status.opened_at is not None:
        duration = f" after {lasting(status.resolved_at - status.opened_at)}"
    return f"{label} {subject_of(incident)}: {_ending(incident)}{duration}{_ended_traffic(incident)}"


def _ending(incident: NSGIncident) -> str:
    status = incident.status
    if incident.spec.kind == "WatchLost":
        return "readable again"
    ending = _ENDINGS[status.resolution or "Reverted"]
    if incident.spec.kind == "Guardrail":
        return f"no longer violated ({ending})"
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
