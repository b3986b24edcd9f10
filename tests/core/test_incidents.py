"""The states of an incident: what creates a new revision, and what reopens an incident."""

from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.api.incident import Acknowledged, Action, IncidentStatus
from nsg_baseline.core.changes import Change
from nsg_baseline.core.incident_changes import FLAP_WITHIN, FLAPPING, Finding
from nsg_baseline.core.incidents import (
    PATIENCE,
    is_recurrence,
    opened_or_updated,
    reopened,
    resolved,
    while_quiet,
)
from tests.support.nsgs import NOW

MINUTE = timedelta(minutes=1)
JO = Acknowledged(by="jo", note="ping test")


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
    assert (worse.revision, worse.event, worse.severity) == (2, "Escalated", "critical")


def test_the_end_of_the_worst_change_is_a_new_revision_and_the_highest_severity_is_kept() -> None:
    # Otherwise nobody learns that the worst change is gone, and the pager stays critical.
    both = opened_or_updated(OPEN, finding(change(), change("rdp", "critical")), NOW + MINUTE)
    less = opened_or_updated(both, finding(change()), NOW + 2 * MINUTE)
    assert (less.revision, less.event, less.change_count) == (3, "Eased", 1)
    assert (less.severity, less.highest_severity) == ("high", "critical")
    assert [(gone.rule, gone.ended, gone.ended_at) for gone in less.ended_changes] == [
        ("rdp", "Reverted", NOW + 2 * MINUTE)
    ]


def test_the_end_of_one_of_several_changes_of_one_severity_is_only_recorded() -> None:
    # A pipeline that undoes twelve changes one by one must not send twelve messages.
    both = opened_or_updated(OPEN, finding(change(), change("rdp")), NOW + MINUTE)
    less = opened_or_updated(both, finding(change()), NOW + 2 * MINUTE)
    assert (less.revision, less.change_count) == (2, 1)
    assert less.history[-1].text == "RuleCreated rdp (Reverted, present since 2026-11-25T12:01:00Z)"


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
    assert (blocked.revision, blocked.event) == (2, "Blocked")
    again = first.model_copy(update={"message": "request 2", "at": NOW + MINUTE})
    assert opened_or_updated(blocked, finding(change(), action=again), NOW + 2 * MINUTE).revision == 2


def test_alternating_reasons_notify_once_each() -> None:
    # Two reasons that alternate at each reconcile would otherwise send a message a minute.
    status = OPEN
    for minute in range(20):
        action = Action(kind="Blocked", at=NOW, reason=("ScopeLocked", "TooManyRules")[minute % 2])
        status = opened_or_updated(status, finding(change(), action=action), NOW + minute * MINUTE)
    assert (status.revision, len(status.actions)) == (3, 2)
    written = Action(kind="Remediated", at=NOW + 30 * MINUTE, reason="Restored")
    status = opened_or_updated(status, finding(change(), action=written), NOW + 30 * MINUTE)
    again = Action(kind="Blocked", at=NOW + 31 * MINUTE, reason="ScopeLocked")
    assert opened_or_updated(status, finding(change(), action=again), NOW + 31 * MINUTE).event == "Blocked"


@pytest.mark.parametrize("reason", ["Throttled", "Conflict", "ServerError", "Updating", "IncompleteReading"])
def test_a_reason_that_passes_by_itself_notifies_only_if_it_does_not(reason: str) -> None:
    # A 429, 409 or 503 that settles at the next try is not news.
    action = Action(kind="Blocked", at=NOW, reason=reason)
    blocked = opened_or_updated(OPEN, finding(change(), action=action), NOW + MINUTE)
    assert (blocked.revision, blocked.actions, blocked.blocked_since) == (1, (), NOW + MINUTE)
    passed = opened_or_updated(blocked, finding(change()), NOW + 2 * MINUTE)
    assert (passed.revision, passed.blocked_since) == (1, None)
    lasting = opened_or_updated(blocked, finding(change(), action=action), NOW + MINUTE + PATIENCE)
    assert (lasting.revision, lasting.event, lasting.actions) == (2, "Blocked", (action,))


def test_an_acknowledgement_is_one_new_revision() -> None:
    acknowledged = opened_or_updated(OPEN, finding(change()), NOW + MINUTE, acknowledged=JO)
    assert (acknowledged.event, acknowledged.revision, acknowledged.acknowledged_at) == (
        "Acknowledged",
        2,
        NOW + MINUTE,
    )
    assert opened_or_updated(acknowledged, finding(change()), NOW + 2 * MINUTE, acknowledged=JO) == acknowledged


def test_a_resolved_incident_keeps_its_changes_and_exposure() -> None:
    over = resolved(OPEN, "Reverted", None, NOW + MINUTE)
    assert (over.state, over.event, over.revision, over.resolved_at) == ("Resolved", "Resolved", 2, NOW + MINUTE)
    assert (over.exposure, over.summary) == (OPEN.exposure, OPEN.summary)
    ended = {"ended": "Reverted", "ended_at": NOW + MINUTE, "ended_in": 2}
    assert over.changes == tuple(stored.model_copy(update=ended) for stored in OPEN.changes)


def test_drift_that_recurs_within_minutes_reopens_the_incident() -> None:
    over = resolved(OPEN, "Reverted", None, NOW + MINUTE)
    assert is_recurrence(over, finding(change()), NOW + MINUTE + FLAP_WITHIN - timedelta(seconds=1))
    assert not is_recurrence(over, finding(change()), NOW + MINUTE + FLAP_WITHIN)
    assert not is_recurrence(over, finding(change("rdp")), NOW + 2 * MINUTE)
    again = reopened(over, finding(change()), NOW + 2 * MINUTE)
    assert (again.state, again.event, again.revision, again.reopen_count) == ("Open", "Opened", 3, 1)
    assert again.events == ("Opened", "Resolved", "Opened")
    assert [(entry.kind, entry.at) for entry in again.history] == [
        ("Appeared", NOW),
        ("Resolved", NOW + MINUTE),
        ("Reopened", NOW + 2 * MINUTE),
        ("Appeared", NOW + 2 * MINUTE),
    ]
    assert (again.opened_at, again.resolved_at, again.resolution) == (NOW, None, None)


def test_a_flapping_incident_has_few_revisions_and_ends_when_the_drift_stays_away() -> None:
    # Two controllers that revert each other once a minute must not cause two messages a minute.
    status, now = OPEN, NOW
    for _ in range(30):
        now += MINUTE
        calming = while_quiet(status, None, now)
        if calming is not None:
            status = opened_or_updated(calming, finding(change()), now + MINUTE)
        else:
            status = reopened(resolved(status, "Reverted", None, now), finding(change()), now + MINUTE)
    assert status.revision <= 1 + 2 * FLAPPING
    assert status.reopen_count == 30
    status = while_quiet(status, None, now) or status
    assert while_quiet(status, None, now + FLAP_WITHIN - MINUTE) is not None
    assert while_quiet(status, None, now + FLAP_WITHIN) is None


def test_each_write_to_a_flapping_nsg_is_recorded() -> None:
    # Otherwise none of them counts for a contested remediation, and two writers restore their rules for ever.
    flapping = OPEN.model_copy(update={"reopen_count": FLAPPING})
    write = Action(kind="Remediated", at=NOW, reason="Restored")
    quiet = while_quiet(flapping, write, NOW)
    assert quiet is not None
    assert (quiet.actions, quiet.revision) == ((write,), flapping.revision)
    assert quiet.history[-1].kind == "Restored"
    later = write.model_copy(update={"at": NOW + MINUTE})
    again = while_quiet(quiet, later, NOW + MINUTE)
    assert again is not None
    assert again.actions == (write, later)


def test_a_reconcile_that_still_plans_a_remediation_does_not_end_the_block() -> None:
    # Each reconcile decides once before it reads the NSG by its id, and once after.
    action = Action(kind="Blocked", at=NOW, reason="Updating")
    status = opened_or_updated(OPEN, finding(change(), action=action), NOW + MINUTE)
    status = opened_or_updated(status, finding(change(), is_undecided=True), NOW + 2 * MINUTE)
    assert status.blocked_since == NOW + MINUTE
    assert opened_or_updated(status, finding(change(), action=action), NOW + MINUTE + PATIENCE).event == "Blocked"


def test_two_writes_within_a_second_are_two_actions() -> None:
    # Contested remediations are counted.
    written = Action(kind="Remediated", at=NOW, reason="Restored")
    once = resolved(OPEN, "Remediated", written, NOW)
    twice = resolved(reopened(once, finding(change()), NOW), "Remediated", written, NOW)
    assert len(twice.actions) == 2
