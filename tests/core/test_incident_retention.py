"""Which resolved incidents are kept: evidence of a serious change outlives any number of trivial ones."""

from datetime import timedelta
from typing import Any

from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.incident_retention import (
    MAX_RESOLVED_PER_SUBJECT,
    MAX_UNDELIVERED_PER_SUBJECT,
    RETENTION,
    UNDELIVERED_RETENTION,
    expired,
)
from nsg_baseline.core.remediation import CONTESTED_WITHIN
from tests.support.alerts import incident, stamp
from tests.support.nsgs import NOW

MINUTE = timedelta(minutes=1)


def ended(name: str, minutes_ago: float, severity: str = "info", **fields: Any) -> NSGIncident:
    """Return an incident that ended this long before the last hour began."""
    times: dict[str, Any] = {"state": "Resolved", "resolvedAt": stamp(NOW - CONTESTED_WITHIN - minutes_ago * MINUTE)}
    return incident(name, severity=severity, highestSeverity=severity, **times, **fields)


def names(*incidents: NSGIncident) -> list[str]:
    return sorted(item.metadata.name for item in expired(incidents, NOW))


def test_trivial_incidents_do_not_remove_a_critical_one() -> None:
    # Somebody who opened SSH could otherwise erase it within minutes, by adding and removing a tag 21 times.
    trivial = [ended(f"trivial-{number:02}", 30 - number) for number in range(MAX_RESOLVED_PER_SUBJECT + 3)]
    assert names(ended("ssh", 40, "critical"), ended("rdp", 50, "high"), *trivial) == [
        "trivial-00",
        "trivial-01",
        "trivial-02",
        "trivial-03",
    ]


def test_any_number_of_critical_incidents_is_kept_for_its_time() -> None:
    critical = [ended(f"ssh-{number}", number, "critical") for number in range(3 * MAX_RESOLVED_PER_SUBJECT)]
    days = (RETENTION - CONTESTED_WITHIN) / MINUTE
    assert names(*critical, ended("old", days + 1, "critical"), ended("kept", days, "critical")) == ["old"]


def test_an_incident_that_was_critical_is_kept_although_it_eased() -> None:
    eased = ended("eased", 100, "info")
    status = eased.status.model_copy(update={"highest_severity": "critical"})
    trivial = [ended(f"trivial-{number:02}", number) for number in range(MAX_RESOLVED_PER_SUBJECT + 1)]
    assert names(eased.model_copy(update={"status": status}), *trivial) == ["trivial-20"]


def test_open_incidents_and_those_of_other_subjects_do_not_count() -> None:
    trivial = [ended(f"trivial-{number:02}", number) for number in range(MAX_RESOLVED_PER_SUBJECT)]
    assert names(incident("open"), incident("other", namespace="x"), *trivial) == []


def test_an_incident_of_the_last_hour_is_kept_although_others_are_more_severe() -> None:
    # Otherwise its writes do not count for a contested remediation, and two writers restore their rules for ever.
    severe = [ended(f"rdp-{number:02}", number, "high") for number in range(MAX_RESOLVED_PER_SUBJECT)]
    latest = [ended(f"tag-{number:02}", -1 - number) for number in range(MAX_RESOLVED_PER_SUBJECT + 1)]
    assert names(*severe, *latest, ended("older", 1)) == ["older"]


def test_what_reached_nobody_is_kept_beside_the_others_and_for_longer() -> None:
    # A broken channel and trivial changes must not make a serious one disappear before anybody has read of it.
    total = MAX_RESOLVED_PER_SUBJECT + MAX_UNDELIVERED_PER_SUBJECT
    flood = [ended(f"flood-{number:03}", number) for number in range(total + 3)]
    rdp = ended("rdp", 5000, "high")
    month = ended("month", (RETENTION - CONTESTED_WITHIN) / MINUTE + 1)
    quarter = ended("quarter", (UNDELIVERED_RETENTION - CONTESTED_WITHIN) / MINUTE + 1)
    deleted = {item.metadata.name for item in expired([*flood, rdp, month, quarter], NOW, lambda _: True)}
    assert deleted == {"quarter", *(f"flood-{number:03}" for number in range(total - 1, total + 3))}


def test_what_was_delivered_makes_room_for_what_was_not() -> None:
    trivial = [ended(f"trivial-{number:02}", number) for number in range(MAX_RESOLVED_PER_SUBJECT + 2)]
    undelivered = {"trivial-20"}
    deleted = expired(trivial, NOW, lambda item: item.metadata.name in undelivered)
    assert [item.metadata.name for item in deleted] == ["trivial-21"]
