"""Stories: what a stored incident, or many of them, say to people; channels put it into their own form."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from nsg_baseline.alerts.payload import alert_document
from nsg_baseline.alerts.pending import NotificationEvent, PendingDelivery
from nsg_baseline.api.changes import ChangeStatus
from nsg_baseline.api.common import Severity, format_time
from nsg_baseline.api.incident import Caller, NSGIncident
from nsg_baseline.core.changes import fingerprint
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.severity import worst
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.exposure_lines import lines
from nsg_baseline.core.text.phrasing import counted, lasting

SHOWN_CHANGES = 20
SHOWN_COMMANDS = 3
SHOWN_INCIDENTS = 50
SHOWN_CALLERS = 3
Level = Literal["failure", "warning", "success"]
_PREFIXES: Mapping[NotificationEvent, str] = {
    "Opened": "",
    "Updated": "UPDATE ",
    "Attributed": "WHO ",
    "Remediated": "PUT BACK ",
    "Acknowledged": "ACKNOWLEDGED ",
    "Resolved": "RESOLVED ",
    "Reminder": "STILL OPEN ",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A change as it is told: what happened, then each side with its name."""

    head: str
    sides: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """One message, in parts. `key` is the same for every repeat of it, `thread` for all messages of its incident.

    `short` says the most in the fewest characters. `document` is the message for machines. `opens` says that whom it
    is told has not heard of any of it.
    """

    event: NotificationEvent
    severity: Severity
    title: str
    short: str
    facts: tuple[str, ...]
    traffic: tuple[str, ...]
    changes: tuple[Change, ...]
    actions: tuple[str, ...]
    next_steps: tuple[str, ...]
    key: str
    thread: str
    link: str | None = None
    opens: bool = False
    document: Mapping[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> Level:
        """How loudly it is said."""
        if self.event == "Resolved":
            return "success"
        return "failure" if self.severity in ("critical", "high") else "warning"


def alert_message(due: PendingDelivery, event: NotificationEvent | None = None) -> AlertMessage:
    """Tell an incident's latest revision."""
    event = event or due.event
    incident, status = due.incident, due.incident.status
    severity: Severity = status.severity or "info"
    who = f" by {status.changed_by[0].name}" if status.changed_by else ""
    return AlertMessage(
        event=event,
        severity=severity,
        title=f"{_PREFIXES[event]}[{severity.upper()}] {_subject(incident)}: {status.summary or 'deviates'}{who}",
        short=(
            f"{_PREFIXES[event]}{severity.upper()} {_subject(incident)}: {_lasted(incident)}{_shortly(incident)}{who}"
        ),
        facts=tuple(_facts(incident, severity)),
        traffic=lines(status.exposure),
        changes=tuple(_changes(incident)),
        actions=tuple(_actions(incident)),
        next_steps=() if event == "Resolved" else tuple(_ways_out(incident)),
        key=single_key(due),
        thread="/".join(incident.key),
        link=f"https://portal.azure.com/#resource{incident.spec.nsg}" if incident.spec.nsg else None,
        document=alert_document(event, severity, [incident]),
    )


def single_key(due: PendingDelivery) -> str:
    """Return the key of a message that tells one incident."""
    namespace, name, revision, reminder = due.mark
    return f"incident {namespace}/{name} revision {revision}" + (f" reminder {reminder}" if reminder else "")


def digest_key(dues: Iterable[PendingDelivery]) -> str:
    """Return the key of a message that tells these."""
    return f"digest {fingerprint('; '.join(sorted(map(single_key, dues))))}"


def digest_message(dues: Sequence[PendingDelivery], key: str | None = None) -> AlertMessage:
    """Tell many incidents in one message, the heaviest first; under a key that it was sent with before, if it was."""
    key = key or digest_key(dues)
    ordered = sorted(dues, key=lambda one: (_rank(one.incident), one.incident.metadata.name))
    severity = worst(one.incident.status.severity or "info" for one in ordered) or "info"
    over = all(one.event == "Resolved" for one in ordered)
    told = [_line(one) for one in ordered[:SHOWN_INCIDENTS]]
    hidden = len(ordered) - len(told)
    more = [f"and {hidden} more: kubectl get nsgincidents -A"] if hidden > 0 else []
    named = ", ".join(sorted({_subject(one.incident).removeprefix("NSG ") for one in ordered[:3]}))
    event: NotificationEvent = "Resolved" if over else "Updated"
    what = f"{len(ordered)} incidents{' are over' if over else ''}"
    return AlertMessage(
        event=event,
        severity=severity,
        title=f"{_PREFIXES['Resolved'] if over else ''}[{severity.upper()}] {what}, first {named}",
        short=f"{severity.upper()} {what}: {told[0]}",
        facts=(f"{what} at once; each is told again when it changes",),
        traffic=(*told, *more),
        changes=(),
        actions=(),
        next_steps=(),
        key=key,
        thread=key,
        document=alert_document(event, severity, [one.incident for one in ordered]),
    )


def plain(one: AlertMessage) -> str:
    """Return a story as text that reads on any screen."""
    return "\n".join([*_plain(one), "", one.key])


def _plain(one: AlertMessage) -> Iterator[str]:
    yield from one.facts
    yield ""
    if one.event == "Resolved" and one.changes:
        yield "It was:"
    if one.traffic:
        yield from one.traffic
        yield ""
    for change in one.changes:
        yield f"- {change.head}"
        yield from (f"    {name + ':':<9} {text}" for name, text in change.sides)
    yield from (f"operator: {text}" for text in one.actions)
    if one.next_steps:
        yield ""
        yield from one.next_steps


def _rank(incident: NSGIncident) -> int:
    return SEVERITIES.index(incident.status.severity or "info")


def _line(due: PendingDelivery) -> str:
    weight = (due.incident.status.severity or "info").upper()
    return f"{_PREFIXES[due.event]}[{weight}] {_subject(due.incident)}: {_shortly(due.incident)}"


def _subject(incident: NSGIncident) -> str:
    if incident.spec.nsg is not None:
        return f"NSG {NSGId.parse(incident.spec.nsg).name}"
    return f"scope {incident.spec.scope}"


def _shortly(incident: NSGIncident) -> str:
    """Say what happened in the fewest words: what was changed, and the traffic where there is any."""
    status = incident.status
    what = status.summary or "deviates"
    if incident.spec.kind == "Unbaselined":
        what = f"{counted(status.change_count or 0, 'NSG')} without a baseline"
    if not status.exposure:
        return what
    first = status.exposure[0]
    way = "in" if first.direction == "Inbound" else "out"
    allowed, denied = ("let", "stopped") if status.state == "Resolved" else ("lets", "stops")
    verb = allowed if first.effect == "Allowed" else denied
    more = f" and {len(status.exposure) - 1} more" if len(status.exposure) > 1 else ""
    return f"{what} {verb} {way} {first.text}{more}"


def _lasted(incident: NSGIncident) -> str:
    """Say how long it was open, if it is over."""
    status = incident.status
    if status.resolved_at is None or status.opened_at is None:
        return ""
    return f"over after {lasting(status.resolved_at - status.opened_at)}. "


def _facts(incident: NSGIncident, severity: Severity) -> Iterator[str]:
    status = incident.status
    if incident.spec.nsg is not None:
        nsg = NSGId.parse(incident.spec.nsg)
        yield f"NSG {nsg.name} in resource group {nsg.resource_group}, subscription {nsg.subscription}"
    if status.opened_at is not None:
        yield f"since {format_time(status.opened_at)}"
    if status.resolved_at is not None and status.opened_at is not None:
        lasted = lasting(status.resolved_at - status.opened_at)
        yield f"until {format_time(status.resolved_at)}, after {lasted}: {status.resolution}"
    if status.reopen_count:
        yield f"it came back {counted(status.reopen_count, 'time')} within minutes: somebody, or something, insists"
    if status.severity_reason:
        yield f"{severity} because {status.severity_reason}"
    yield from map(_by, status.changed_by[:SHOWN_CALLERS])
    if status.attribution == "NotFound":
        yield "who did it is not in Azure's Activity Log"
    if incident.spec.acknowledged is not None:
        note = f": {incident.spec.acknowledged.note}" if incident.spec.acknowledged.note else ""
        yield f"acknowledged by {incident.spec.acknowledged.by}{note}"


def _by(caller: Caller) -> str:
    kind = {"ServicePrincipal": " (service principal)", "ManagedIdentity": " (managed identity)"}.get(caller.kind, "")
    address = f" from {caller.address}" if caller.address else ""
    client = f" with {caller.client}" if caller.client else ""
    return f"by {caller.name}{kind}{address}{client}, {format_time(caller.at)}"


def _changes(incident: NSGIncident) -> Iterator[Change]:
    status = incident.status
    yield from map(_change, status.changes[:SHOWN_CHANGES])
    hidden = (status.change_count or 0) - len(status.changes[:SHOWN_CHANGES])
    if hidden > 0:
        yield Change(f"and {hidden} more; see the NSGIncident")


def _change(change: ChangeStatus) -> Change:
    what = change.rule or (change.nsg and NSGId.parse(change.nsg).name) or ""
    fields = f" ({', '.join(change.fields)})" if change.fields else ""
    head = f"{change.kind} {what}{fields}".replace("  ", " ").rstrip()
    sides = [("approved", change.approved), ("live", change.live)]
    if change.live is None and change.kind in ("RuleDeleted", "NSGDeleted"):
        sides[1] = ("live", "none")
    return Change(head, tuple((name, text) for name, text in sides if text is not None))


def _actions(incident: NSGIncident) -> Iterator[str]:
    for action in incident.status.actions:
        yield f"{action.kind} at {format_time(action.at)}: {action.reason} {action.message}".rstrip()


def _ways_out(incident: NSGIncident) -> Iterator[str]:
    namespace, spec = incident.metadata.namespace, incident.spec
    if spec.kind == "Unbaselined":
        yield "to approve: apply an NSGBaseline for it, or name it in the scope's unbaselined.ignoreNames"
    if spec.nsg is None:
        return
    if any(change.kind == "NSGDeleted" for change in incident.status.changes):
        yield f"to approve: delete NSGBaseline {namespace}/{spec.baseline}"
        yield "to revert: create the NSG again, and attach it; the operator never does"
    elif spec.baseline is not None:
        yield f"to approve: edit NSGBaseline {namespace}/{spec.baseline}; nsgb approve {spec.baseline} -n {namespace}"
        yield from _reverting(NSGId.parse(spec.nsg), incident.status.changes)
    yield f"in the portal: https://portal.azure.com/#resource{spec.nsg}"


def _reverting(nsg: NSGId, changes: Sequence[ChangeStatus]) -> Iterator[str]:
    """Say how to undo it: by a command where one is certain, else by what the approved side says."""
    created = [change.rule for change in changes if change.kind == "RuleCreated" and change.rule]
    where = f"--subscription {nsg.subscription} -g {nsg.resource_group} --nsg-name {nsg.name}"
    if len(created) <= SHOWN_COMMANDS:
        yield from (f"to revert: az network nsg rule delete {where} -n {rule}" for rule in created)
    if len(created) > SHOWN_COMMANDS or len(created) < len(changes):
        yield "to revert: put the approved side back, or let the baseline's mode be Enforce"
