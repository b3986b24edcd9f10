"""The course of an incident: when there is something to tell, and when it is the same incident again."""

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


def seen(*changes: Change, **more: Any) -> Finding:
    return Finding(changes, **more)


OPEN = opened_or_updated(IncidentStatus(), seen(change()), NOW)


def test_the_first_sighting_opens() -> None:
    assert (OPEN.state, OPEN.revision, OPEN.event, OPEN.opened_at) == ("Open", 1, "Opened", NOW)


def test_the_same_again_is_nothing_to_tell_nor_to_store() -> None:
    # Every pass for days: equal, so that nothing is written, and nobody hears of it twice.
    assert opened_or_updated(OPEN, seen(change()), NOW + MINUTE) == OPEN


def test_another_change_and_a_worse_one_are_told() -> None:
    more = opened_or_updated(OPEN, seen(change(), change("rdp")), NOW + MINUTE)
    assert (more.revision, more.event, more.change_count) == (2, "Updated", 2)
    worse = opened_or_updated(OPEN, seen(change(severity="critical")), NOW + MINUTE)
    assert (worse.revision, worse.severity) == (2, "critical")


def test_a_change_that_went_away_is_recorded_and_not_told_and_the_worst_is_kept() -> None:
    both = opened_or_updated(OPEN, seen(change(), change("rdp", "critical")), NOW + MINUTE)
    less = opened_or_updated(both, seen(change()), NOW + 2 * MINUTE)
    assert (less.revision, less.change_count, less.severity) == (2, 1, "critical")


def test_a_new_change_asks_anew_who_it_was_and_the_same_does_not() -> None:
    attributed = OPEN.model_copy(update={"attribution": "Found"})
    assert opened_or_updated(attributed, seen(change()), NOW + MINUTE).attribution == "Found"
    assert opened_or_updated(attributed, seen(change("rdp")), NOW + MINUTE).attribution is None


def test_each_write_of_the_operator_is_told() -> None:
    # They are counted, too: three within an hour are a fight.
    first = Action(kind="Remediated", at=NOW, reason="PutBack")
    remediated = opened_or_updated(OPEN, seen(change(), action=first), NOW)
    again = first.model_copy(update={"at": NOW + MINUTE})
    twice = opened_or_updated(remediated, seen(change(), action=again), NOW + MINUTE)
    assert (remediated.event, remediated.revision, twice.revision, len(twice.actions)) == ("Remediated", 2, 3, 2)


def test_a_blocked_remediation_is_notified_once() -> None:
    # Azure's message differs at each try by a request id; that is not a change.
    first = Action(kind="Blocked", at=NOW, reason="Locked", message="request 1")
    blocked = opened_or_updated(OPEN, seen(change(), action=first), NOW + MINUTE)
    assert (blocked.revision, blocked.event) == (2, "Updated")
    again = first.model_copy(update={"message": "request 2", "at": NOW + MINUTE})
    assert opened_or_updated(blocked, seen(change(), action=again), NOW + 2 * MINUTE).revision == 2


def test_an_acknowledgement_is_told_once() -> None:
    acknowledged = opened_or_updated(OPEN, seen(change()), NOW + MINUTE, acknowledged=True)
    assert (acknowledged.event, acknowledged.revision, acknowledged.acknowledged_at) == (
        "Acknowledged",
        2,
        NOW + MINUTE,
    )
    assert opened_or_updated(acknowledged, seen(change()), NOW + 2 * MINUTE, acknowledged=True) == acknowledged


def test_the_end_keeps_what_it_was() -> None:
    over = resolved(OPEN, "Reverted", None, NOW + MINUTE)
    assert (over.state, over.event, over.revision, over.resolved_at) == ("Resolved", "Resolved", 2, NOW + MINUTE)
    assert (over.changes, over.exposure, over.summary) == (OPEN.changes, OPEN.exposure, OPEN.summary)


def test_what_comes_back_within_minutes_is_the_same_incident() -> None:
    over = resolved(OPEN, "Reverted", None, NOW + MINUTE)
    assert is_recurrence(over, seen(change()), NOW + MINUTE + FLAP_WITHIN - timedelta(seconds=1))
    assert not is_recurrence(over, seen(change()), NOW + MINUTE + FLAP_WITHIN)
    assert not is_recurrence(over, seen(change("rdp")), NOW + 2 * MINUTE)
    again = reopened(over, seen(change()), NOW + 2 * MINUTE)
    assert (again.state, again.event, again.revision, again.reopen_count) == ("Open", "Updated", 3, 1)
    assert (again.opened_at, again.resolved_at, again.resolution) == (NOW, None, None)


def test_what_flaps_is_told_seldom_and_ends_when_it_stays_away() -> None:
    # A controller that fights with another, once a minute for a night: not two messages a minute.
    status, now = OPEN, NOW
    for _ in range(30):
        now += MINUTE
        calming = while_quiet(status, now)
        if calming is not None:
            status = opened_or_updated(calming, seen(change()), now + MINUTE)
        else:
            status = reopened(resolved(status, "Reverted", None, now), seen(change()), now + MINUTE)
    assert status.revision <= 1 + 2 * FLAPPING
    assert status.reopen_count == 30
    status = while_quiet(status, now) or status
    assert while_quiet(status, now + FLAP_WITHIN - MINUTE) is not None
    assert while_quiet(status, now + FLAP_WITHIN) is None
