"""Backoff of a failing channel: growing pauses, and what is overdue after a day."""

from datetime import timedelta

from nsg_baseline.alerts.backoff import FIRST_PAUSE, LONGEST_PAUSE, OVERDUE_AFTER, Backoff
from nsg_baseline.alerts.pending import RevisionKey
from tests.support.alerts import START

KEY = RevisionKey("team-web", "web-1", 1, 0)


def test_pauses_double_up_to_the_longest_and_start_again_after_a_success() -> None:
    # A service that is down for a night must not receive a request every few seconds.
    backoff = Backoff()
    pauses = [backoff.failed(START, None) - START for _ in range(10)]
    assert pauses[:3] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert pauses[-1] == LONGEST_PAUSE
    assert backoff.is_pausing(START + LONGEST_PAUSE - timedelta(seconds=1))
    assert not backoff.is_pausing(START + LONGEST_PAUSE)
    backoff.succeeded()
    assert not backoff.is_pausing(START)
    assert backoff.failed(START, None) - START == FIRST_PAUSE


def test_a_service_may_ask_for_a_longer_pause_of_at_most_an_hour() -> None:
    # An invalid header must not stop a channel for a year, and a short one must not shorten the pause.
    assert Backoff().failed(START, timedelta(minutes=10)) == START + timedelta(minutes=10)
    assert Backoff().failed(START, timedelta(days=365)) == START + timedelta(hours=1)
    assert Backoff().failed(START, timedelta(seconds=1)) == START + FIRST_PAUSE


def test_a_notification_is_overdue_after_a_day_counted_from_its_first_try_and_reported_once() -> None:
    # It is retried nevertheless. A notification that was delivered in between starts again.
    backoff = Backoff()
    assert backoff.overdue([KEY], START) == []
    assert backoff.overdue([KEY], START + OVERDUE_AFTER) == []
    late = START + OVERDUE_AFTER + timedelta(seconds=1)
    assert backoff.overdue([KEY], late) == [KEY]
    assert backoff.overdue([KEY], late + timedelta(hours=1)) == []
    assert backoff.overdue([], late) == []
    assert backoff.overdue([KEY], late) == []
