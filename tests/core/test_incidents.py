"""The states of an incident: what creates a new revision, and what reopens an incident."""

from datetime import timedelta
from typing import Any

from nsg_baseline.api.incident import Action, IncidentStatus
from nsg_baseline.core.changes import Change
from nsg_baseline.core.incidents import (
    FLAP_WITHIN,
    FLAPPING,
    Finding,
    is_recurrence,
    opened_or_updated,
    reopened,
    resolved,
    while_quiet,
)
from tests.support.nsgs import NOW

MINUTE = timedelta(minutes=1)


def change(rule: str = "ssh", severity: str = "high") -> Change:
    live = {"priority": 100, "name": rule}
    return Change("RuleCreated", rule, f"mark-{rule}", None, live, (), severity)  # type: ignore[arg-type]  # a severity


def finding(*changes: Change, **more: Any) -> Finding:
    return Finding(changes, **more)


OPEN = opened_or_updated(IncidentStatus(), finding(change()), NOW)


def test_the_first_finding_opens_an_incident() -> None:
    assert (OPEN.state, OPEN.revision, OPEN.event, OPEN.opened_at) == ("Open", 1, "Opened", NOW)


def test_an_unchanged_finding_changes_nothing() -> None:
    # The same drift is found in each reconcile, for days. It must not be written or notified again.
    assert opened_or_updated(OPEN, finding(change()), NOW + MINUTE) == OPEN


def test_another_change_or_a_higher_severity_is_a_new_revision() -> None:
    more = opened_or_updated(OPEN, finding(change(), change("rdp")), NOW + MINUTE)
    assert (more.revision, more.event, more.change_count) == (2, "Updated", 2)
    worse = opened_or_updated(OPEN, finding(change(severity="critical")), NOW + MINUTE)
    assert (worse.revision, worse.severity) == (2, "critical")


def test_a_reverted_change_is_no_new_revision_and_the_highest_severity_stays() -> None:
    both = opened_or_updated(OPEN, finding(change(), change("rdp", "critical")), NOW + MINUTE)
    less = opened_or_updated(both, finding(change()), NOW + 2 * MINUTE)
    assert (less.revision, less.change_count, less.severity) == (2, 1, "critical")


def test_only_a_new_change_starts_attribution_again() -> None:
    attributed = OPEN.model_copy(update={"attribution": "Found"})
    assert opened_or_updated(attributed, finding(change()), NOW + MINUTE).attribution == "Found"
    assert opened_or_updated(attributed, finding(change("rdp")), NOW + MINUTE).attribution is None


def test_each_remediation_is_a_new_revision() -> None:
    # Remediations are also counted: three within an hour are contested.
    first = Action(kind="Remediated", at=NOW, reason="Restored")
    remediated = opened_or_updated(OPEN, finding(change(), action=first), NOW)
    again = first.model_copy(update={"at": NOW + MINUTE})
    twice = opened_or_updated(remediated, finding(change(), action=again), NOW + MINUTE)
    assert (remediated.event, remediated.revision, twice.revision, len(twice.actions)) == ("Remediated", 2, 3, 2)


def test_a_blocked_remediation_is_notified_once() -> None:
    # Azure's message contains a new request id at each try. That is not a change.
    first = Action(kind="Blocked", at=NOW, reason="Locked", message="request 1")
    blocked = opened_or_updated(OPEN, finding(change(), action=first), NOW + MINUTE)
    assert (blocked.revision, blocked.event) == (2, "Updated")
    again = first.model_copy(update={"message": "request 2", "at": NOW + MINUTE})
    assert opened_or_updated(blocked, finding(change(), action=again), NOW + 2 * MINUTE).revision == 2


def test_an_acknowledgement_is_one_new_revision() -> None:
    acknowledged = opened_or_updated(OPEN, finding(change()), NOW + MINUTE, acknowledged=True)
    assert (acknowledged.event, acknowledged.revision, acknowledged.acknowledged_at) == (
        "Acknowledged",
        2,
        NOW + MINUTE,
    )
    assert opened_or_updated(acknowledged, finding(change()), NOW + 2 * MINUTE, acknowledged=True) == acknowledged


def test_a_resolved_incident_keeps_its_changes_and_exposure() -> None:
    over = resolved(OPEN, "Reverted", None, NOW + MINUTE)
    assert (over.state, over.event, over.revision, over.resolved_at) == ("Resolved", "Resolved", 2, NOW + MINUTE)
    assert (over.changes, over.exposure, over.summary) == (OPEN.changes, OPEN.exposure, OPEN.summary)


def test_drift_that_recurs_within_minutes_reopens_the_incident() -> None:
    over = resolved(OPEN, "Reverted", None, NOW + MINUTE)
    assert is_recurrence(over, finding(change()), NOW + MINUTE + FLAP_WITHIN - timedelta(seconds=1))
    assert not is_recurrence(over, finding(change()), NOW + MINUTE + FLAP_WITHIN)
    assert not is_recurrence(over, finding(change("rdp")), NOW + 2 * MINUTE)
    again = reopened(over, finding(change()), NOW + 2 * MINUTE)
    assert (again.state, again.event, again.revision, again.reopen_count) == ("Open", "Updated", 3, 1)
    assert (again.opened_at, again.resolved_at, again.resolution) == (NOW, None, None)


def test_a_flapping_incident_has_few_revisions_and_ends_when_the_drift_stays_away() -> None:
    # Two controllers that revert each other once a minute must not cause two messages a minute.
    status, now = OPEN, NOW
    for _ in range(30):
        now += MINUTE
        calming = while_quiet(status, now)
        if calming is not None:
            status = opened_or_updated(calming, finding(change()), now + MINUTE)
        else:
            status = reopened(resolved(status, "Reverted", None, now), finding(change()), now + MINUTE)
    assert status.revision <= 1 + 2 * FLAPPING
    assert status.reopen_count == 30
    status = while_quiet(status, now) or status
    assert while_quiet(status, now + FLAP_WITHIN - MINUTE) is not None
    assert while_quiet(status, now + FLAP_WITHIN) is None
