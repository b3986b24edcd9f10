"""The first lines of a message: who, where, since when, how severe and why."""

from collections import Counter
from collections.abc import Iterator

from nsg_baseline.alerts.wording import ENDINGS, REPORTS, change_name
from nsg_baseline.api.common import format_time
from nsg_baseline.api.incident import Caller, IncidentStatus, NSGIncident
from nsg_baseline.api.route import NotificationEvent
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.phrasing import after, counted

SHOWN_CALLERS = 3
SHOWN_SUBSCRIPTIONS = 3
SHOWN_GROUPS = 5
_CALLER_KINDS = {"ServicePrincipal": " (service principal)", "ManagedIdentity": " (managed identity)"}


def facts(incident: NSGIncident, event: NotificationEvent) -> Iterator[str]:
    """Yield the facts of an incident, the most urgent first."""
    if incident.spec.kind == "WatchLost":
        yield _unwatched(incident.status)
    elif incident.spec.kind == "Drift" and incident.status.resolution not in REPORTS:
        yield from _callers(incident)
    yield _place(incident)
    yield from _period(incident)
    status = incident.status
    if status.severity_reason:
        label = "Severity while open" if status.state == "Resolved" else "Severity"
        yield f"{label}: {status.severity or 'info'}, because {status.severity_reason}"
    if status.reopen_count:
        yield (
            f"Reappeared {counted(status.reopen_count, 'time')} within minutes;"
            " another person or automation keeps re-applying it"
        )
    yield from _acknowledgement(incident, event)


def action_lines(incident: NSGIncident) -> Iterator[str]:
    """Yield what the operator did about an incident, the oldest action first, or what it will do."""
    status = incident.status
    for action in status.actions:
        outcome = "restored the approved rules" if action.kind == "Remediated" else f"did not restore: {action.reason}"
        message = f": {action.message}" if action.message else ""
        yield f"{format_time(action.at)} {outcome}{message}"
    if status.state == "Resolved" or status.actions:
        return
    if status.blocked_since is not None:
        yield f"has tried to restore the approved rules since {format_time(status.blocked_since)}, and retries"
    elif status.effective_mode == "Alert":
        yield "does not undo this (mode Alert)"
    elif status.effective_mode == "Enforce":
        yield "restores the approved rules as far as spec.enforcement covers them (mode Enforce)"


def short_place(incident: NSGIncident) -> str:
    """Return the subscription of an incident, or the number of its subscriptions; empty if it is not known."""
    names = subscriptions(incident)
    return f"subscription {names[0]}" if len(names) == 1 else counted(len(names), "subscription") if names else ""


def subscriptions(incident: NSGIncident) -> list[str]:
    """Return the subscriptions of the NSGs that an incident names; without NSGs, that of its scope."""
    ids = [incident.spec.nsg, *(change.nsg for change in incident.status.changes)]
    named = {NSGId.parse(nsg).subscription for nsg in ids if nsg}
    return sorted(named or filter(None, [incident.spec.subscription]))


def _callers(incident: NSGIncident) -> Iterator[str]:
    status = incident.status
    for caller in status.changed_by[:SHOWN_CALLERS]:
        yield f"Who: {'' if caller.certain else 'possibly '}{_caller(caller)}"
    hidden = len(status.changed_by) - SHOWN_CALLERS
    if hidden > 0:
        yield f"Who: and {hidden} more; see the NSGIncident"
    if not status.changed_by:
        yield "Who: not found in the Activity Log" if status.attribution == "NotFound" else "Who: not known yet"


def _caller(caller: Caller) -> str:
    address = f" from {caller.address}" if caller.address else ""
    client = f" with {caller.client}" if caller.client else ""
    return f"{caller.name}{_CALLER_KINDS.get(caller.kind, '')}{address}{client}, {format_time(caller.at)}"


def _place(incident: NSGIncident) -> str:
    spec = incident.spec
    if spec.nsg is not None:
        nsg = NSGId.parse(spec.nsg)
        return f"Where: NSG {nsg.name}, resource group {nsg.resource_group}, subscription {nsg.subscription}"
    names = subscriptions(incident)
    if not names:
        return f"Where: scope {spec.scope}"
    more = f" and {len(names) - SHOWN_SUBSCRIPTIONS} more" if len(names) > SHOWN_SUBSCRIPTIONS else ""
    label = "subscription" if len(names) == 1 else "subscriptions"
    place = f"Where: scope {spec.scope}, {label} {', '.join(names[:SHOWN_SUBSCRIPTIONS])}{more}"
    groups = ", ".join(_groups(incident))
    return f"{place}, resource groups: {groups}" if groups else place


def _groups(incident: NSGIncident) -> list[str]:
    """Return the resource groups of the NSGs that an incident names, each with the number of NSGs."""
    nsgs = {change.nsg for change in incident.status.changes if change.nsg}
    counts = Counter(NSGId.parse(nsg).resource_group for nsg in nsgs)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    more = [f"and {len(ordered) - SHOWN_GROUPS} more"] if len(ordered) > SHOWN_GROUPS else []
    return [*(f"{group} ({count})" for group, count in ordered[:SHOWN_GROUPS]), *more]


def _acknowledgement(incident: NSGIncident, event: NotificationEvent) -> Iterator[str]:
    status = incident.status
    given = status.acknowledgement
    if given is None:
        if event == "Reminder":
            yield "Nobody has acknowledged it"
        return
    until = f" until {format_time(given.until)}" if given.until is not None else ""
    text = f"Acknowledged by {given.by}{until}{f': {given.note}' if given.note else ''}"
    uncovered = [change_name(change) for change in status.changes if not change.acknowledged]
    if status.acknowledged_at is None and status.state == "Open" and uncovered:
        others = f" and {len(uncovered) - SHOWN_CALLERS} more" if len(uncovered) > SHOWN_CALLERS else ""
        text += f" (this does not cover {', '.join(uncovered[:SHOWN_CALLERS])}{others})"
    yield text


def _unwatched(status: IncidentStatus) -> str:
    if status.state == "Resolved":
        return "What was changed and undone in the meantime may not be reported"
    return "Changes to the NSGs of this scope are neither detected nor undone"


def _period(incident: NSGIncident) -> Iterator[str]:
    status, is_watch = incident.status, incident.spec.kind == "WatchLost"
    if status.opened_at is None:
        return
    if status.resolution in REPORTS and status.resolved_at is not None:
        yield f"Since: {format_time(status.resolved_at)}"
        return
    yield f"First seen: {format_time(status.opened_at)}{_latest(status)}"
    if status.resolved_at is not None:
        end = "readable again" if is_watch else ENDINGS[status.resolution or "Reverted"]
        yield f"Ended: {format_time(status.resolved_at)}, {after(status.resolved_at - status.opened_at)} ({end})"


def _latest(status: IncidentStatus) -> str:
    """Return when the latest change was seen, if others are older."""
    latest = max((change.since for change in status.changes if change.since is not None), default=None)
    if status.state == "Resolved" or latest is None or status.opened_at is None or latest <= status.opened_at:
        return ""
    return f"; latest change: {format_time(latest)}"
