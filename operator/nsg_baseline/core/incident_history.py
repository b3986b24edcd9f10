"""The history of an incident, of bounded length: entries of the lowest severity are removed first. Pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from nsg_baseline.api.changes import ChangeStatus
from nsg_baseline.api.common import Severity
from nsg_baseline.api.incident import IncidentStatus
from nsg_baseline.api.incident_changes import HISTORY_TEXT_LENGTH, HistoryEntry, HistoryKind, IncidentChange
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.phrasing import cut

SHOWN_HISTORY = 200
SHOWN_ENDED = 100
# What `notification_text` writes. The name of a route contains no space and no comma.
_NOTIFICATION = re.compile(r"route (?P<route>[^ ,]+), revision (?P<revision>[0-9]{1,18})(, reminder [0-9]+)?")
_AT_ONCE = 20
"""Entries that one reconcile adds for changes that appear, and for those that go away."""


def with_entries(status: IncidentStatus, *entries: HistoryEntry) -> IncidentStatus:
    """Return a status with more entries in its history."""
    return status.model_copy(update={"history": bounded([*status.history, *entries])}) if entries else status


def entry(status: IncidentStatus, kind: HistoryKind, text: str, at: datetime) -> HistoryEntry:
    """Return an entry about the whole incident, with its severity."""
    return HistoryEntry(at=at, kind=kind, severity=status.severity or "info", text=cut(text, HISTORY_TEXT_LENGTH))


def entries_of(kind: HistoryKind, changes: Sequence[IncidentChange], at: datetime) -> list[HistoryEntry]:
    """Return an entry for each of some changes; of many, for the most severe ones, and the number of the others."""
    ordered = sorted(changes, key=lambda change: SEVERITIES.index(change.severity))
    listed = [_entry_of(kind, change, at) for change in ordered[:_AT_ONCE]]
    hidden = ordered[_AT_ONCE:]
    if hidden:
        listed.append(HistoryEntry(at=at, kind=kind, severity=hidden[0].severity, text=f"{len(hidden)} more changes"))
    return listed


def merged(base: IncidentStatus, local: IncidentStatus, remote: IncidentStatus) -> tuple[HistoryEntry, ...]:
    """Return the history that another writer stored, with the entries that were added here since `base`."""
    added = [item for item in local.history if item not in base.history and item not in remote.history]
    return bounded([*remote.history, *added])


def bounded(history: Sequence[HistoryEntry]) -> tuple[HistoryEntry, ...]:
    """Remove entries beyond the limit: those of the lowest severity, of these the notifications, then the oldest."""
    excess = len(history) - SHOWN_HISTORY
    if excess <= 0:
        return tuple(history)
    order = sorted(
        range(len(history)),
        key=lambda index: (
            -SEVERITIES.index(history[index].severity),
            history[index].kind != "Notified",
            history[index].at,
        ),
    )
    removed = frozenset(order[:excess])
    return tuple(item for index, item in enumerate(history) if index not in removed)


def with_ended(stored: Sequence[IncidentChange], ended: Iterable[IncidentChange]) -> tuple[IncidentChange, ...]:
    """Return the ended changes, each fingerprint once, within the limit: the lowest severity is removed first."""
    latest = {change.fingerprint: change for change in (*stored, *ended)}
    changes = list(latest.values())
    excess = len(changes) - SHOWN_ENDED
    if excess <= 0:
        return tuple(changes)
    order = sorted(range(len(changes)), key=lambda index: (-SEVERITIES.index(changes[index].severity), index))
    removed = frozenset(order[:excess])
    return tuple(change for index, change in enumerate(changes) if index not in removed)


def notification_text(route: str, revision: int, reminders: int) -> str:
    """Return the text of an entry about a notification of a route."""
    reminder = f", reminder {reminders}" if reminders else ""
    return f"route {route}, revision {revision}{reminder}"


def notified_revision(history: Iterable[HistoryEntry], route: str, at: datetime) -> int:
    """Return the revision that a route had delivered at some time; 0 for none."""
    texts = (item.text for item in history if item.kind == "Notified" and item.at <= at)
    matches = (_NOTIFICATION.fullmatch(text) for text in texts)
    return max((int(match["revision"]) for match in matches if match and match["route"] == route), default=0)


def change_label(change: ChangeStatus) -> str:
    """Return kind and rule of a change, such as `RuleCreated open-ssh`."""
    name = change.rule or (change.nsg.rsplit("/", 1)[-1] if change.nsg else "") or ", ".join(change.fields[:3])
    return f"{change.kind} {name}".rstrip()


def _entry_of(kind: HistoryKind, change: IncidentChange, at: datetime) -> HistoryEntry:
    text = change_label(change)
    if change.ended is not None and change.since is not None:
        text += f" ({change.ended}, present since {_time(change.since)})"
    severity: Severity = change.severity
    return HistoryEntry(at=at, kind=kind, severity=severity, text=cut(text, HISTORY_TEXT_LENGTH))


def _time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
