"""Titles: the severity, the NSG, what changed and which traffic that allows or denies."""

import re
from collections.abc import Sequence
from datetime import timedelta

from nsg_baseline.alerts.endings import resolved_title
from nsg_baseline.alerts.news import gone_changes, new_changes
from nsg_baseline.alerts.subject import severity_label, subject_of
from nsg_baseline.alerts.wording import change_name, nsg_name, verb
from nsg_baseline.api.changes import ChangeStatus, ExposureStatus
from nsg_baseline.api.common import format_time
from nsg_baseline.api.incident import Action, Caller, IncidentStatus, NSGIncident
from nsg_baseline.api.route import NotificationEvent
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.scope_decisions import unwatched
from nsg_baseline.core.text.phrasing import after, counted, lasting

_VERBS = {
    "RuleCreated": "created",
    "RuleUpdated": "changed",
    "RuleDeleted": "deleted",
}
# The name of the NSG before the traffic, in an incident about several NSGs.
_PLACE = re.compile(r"NSG ([^:]+): ")


def title(incident: NSGIncident, event: NotificationEvent, open_for: timedelta | None = None, received: int = 0) -> str:
    """Return the title of a message.

    Args:
        incident: The incident.
        event: The event of the message.
        open_for: How long the incident has been open, for reminders.
        received: The last revision that the receiver knows; 0 for none.
    """
    if event == "Resolved":
        return resolved_title(incident)
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
        return f"{_attribution(status)}{_traffic(status)}"
    if event == "Remediated":
        return f"restored in part by the operator; still open: {text}"
    if event == "Blocked" and blocked is not None:
        # Where titles are cut, what is open must remain.
        return f"NOT restored: {text} ({blocked.message or blocked.reason})"
    if event == "Eased":
        return f"{_gone(status, received)}; still open: {text}"
    return _added(incident, event, received) if event in ("Updated", "Escalated") else text


def _added(incident: NSGIncident, event: NotificationEvent, received: int) -> str:
    """Return what is new: a message about an incident of 300 changes must name the one that was added."""
    appeared = new_changes(incident.status, received)
    if not appeared:
        return f"{'more severe' if event == 'Escalated' else 'updated'}: {headline(incident)}"
    if incident.spec.kind == "Unbaselined":
        return f"now also {_unbaselined_headline(incident.status, appeared)}"
    worst = appeared[0]
    if incident.spec.kind != "Drift":
        side = f": {worst.live}" if worst.live else ""
        return f"now also {change_name(worst)}{side}"
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
        duration = f" {after(worst.ended_at - worst.since)}"
    others = f" and {counted(len(gone) - 1, 'more change')}" if len(gone) > 1 else ""
    return f"{change_name(worst)}{others} {'is' if len(gone) == 1 else 'are'} gone{duration}"


def headline(incident: NSGIncident) -> str:
    """Return what changed, and the first traffic that it allows or denies."""
    status = incident.status
    if incident.spec.kind == "WatchLost":
        return _watch_lost_headline(incident)
    if incident.spec.kind == "Unbaselined":
        return _unbaselined_headline(status, status.changes)
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
        return f"{name} {verb(exposure)} {traffic}"
    return f"{name}{_traffic(status)}"


def _traffic(status: IncidentStatus) -> str:
    """Return the first traffic that is decided differently now."""
    exposure = status.exposure[0] if status.exposure else None
    return f"; now {exposure.effect.lower()}: {exposure.direction.lower()} {exposure.text}" if exposure else ""


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


def _watch_lost_headline(incident: NSGIncident) -> str:
    status = incident.status
    since = f"have not been watched since {format_time(status.opened_at)}" if status.opened_at else "are not watched"
    cause = (status.summary or "the scope cannot be read").removeprefix(unwatched(incident.spec.scope))
    return f"its NSGs {since}: {cause}"


def _unbaselined_headline(status: IncidentStatus, changes: Sequence[ChangeStatus]) -> str:
    """Return the number of NSGs and the first of their traffic."""
    count = len(changes) if changes is not status.changes else status.change_count or len(changes)
    exposure, nsg = _exposed_nsg(status, changes)
    if count == 1 and changes and changes[0].nsg:
        has_traffic = exposure is not None and nsg == changes[0].nsg
        name = f"{nsg_name(changes[0].nsg)} has no baseline{' and' if has_traffic else ''}"
    else:
        name = f"{counted(count, 'NSG')} {'has' if count == 1 else 'have'} no baseline"
        name += f"; {nsg_name(nsg)}" if nsg else ""
    if exposure is None or nsg is None:
        return name
    return f"{name} {verb(exposure)} {exposure.direction.lower()} {_PLACE.sub('', exposure.text)}"


def _exposed_nsg(
    status: IncidentStatus, changes: Sequence[ChangeStatus]
) -> tuple[ExposureStatus, str] | tuple[None, None]:
    """Return the first traffic of some NSGs, and the id of its NSG. Changes and traffic have the same order."""
    for exposure in status.exposure:
        place = _PLACE.match(exposure.text)
        for change in changes:
            if place is not None and change.nsg and NSGId.parse(change.nsg).name == place.group(1):
                return exposure, change.nsg
    return None, None


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
    return f"{caller.name}{more} {_VERBS.get(change.kind, 'changed')} rule {change.rule}"


def _other_callers(callers: Sequence[Caller]) -> str:
    others = len(callers) - 1
    if not others:
        return ""
    certain = sum(caller.certain for caller in callers)
    # One of several candidates made the change, but each certain author made one.
    word = "or" if certain == 0 else "and" if certain > others else "and possibly"
    return f" {word} {counted(others, 'other caller')}"
