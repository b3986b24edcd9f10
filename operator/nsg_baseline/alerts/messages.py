"""Messages: what a stored incident says to people. Readable as plain text at three in the morning."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from nsg_baseline.alerts.due import Due
from nsg_baseline.api.common import format_time
from nsg_baseline.api.findings import ChangeStatus
from nsg_baseline.api.incident import NSGIncident, Turn
from nsg_baseline.core.exposed import lines
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.texts import lasting

SHOWN_CHANGES = 20
SHOWN_COMMANDS = 3
Level = Literal["failure", "warning", "success"]
_TITLES: dict[Turn, str] = {"Opened": "", "Updated": "UPDATE ", "Remediated": "PUT BACK ", "Resolved": "RESOLVED "}


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `key` is the same for every repeat of it."""

    title: str
    body: str
    level: Level
    key: str


def render(due: Due) -> Message:
    """Say what an incident's latest revision tells."""
    incident = due.incident
    level: Level = (
        "success"
        if due.turn == "Resolved"
        else "failure"
        if incident.status.severity in ("critical", "high")
        else "warning"
    )
    key = f"incident {'/'.join(incident.key)} revision {incident.status.revision}"
    return Message(_title(due), "\n".join([*_lines(due), "", key]), level, key)


def _title(due: Due) -> str:
    status = due.incident.status
    severity = (status.severity or "").upper()
    return f"{_TITLES[due.turn]}[{severity}] {_subject(due.incident)}: {status.summary or 'deviates'}"


def _subject(incident: NSGIncident) -> str:
    if incident.spec.nsg is not None:
        return f"NSG {NSGId.parse(incident.spec.nsg).name}"
    return f"scope {incident.spec.scope}"


def _lines(due: Due) -> Iterator[str]:
    incident, status = due.incident, due.incident.status
    if incident.spec.nsg is not None:
        nsg = NSGId.parse(incident.spec.nsg)
        yield f"NSG {nsg.name} in resource group {nsg.resource_group}, subscription {nsg.subscription}"
    yield from _times(incident)
    if status.severity_reason:
        yield f"{status.severity} because {status.severity_reason}"
    yield ""
    if due.turn == "Resolved":
        yield "It was:"
    if status.exposure:
        yield from lines(status.exposure)
        yield ""
    for change in status.changes[:SHOWN_CHANGES]:
        yield from _change(change)
    hidden = (status.change_count or 0) - len(status.changes[:SHOWN_CHANGES])
    if hidden > 0:
        yield f"- and {hidden} more; see the NSGIncident"
    for action in status.actions:
        yield f"operator: {action.kind} at {format_time(action.at)}: {action.reason} {action.message}".rstrip()
    if due.turn != "Resolved":
        yield from _ways_out(incident)


def _times(incident: NSGIncident) -> Iterator[str]:
    status = incident.status
    if status.opened_at is not None:
        yield f"since {format_time(status.opened_at)}"
    if status.resolved_at is not None and status.opened_at is not None:
        lasted = lasting(status.resolved_at - status.opened_at)
        yield f"until {format_time(status.resolved_at)}, after {lasted}: {status.resolution}"


def _change(change: ChangeStatus) -> Iterator[str]:
    what = change.rule or (change.nsg and NSGId.parse(change.nsg).name) or ""
    fields = f" ({', '.join(change.fields)})" if change.fields else ""
    yield f"- {change.kind} {what}{fields}".replace("  ", " ").rstrip()
    if change.approved is not None:
        yield f"    approved: {change.approved}"
    if change.live is not None:
        yield f"    live:     {change.live}"
    elif change.kind in ("RuleDeleted", "NSGDeleted"):
        yield "    live:     none"


def _reverting(nsg: NSGId, changes: Sequence[ChangeStatus]) -> Iterator[str]:
    """Say how to undo it: by a command where one is certain, else by what the approved side says."""
    created = [change.rule for change in changes if change.kind == "RuleCreated" and change.rule]
    where = f"--subscription {nsg.subscription} -g {nsg.resource_group} --nsg-name {nsg.name}"
    if len(created) <= SHOWN_COMMANDS:
        yield from (f"to revert: az network nsg rule delete {where} -n {rule}" for rule in created)
    if len(created) > SHOWN_COMMANDS or len(created) < len(changes):
        yield "to revert: put the approved side back, or let the baseline's mode be Enforce"


def _ways_out(incident: NSGIncident) -> Iterator[str]:
    namespace, spec = incident.metadata.namespace, incident.spec
    yield ""
    if spec.kind == "Unbaselined":
        yield "to approve: apply an NSGBaseline for it, or name it in the scope's unbaselined.ignoreNames"
    if spec.nsg is None:
        return
    if spec.baseline is not None:
        yield f"to approve: edit NSGBaseline {namespace}/{spec.baseline}"
    yield from _reverting(NSGId.parse(spec.nsg), incident.status.changes)
    yield f"in the portal: https://portal.azure.com/#resource{spec.nsg}"
