"""Which resolved incidents are deleted. Pure."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.remediation import CONTESTED_WITHIN
from nsg_baseline.core.severity_policy import SEVERITIES

RETENTION = timedelta(days=30)
MAX_RESOLVED_PER_SUBJECT = 20
"""Resolved incidents of one subject that are kept, in addition to critical ones and those of the last hour."""
UNDELIVERED_RETENTION = timedelta(days=90)
"""How long a resolved incident is kept that reached nobody."""
MAX_UNDELIVERED_PER_SUBJECT = 200
"""Resolved incidents of one subject that are kept because they reached nobody, in addition to the others."""


def _reached_somebody(_: NSGIncident) -> bool:
    return False


def expired(
    incidents: Iterable[NSGIncident],
    now: datetime,
    reached_nobody: Callable[[NSGIncident], bool] = _reached_somebody,
) -> list[NSGIncident]:
    """Return the resolved incidents to delete, of all subjects.

    Each is kept for 30 days. Of more than 20 of one subject, those of the lowest severity are deleted earlier, and of
    these the oldest. Critical ones are not: trivial changes must not remove the evidence of a serious one. Those that
    ended within the last hour are not either: their writes count for a contested remediation, and their end may not be
    notified yet.

    An incident that reached nobody (`reached_nobody`) is kept for 90 days, and of one subject 200 more of these are
    kept: a broken channel must not make it disappear, and must not fill the cluster either.
    """
    by_subject: dict[IncidentSubject, list[NSGIncident]] = {}
    for incident in incidents:
        if incident.status.state == "Resolved" and incident.status.resolved_at is not None:
            subject = IncidentSubject.of(incident.metadata.namespace, incident.spec)
            by_subject.setdefault(subject, []).append(incident)
    return [
        incident for same_subject in by_subject.values() for incident in _expired(same_subject, now, reached_nobody)
    ]


def _expired(
    incidents: Iterable[NSGIncident], now: datetime, reached_nobody: Callable[[NSGIncident], bool]
) -> list[NSGIncident]:
    ordered = sorted(incidents, key=_by_age, reverse=True)
    old = [
        incident
        for incident in ordered
        if _age(incident, now) > RETENTION
        and (_age(incident, now) > UNDELIVERED_RETENTION or not reached_nobody(incident))
    ]
    counted = [
        incident for incident in ordered if CONTESTED_WITHIN <= _age(incident, now) <= RETENTION and _rank(incident) > 0
    ]
    # The sort is stable: of one severity, the latest come first.
    surplus = sorted(counted, key=_rank)[MAX_RESOLVED_PER_SUBJECT:]
    undelivered = [incident for incident in surplus if reached_nobody(incident)][:MAX_UNDELIVERED_PER_SUBJECT]
    kept = {id(incident) for incident in undelivered}
    return [*old, *(incident for incident in surplus if id(incident) not in kept)]


def _rank(incident: NSGIncident) -> int:
    return SEVERITIES.index(incident.status.highest_severity or incident.status.severity or "info")


def _age(incident: NSGIncident, now: datetime) -> timedelta:
    return now - (incident.status.resolved_at or now)


def _by_age(incident: NSGIncident) -> tuple[float, str]:
    resolved_at = incident.status.resolved_at
    return (resolved_at.timestamp() if resolved_at is not None else 0.0), incident.metadata.name
