"""Acknowledgements: each covers the changes that were open when it was given, and may end. Pure."""

from collections.abc import Iterable
from datetime import datetime

from nsg_baseline.api.incident import Acknowledged, IncidentStatus, NSGIncident
from nsg_baseline.api.incident_changes import Acknowledgement, IncidentChange


def recorded(stored: IncidentStatus, given: Acknowledged | None, now: datetime) -> Acknowledgement | None:
    """Return the acknowledgement to store: the stored one if it is still given, or a new one; None if none is valid."""
    if given is None or (given.until is not None and given.until <= now):
        return None
    before = stored.acknowledgement
    if before is not None and _is_same(before, given):
        return before
    return Acknowledgement(at=now, by=given.by, note=given.note, revision=given.revision, until=given.until)


def covered(
    change: IncidentChange, stored: IncidentStatus, acknowledgement: Acknowledgement | None, *, is_worse: bool
) -> bool:
    """Return whether an acknowledgement covers a change that was stored before.

    Args:
        change: the change as it was stored.
        stored: the incident as it was stored.
        acknowledgement: the valid acknowledgement.
        is_worse: whether the severity of the change rose since.
    """
    if acknowledgement is None or is_worse:
        return False
    is_new = acknowledgement != stored.acknowledgement
    last = acknowledgement.revision if acknowledgement.revision is not None else stored.revision
    return (is_new and change.appeared_in <= last) or change.acknowledged


def covers_all(
    stored: IncidentStatus,
    changes: Iterable[IncidentChange],
    acknowledgement: Acknowledgement | None,
    *,
    has_new_problem: bool,
) -> bool:
    """Return whether an acknowledgement covers everything that is open.

    An incident without changes is about a problem, such as a scope that cannot be read.
    """
    changes = tuple(changes)
    if acknowledgement is None or has_new_problem:
        return False
    if changes:
        return all(change.acknowledged for change in changes)
    return acknowledgement != stored.acknowledgement or stored.acknowledged_at is not None


def is_acknowledged(status: IncidentStatus, now: datetime) -> bool:
    """Return whether everything that is open is acknowledged now."""
    until = status.acknowledgement.until if status.acknowledgement is not None else None
    return status.acknowledged_at is not None and (until is None or now < until)


def is_unrecorded(incident: NSGIncident, now: datetime) -> bool:
    """Return whether an acknowledgement of an open incident was given or withdrawn, which its status does not say."""
    status = incident.status
    return status.state == "Open" and recorded(status, incident.spec.acknowledged, now) != status.acknowledgement


def _is_same(stored: Acknowledgement, given: Acknowledged) -> bool:
    return (stored.by, stored.note, stored.revision, stored.until) == (
        given.by,
        given.note,
        given.revision,
        given.until,
    )
