"""The first lines of a message: who, where, since when, how severe and why."""

from collections.abc import Iterator

from nsg_baseline.api.common import format_time
from nsg_baseline.api.incident import Caller, NSGIncident
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.phrasing import counted, lasting

SHOWN_CALLERS = 3
SHOWN_SUBSCRIPTIONS = 3
_CALLER_KINDS = {"ServicePrincipal": " (service principal)", "ManagedIdentity": " (managed identity)"}


def facts(incident: NSGIncident) -> Iterator[str]:
    """Yield the facts of an incident, the most urgent first."""
    if incident.spec.kind == "WatchLost":
        yield "Changes to the NSGs of this scope are neither detected nor undone"
    elif incident.spec.kind == "Drift" and incident.status.resolution != "TakenOver":
        yield from _callers(incident)
    yield _place(incident)
    yield from _period(incident)
    status = incident.status
    if status.severity_reason:
        yield f"Severity: {status.severity or 'info'}, because {status.severity_reason}"
    if status.reopen_count:
        yield (
            f"Reappeared {counted(status.reopen_count, 'time')} within minutes;"
            " another person or automation keeps re-applying it"
        )
    if incident.spec.acknowledged is not None:
        note = f": {incident.spec.acknowledged.note}" if incident.spec.acknowledged.note else ""
        yield f"Acknowledged by {incident.spec.acknowledged.by}{note}"


def action_lines(incident: NSGIncident) -> Iterator[str]:
    """Yield what the operator did about an incident, the oldest action first."""
    for action in incident.status.actions:
        outcome = "restored the approved rules" if action.kind == "Remediated" else f"did not restore: {action.reason}"
        message = f": {action.message}" if action.message else ""
        yield f"{format_time(action.at)} {outcome}{message}"


def subscriptions(incident: NSGIncident) -> list[str]:
    """Return the subscriptions of the NSGs that an incident names."""
    ids = [incident.spec.nsg, *(change.nsg for change in incident.status.changes)]
    return sorted({NSGId.parse(nsg).subscription for nsg in ids if nsg})


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
    return f"Where: scope {spec.scope}, {label} {', '.join(names[:SHOWN_SUBSCRIPTIONS])}{more}"


def _period(incident: NSGIncident) -> Iterator[str]:
    status = incident.status
    if status.opened_at is None:
        return
    if status.resolution == "TakenOver" and status.resolved_at is not None:
        yield f"Since: {format_time(status.resolved_at)}"
        return
    yield f"First seen: {format_time(status.opened_at)}"
    if status.resolved_at is not None:
        duration = lasting(status.resolved_at - status.opened_at)
        yield f"Ended: {format_time(status.resolved_at)}, after {duration} ({status.resolution})"
