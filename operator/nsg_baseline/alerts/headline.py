"""Titles: the severity, the NSG, what changed and which traffic that allows or denies."""

from collections.abc import Sequence
from datetime import timedelta

from nsg_baseline.alerts.news import gone_changes, new_changes
from nsg_baseline.alerts.wording import change_name
from nsg_baseline.api.changes import ChangeStatus, ExposureStatus
from nsg_baseline.api.incident import Action, Caller, IncidentStatus, NSGIncident
from nsg_baseline.api.route import NotificationEvent
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.phrasing import counted, lasting

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


def title(incident: NSGIncident, event: NotificationEvent, open_for: timedelta | None = None, received: int = 0) -> str:
    """Return the title of a message.

    Args:
        incident: The incident.
        event: The event of the message.
        open_for: How long the incident has been open, for reminders.
        received: The last revision that the receiver knows; 0 for none.
    """
    if event == "Resolved":
        return _resolved_title(incident)
    prefix = ""
    if event == "Reminder":
        prefix = f"STILL OPEN for {lasting(open_for)} " if open_for is not None else "STILL OPEN "
    elif event == "Acknowledged":
        prefix = "ACKNOWLEDGED "
    elif event == "Opened" and incident.status.reopen_count and received:
        prefix = "REOPENED "
    return f"{prefix}[{severity_label(incident)}] {subject_of(incident)}: {_news(incident, event, received)}"


def _news(incident: NSGIncident, event: NotificationEvent, received: int) -> str:
    status, blocked = incident.status, blocked_action(incident)
    text = headline(incident)
    if event == "Acknowledged" and status.acknowledgement is not None:
        return f"{text} (by {status.acknowledgement.by})"
    if event == "Attributed" and status.changed_by:
        return _attribution(status)
    if event == "Remediated":
        return f"restored in part by the operator; still open: {text}"
    if event == "Blocked" and blocked is not None:
        return f"NOT restored: {blocked.message or blocked.reason}; {text}"
    if event == "Eased":
        return f"{_gone(status, received)}; still open: {text}"
    return _added(incident, event, received) if event in ("Updated", "Escalated") else text


def _added(incident: NSGIncident, event: NotificationEvent, received: int) -> str:
    """Return what is new: a message about an incident of 300 changes must name the one that was added."""
    appeared = new_changes(incident.status, received)
    if not appeared or incident.spec.kind != "Drift":
        return f"{'more severe' if event == 'Escalated' else 'changed'}: {headline(incident)}"
    worst = appeared[0]
    exposure = worst.exposure or tuple(item for item in incident.status.exposure if item.live_rule == worst.rule)
    update = {"changes": tuple(appeared), "change_count": len(appeared), "exposure": exposure}
    return f"now also {_drift_headline(incident.status.model_copy(update=update))}"


def _gone(status: IncidentStatus, received: int) -> str:
    """Return the worst change that ended, and how long it was there."""
    gone = gone_changes(status, received)
    if not gone:
        return "less severe"
    worst = gone[0]
    duration = ""
    if worst.since is not None and worst.ended_at is not None:
        duration = f" after {lasting(worst.ended_at - worst.since)}"
    verb = "is" if len(gone) == 1 else "are"
    others = f" and {counted(len(gone) - 1, 'more change')}" if len(gone) > 1 else ""
    return f"{change_name(worst)}{others} {verb} gone{duration}"


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


def blocked_action(incident: NSGIncident) -> Action | None:
    """Return the action that explains why the rules were not restored; None if they were, or if nothing was tried."""
    latest = incident.status.actions[-1] if incident.status.actions else None
    return None if latest is None or latest.kind == "Remediated" else latest


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
