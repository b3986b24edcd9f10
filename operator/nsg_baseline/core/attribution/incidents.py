"""The authors of an incident's changes, in the form in which its status stores them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from nsg_baseline.api.changes import Attribution, ChangeStatus
from nsg_baseline.api.incident import Caller, IncidentStatus, NSGIncident
from nsg_baseline.core.attribution.authorship import Authorship, LogPeriod, author_of
from nsg_baseline.core.attribution.effects import Question
from nsg_baseline.core.attribution.writes import Write, writes
from nsg_baseline.core.ids import fold
from nsg_baseline.core.nsg import ApprovedNSG

_Change = TypeVar("_Change", bound=ChangeStatus)
SHOWN = 20
SHOWN_NAMES = 5
NAMES_LENGTH = 100_000
"""Characters that the names of all changes together may have, to leave room within etcd's 1.5 MiB per object."""
GIVE_UP_AFTER = timedelta(minutes=30)
"""After this time the log is not read again for a change."""


@dataclass(frozen=True, slots=True)
class ActivityRows:
    """What was read of a subscription's Activity Log.

    Attributes:
        rows: in any order, in the form of Azure's REST API.
        period: which part of the log it is.
        own: folded ids of the operator's own applications.
    """

    rows: Sequence[Mapping[str, Any]]
    period: LogPeriod
    own: frozenset[str] = frozenset()


def open_since(incident: NSGIncident) -> datetime | None:
    """Return when the earliest change whose author is still searched was first seen; None if there is none."""
    status = incident.status
    if status.attribution is not None or status.opened_at is None:
        return None
    searched = [change for change in status.changes if change.attribution is None]
    return min((_seen_at(change, status) for change in searched), default=status.updated_at or status.opened_at)


def read_from(incident: NSGIncident) -> datetime:
    """Return the time from which on the log is needed for the changes whose author is still searched."""
    status = incident.status
    times = (change.absent_at or _seen_at(change, status) for change in status.changes if change.attribution is None)
    return min(times, default=_opened_at(status))


def attributed(incident: NSGIncident, log: ActivityRows, approved: ApprovedNSG | None) -> IncidentStatus:
    """Return the status of an incident with what the log says about its changes.

    `approved` is what the incident's baseline approves; without it no request body can be compared. An author that
    is certain stays; other answers stay once no later row can change them.
    """
    status = incident.status
    nsgs = frozenset(_nsg(change, incident) for change in status.changes)
    listed = writes(log.rows, nsgs, log.own)
    answers = [
        (change, author_of(_question(change, incident, approved), listed, log.period))
        if change.attribution is None
        else (change, None)
        for change in status.changes
    ]
    length = NAMES_LENGTH // max(1, len(answers))
    changes = tuple(
        change if answer is None else _with_answer(change, answer, length, given_up=_given_up(change, status, log))
        for change, answer in answers
    )
    updates = {
        "changes": changes,
        "changed_by": _callers(status, answers),
        "attribution": overall(changes, given_up=log.period.read_at - _opened_at(status) >= GIVE_UP_AFTER),
    }
    return status.model_copy(update=updates)


def overall(changes: Iterable[ChangeStatus], *, given_up: bool = False) -> Attribution | None:
    """Return whether all authors are certain, some are not, or nobody is named; None while one is searched."""
    answers = {change.attribution for change in changes}
    if None in answers or not (answers or given_up):
        return None
    if answers == {"Found"}:
        return "Found"
    return "NotFound" if answers <= {"NotFound"} else "Uncertain"


def carried(change: _Change, stored: ChangeStatus) -> _Change:
    """Return a change with what is stored about the same change: since when it is there, and who made it."""
    kept = ("since", "absent_at", "attribution", "changed_by")
    return change.model_copy(update={name: getattr(stored, name) for name in kept})


def _question(change: ChangeStatus, incident: NSGIncident, approved: ApprovedNSG | None) -> Question:
    return Question(
        kind=change.kind,
        nsg=_nsg(change, incident),
        rule=change.rule.lower() if change.rule else None,
        fingerprint=change.fingerprint,
        approved=approved,
        seen_at=_seen_at(change, incident.status),
        absent_at=change.absent_at,
        fields=change.fields,
    )


def _with_answer(change: ChangeStatus, answer: Authorship, length: int, *, given_up: bool) -> ChangeStatus:
    # A log that could not be read in the end does not refute the candidates of an earlier reading.
    names = tuple(_names(answer.writes, length)) if answer.writes else change.changed_by
    attribution: Attribution | None = None
    if answer.answer == "Certain":
        attribution = "Found"
    elif answer.final or given_up:
        attribution = "Uncertain" if answer.writes or names else "NotFound"
    return change.model_copy(update={"attribution": attribution, "changed_by": names})


def _names(listed: Iterable[Write], length: int) -> Iterator[str]:
    for name in list(dict.fromkeys(write.caller.name for write in listed))[:SHOWN_NAMES]:
        length -= len(name)
        if length >= 0:
            yield name


def _given_up(change: ChangeStatus, status: IncidentStatus, log: ActivityRows) -> bool:
    return log.period.read_at - _seen_at(change, status) >= GIVE_UP_AFTER


def _callers(status: IncidentStatus, answers: Iterable[tuple[ChangeStatus, Authorship | None]]) -> tuple[Caller, ...]:
    """Return the callers of all changes, once for each request: the stored ones of answered changes, and the new."""
    named: dict[tuple[str, str, str | None], Caller] = {}
    answered: set[str] = set()
    for change, answer in answers:
        if answer is None or not answer.writes:
            answered.update(change.changed_by)
            continue
        for write in answer.writes:
            certain = answer.answer == "Certain"
            caller = write.caller.model_copy(update={"certain": certain})
            key = caller.correlation_id, caller.name, caller.rule
            named[key] = caller if certain else named.get(key, caller)
    for caller in status.changed_by:
        if caller.name in answered:
            key = caller.correlation_id, caller.name, caller.rule
            named[key] = caller if caller.certain else named.get(key, caller)
    return tuple(sorted(named.values(), key=lambda caller: (caller.at, caller.name), reverse=True))[:SHOWN]


def _nsg(change: ChangeStatus, incident: NSGIncident) -> str:
    return fold(change.nsg or incident.spec.nsg or "")


def _seen_at(change: ChangeStatus, status: IncidentStatus) -> datetime:
    # Who ended an incident is not who made its changes.
    updated_at = status.updated_at if status.state != "Resolved" else None
    return change.since or updated_at or _opened_at(status)


def _opened_at(status: IncidentStatus) -> datetime:
    if status.opened_at is None:
        raise ValueError("the incident was never opened")
    return status.opened_at
