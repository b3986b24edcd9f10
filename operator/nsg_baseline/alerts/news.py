"""What is new since a receiver's last message, or how an incident ended: the first lines of a message."""

from collections.abc import Iterator, Sequence

from nsg_baseline.alerts.wording import ENDINGS, change_name
from nsg_baseline.api.common import format_time
from nsg_baseline.api.incident import IncidentStatus, NSGIncident
from nsg_baseline.api.incident_changes import IncidentChange
from nsg_baseline.api.route import NotificationEvent
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.phrasing import after, listed

SHOWN = 5
SHOWN_NAMES = 3


def news(incident: NSGIncident, event: NotificationEvent, received: int) -> Iterator[str]:
    """Yield what a receiver of this revision does not know yet; 0 if it received none."""
    status = incident.status
    if event == "Resolved":
        if status.ended_changes or len(status.changes) > 1:
            yield from _limited([f"{_span(change)}{_by(change)}" for change in _ended(status)])
        if status.highest_severity not in (None, status.severity):
            yield f"Highest severity: {status.highest_severity}"
        return
    if not received or event == "Reminder":
        return
    appeared = new_changes(status, received)
    yield from _limited([f"New: {_with_severity(change)}{_seen(change)}{_by(change)}" for change in appeared])
    yield from _limited([f"Gone: {_span(change)}" for change in gone_changes(status, received)])
    if appeared or event == "Eased":
        yield from _earlier(status, received, has_new=bool(appeared))


def new_changes(status: IncidentStatus, received: int) -> list[IncidentChange]:
    """Return the open changes that appeared after a revision, the most severe first."""
    return [change for change in status.changes if received and change.appeared_in > received]


def gone_changes(status: IncidentStatus, received: int) -> list[IncidentChange]:
    """Return the changes that ended after a revision and that were not replaced, the most severe first."""
    ended = (change for change in status.ended_changes if (change.ended_in or 0) > received)
    return sorted((change for change in ended if change.ended != "Replaced"), key=_rank)


def _earlier(status: IncidentStatus, received: int, *, has_new: bool) -> Iterator[str]:
    earlier = [change for change in status.changes if change.appeared_in <= received]
    label = "Known before" if has_new else "Still open"
    acknowledgement = status.acknowledgement
    for change in earlier[:SHOWN_NAMES]:
        text = f"{label}: {_with_severity(change)}{_seen(change)}"
        if change.acknowledged and acknowledgement is not None:
            text += f", acknowledged by {acknowledgement.by}"
            text += "; that does not cover what is new" if has_new else ""
        yield text
    if len(earlier) > SHOWN_NAMES:
        yield f"{label}: and {len(earlier) - SHOWN_NAMES} more; see the NSGIncident"


def _ended(status: IncidentStatus) -> list[IncidentChange]:
    return sorted((*status.ended_changes, *status.changes), key=_rank)


def _rank(change: IncidentChange) -> int:
    return SEVERITIES.index(change.severity)


def _span(change: IncidentChange) -> str:
    end = ENDINGS[change.ended] if change.ended is not None else "ended"
    if change.since is None or change.ended_at is None:
        return f"{_with_severity(change)}, {end}"
    period = f"{format_time(change.since)} to {format_time(change.ended_at)}"
    return f"{_with_severity(change)}, {end} {after(change.ended_at - change.since)} ({period})"


def _with_severity(change: IncidentChange) -> str:
    return f"{change_name(change)} [{change.severity.upper()}]"


def _seen(change: IncidentChange) -> str:
    return f", seen {format_time(change.since)}" if change.since is not None else ""


def _by(change: IncidentChange) -> str:
    return author(change, ", ")


def author(change: IncidentChange, prefix: str) -> str:
    """Return who made a change, after a prefix; empty if nobody is named."""
    if not change.changed_by:
        return ""
    possibly = "" if change.attribution == "Found" else "possibly "
    return f"{prefix}by {possibly}{listed(list(change.changed_by[:SHOWN_NAMES]))}"


def _limited(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:SHOWN]
    if len(lines) > SHOWN:
        yield f"and {len(lines) - SHOWN} more; see the NSGIncident"
