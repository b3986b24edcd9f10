"""Which resolved incidents are deleted. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.remediation import CONTESTED_WITHIN
from nsg_baseline.core.severity_policy import SEVERITIES

RETENTION = timedelta(days=30)
MAX_RESOLVED_PER_SUBJECT = 20
"""Resolved incidents of one subject that are kept, in addition to critical ones and those of the last hour."""


def expired(incidents: Iterable[NSGIncident], now: datetime) -> list[NSGIncident]:
    """Return the resolved incidents to delete, of all subjects.

    Each is kept for 30 days. Of more than 20 of one subject, those of the lowest severity are deleted earlier, and of
    these the oldest. Critical ones are not: trivial changes must not remove the evidence of a serious one. Those that
    ended within the last hour are not either: their writes count for a contested remediation, and their end may not be
    notified yet.
    """
    by_subject: dict[IncidentSubject, list[NSGIncident]] = {}
    for incident in incidents:
        if incident.status.state == "Resolved" and incident.status.resolved_at is not None:
            subject = IncidentSubject.of(incident.metadata.namespace, incident.spec)
            by_subject.setdefault(subject, []).append(incident)
    return [incident for same_subject in by_subject.values() for incident in _expired(same_subject, now)]


def _expired(incidents: Iterable[NSGIncident], now: datetime) -> list[NSGIncident]:
    ordered = sorted(incidents, key=_by_age, reverse=True)
    old = [incident for incident in ordered if _age(incident, now) > RETENTION]
    counted = [
        incident for incident in ordered if CONTESTED_WITHIN <= _age(incident, now) <= RETENTION and _rank(incident) > 0
    ]
    # The sort is stable: of one severity, the latest come first.
    return [*old, *sorted(counted, key=_rank)[MAX_RESOLVED_PER_SUBJECT:]]


def _rank(incident: NSGIncident) -> int:
    return SEVERITIES.index(incident.status.highest_severity or incident.status.severity or "info")


def _age(incident: NSGIncident, now: datetime) -> timedelta:
    return now - (incident.status.resolved_at or now)


def _by_age(incident: NSGIncident) -> tuple[float, str]:
    resolved_at = incident.status.resolved_at
    return (resolved_at.timestamp() if resolved_at is not None else 0.0), incident.metadata.name
