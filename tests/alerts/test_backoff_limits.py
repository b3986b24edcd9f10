"""The numbers of the backoff, as the documentation has them."""

from datetime import timedelta

from nsg_baseline.alerts.backoff import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_RETRY_AFTER,
    OVERDUE_AFTER,
    Backoff,
)
from nsg_baseline.alerts.pending import RevisionKey
from tests.support.alerts import START

KEY = RevisionKey("team-web", "web-1", 1, 0)
OTHER = RevisionKey("team-web", "web-2", 1, 0)


def test_the_limits_are_those_of_the_documentation() -> None:
    # The documentation of routes promises them.
    assert (timedelta(seconds=5), timedelta(minutes=15)) == (FIRST_PAUSE, LONGEST_PAUSE)
    assert (timedelta(hours=1), timedelta(hours=24)) == (LONGEST_RETRY_AFTER, OVERDUE_AFTER)


def test_a_new_channel_is_tried_at_once() -> None:
    # Nothing failed yet.
    assert not Backoff().is_pausing(START)
    assert (Backoff().pause, Backoff().retry_at, Backoff().waiting_since) == (FIRST_PAUSE, None, {})


def test_a_failure_is_remembered() -> None:
    # The time is shown in the route's status and ends the pause.
    backoff = Backoff()
    assert backoff.failed(START, None) == backoff.retry_at == START + FIRST_PAUSE
    assert backoff.pause == 2 * FIRST_PAUSE
    backoff.succeeded()
    assert backoff == Backoff()


def test_each_notification_waits_from_its_own_first_try() -> None:
    # A newer one must not be reported with an older one.
    backoff = Backoff()
    backoff.overdue([KEY], START)
    late = START + OVERDUE_AFTER + timedelta(seconds=1)
    assert backoff.overdue([KEY, OTHER], late) == [KEY]
    assert backoff.waiting_since == {KEY: START, OTHER: late}
