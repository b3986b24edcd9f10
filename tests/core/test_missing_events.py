"""Events that do not arrive: an attacker who deletes the event subscription must not leave a quiet, healthy queue."""

from datetime import UTC, datetime, timedelta

from nsg_baseline.core.missing_events import WAIT, MissingEvents

START = datetime(2026, 3, 1, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_drift_without_an_event_is_missing_after_ten_minutes() -> None:
    events = MissingEvents()
    events.listed((), at(0))
    events.listed(["web", "app"], at(60))
    assert events.due == at(60) + WAIT
    assert events.missing(at(69)) is None
    assert events.missing(at(70)) == ("app", at(60))
    assert events.due is None
    assert events.missing(at(99)) == ("app", at(60)), "it stays reported until an event arrives"


def test_an_event_that_arrives_later_is_not_missing() -> None:
    # Event Grid can deliver minutes after the listing.
    events = MissingEvents()
    events.listed(["web"], at(0))
    events.received("web", at(9))
    assert events.due is None
    assert events.missing(at(99)) is None


def test_an_event_before_the_listing_explains_what_it_detects() -> None:
    # The reading that the event requested and the listing may be done in any order.
    events = MissingEvents()
    events.listed((), at(0))
    events.received("web", at(59))
    events.listed(["web"], at(60))
    assert events.due is None


def test_an_event_of_an_earlier_change_explains_nothing() -> None:
    events = MissingEvents()
    events.listed((), at(0))
    events.received("web", at(1))
    events.listed((), at(60))
    events.listed(["web"], at(120))
    assert events.missing(at(130)) == ("web", at(120))


def test_any_event_ends_the_report() -> None:
    events = MissingEvents()
    events.listed(["web"], at(0))
    assert events.missing(at(10)) == ("web", at(0))
    events.received("other", at(11))
    assert events.missing(at(12)) is None
