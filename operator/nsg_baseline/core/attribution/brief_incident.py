"""The closed incident about what began and ended between two readings. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nsg_baseline.api.changes import ExposureStatus
from nsg_baseline.api.common import Severity
from nsg_baseline.api.incident import IncidentStatus, NSGIncident
from nsg_baseline.core.changes import Change
from nsg_baseline.core.incident_changes import FLAP_WITHIN, Finding
from nsg_baseline.core.incidents import opened_or_updated, reopened, resolved
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.rule_lines import summary

SEEN_WITHIN = timedelta(minutes=1)
"""An incident that opens this soon after the end of a drift is about that drift: a listing takes a while."""


@dataclass(frozen=True, slots=True)
class BriefFinding:
    """What was present from `since` to `until`.

    Attributes:
        problems: fingerprints of what an NSG without a baseline had open; its change has the same fingerprint always.
    """

    changes: tuple[Change, ...]
    exposure: tuple[ExposureStatus, ...]
    severity: Severity
    reason: str | None
    since: datetime
    until: datetime
    problems: frozenset[str] = frozenset()


def is_reported(finding: BriefFinding, incidents: Iterable[NSGIncident], interval: timedelta) -> bool:
    """Say whether a reading saw a finding, or one of the incidents of its subject reports it already.

    `interval` is that of the readings.
    """
    return any(_reports(incident.status, finding, interval) for incident in incidents)


def closed_incident(
    findings: Sequence[BriefFinding], incidents: Iterable[NSGIncident]
) -> tuple[NSGIncident | None, IncidentStatus]:
    """Return the closed incident about some findings, and the stored one that it continues; None for a new one.

    All findings of a sweep are one incident, and so are those that follow within ten minutes: somebody who opens and
    closes a port all the time makes one incident with a long history, and no flood of them.
    """
    ordered = sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.since))
    since = min(finding.since for finding in ordered)
    changes = tuple({change.fingerprint: change for finding in ordered for change in finding.changes}.values())
    times = f", {len(ordered)} times" if len(ordered) > 1 else ""
    whole = Finding(
        changes,
        tuple(dict.fromkeys(status for finding in ordered for status in finding.exposure)),
        severity=ordered[0].severity,
        reason=ordered[0].reason,
        summary=f"{summary(changes)}, between two readings{times}",
        problems=frozenset(problem for finding in ordered for problem in finding.problems),
        detected_by="ActivityLog",
    )
    previous = _continued(incidents, since)
    if previous is None:
        status = opened_or_updated(IncidentStatus(), whole, since)
    else:
        status = reopened(previous.status, whole, since)
    return previous, resolved(status, "Reverted", None, max(finding.until for finding in ordered))


def _continued(incidents: Iterable[NSGIncident], since: datetime) -> NSGIncident | None:
    """Return the incident that ended at most ten minutes earlier."""
    recent = [
        (incident.status.resolved_at, incident.metadata.name, incident)
        for incident in incidents
        if incident.status.state == "Resolved"
        and incident.status.resolved_at is not None
        and incident.status.resolved_at <= since < incident.status.resolved_at + FLAP_WITHIN
    ]
    return max(recent, key=lambda item: item[:2])[2] if recent else None


def _reports(status: IncidentStatus, finding: BriefFinding, interval: timedelta) -> bool:
    opened_at, resolved_at = status.opened_at, status.resolved_at
    if opened_at is None or opened_at > finding.until + SEEN_WITHIN or (resolved_at or finding.until) < finding.since:
        return False
    if _lists(status, finding):
        return True
    # An open incident no longer lists what ended, but a reading saw what lasted longer than the interval.
    return finding.until - max(finding.since, opened_at) > interval + SEEN_WITHIN


def _lists(status: IncidentStatus, finding: BriefFinding) -> bool:
    ended = (change.fingerprint for change in status.ended_changes)
    listed = {*status.fingerprints, *(fingerprint for fingerprint in ended if fingerprint)}
    if finding.problems:
        return finding.problems <= listed
    return any(change.fingerprint in listed for change in finding.changes)
