"""What an incident records about a route: a wrong record loses a notification or sends it twice."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from nsg_baseline.alerts.delivery_record import missing_channels, next_record, pending_by_channel, still_missing
from nsg_baseline.alerts.pending import PendingDelivery, RevisionKey
from nsg_baseline.api.incident import Delivery, NSGIncident
from tests.support.alerts import OPERATOR, START, incident, route

NOW = START + timedelta(hours=2)
ROUTE = f"{OPERATOR}/chat"


class Channel:
    """What the record reads of a channel."""

    def __init__(self, channel_id: str) -> None:
        self.id = channel_id


CHANNELS: Any = (Channel("a"), Channel("b"))


def recorded(revision: int, stored: NSGIncident | None = None, **fields: Any) -> NSGIncident:
    """Return an incident of revision 2 with a record of the route."""
    stored = stored or incident(revision=2, event="Updated")
    entry = Delivery(**{"route": ROUTE, "revision": revision, "at": START, **fields})
    return stored.model_copy(update={"status": stored.status.model_copy(update={"deliveries": (entry,)})})


def updated(stored: NSGIncident, reminder: int = 0) -> PendingDelivery:
    return PendingDelivery(stored, "Updated", reminder=reminder)


NEW = updated(incident(revision=2, event="Updated"))
KEY = NEW.key


def test_channels_that_lack_a_notification() -> None:
    # With the last revision of each, which decides between an opening and an update.
    def missing(delivery: PendingDelivery) -> dict[str, int]:
        return missing_channels(route(), delivery, CHANNELS)

    assert missing(NEW) == {"a": 0, "b": 0}
    assert missing(updated(recorded(1))) == {"a": 1, "b": 1}
    assert missing(updated(recorded(1, pending_channels={"b": 0, "gone": 0}))) == {"a": 1, "b": 0}
    assert missing(updated(recorded(2, pending_channels={"b": 1, "gone": 1}))) == {"b": 1}
    assert missing(updated(recorded(2, pending_channels={"b": 1}), reminder=1)) == {"a": 2, "b": 1}
    assert missing(updated(recorded(2, pending_channels={"b": 1}, reminders=1), reminder=1)) == {"b": 1}


def test_channels_that_still_lack_a_notification() -> None:
    # What was delivered under another key does not count.
    other = RevisionKey("team-web", "web-1", 1, 0)
    delivered: Mapping[str, Mapping[RevisionKey, str]] = {"a": {KEY: ""}, "b": {other: ""}}
    assert still_missing({"a": 1, "b": 0}, NEW, delivered) == {"b": 0}


def record(
    delivery: PendingDelivery, missing: Mapping[str, int], delivered: Mapping[str, Mapping[RevisionKey, str]]
) -> Delivery | None:
    return next_record(route(), delivery, missing, delivered, frozenset({"a"}), NOW)


def test_the_first_record() -> None:
    # All channels received it; the thread is kept for the channel that has threads.
    assert record(NEW, {}, {"a": {KEY: "t"}, "b": {KEY: "u"}}) == Delivery(
        route=ROUTE, revision=2, at=NOW, first_at=NOW, pending_channels=None, threads={"a": "t"}, reminders=0
    )
    assert record(NEW, {"b": 0}, {"a": {KEY: ""}, "b": {}}) == Delivery(
        route=ROUTE, revision=2, at=NOW, first_at=NOW, pending_channels={"b": 0}, threads={"a": ""}, reminders=0
    )
    assert record(NEW, {"a": 0}, {"a": {}, "b": {KEY: "u"}}) == Delivery(
        route=ROUTE, revision=2, at=NOW, first_at=NOW, pending_channels={"a": 0}, threads=None, reminders=0
    )


def test_no_record_without_a_delivery() -> None:
    # A record would say that somebody was notified.
    assert record(NEW, {"a": 0, "b": 0}, {"a": {}, "b": {}}) is None
    late = updated(recorded(2, pending_channels={"b": 1}))
    assert record(late, {"b": 1}, {"a": {}, "b": {}}) is None
    first = updated(recorded(1, pending_channels={"b": 0}))
    assert record(first, {"b": 0}, {"a": {KEY: ""}, "b": {}}) is not None


def test_a_later_record_keeps_the_first_time_and_the_thread() -> None:
    # The first time counts for the hourly limit; an update goes into the same thread.
    stored = recorded(1, threads={"a": "t", "x": "y"}, reminders=3)
    assert record(updated(stored), {}, {"a": {KEY: ""}, "b": {KEY: ""}}) == Delivery(
        route=ROUTE, revision=2, at=NOW, first_at=START, threads={"a": "t", "x": "y"}, reminders=0
    )
    stored = recorded(1, first_at=START - timedelta(hours=1))
    after = record(updated(stored, reminder=2), {}, {"a": {updated(stored, reminder=2).key: "n"}, "b": {}})
    assert after == Delivery(
        route=ROUTE, revision=2, at=NOW, first_at=START - timedelta(hours=1), threads={"a": "n"}, reminders=2
    )


def test_a_late_delivery_does_not_move_the_time_of_the_notification() -> None:
    # Reminders run from the time at which somebody was notified.
    stored = recorded(2, pending_channels={"a": 1, "b": 1}, reminders=4, threads={"a": "t"})
    assert record(updated(stored), {"b": 1}, {"a": {KEY: ""}, "b": {}}) == Delivery(
        route=ROUTE,
        revision=2,
        at=START,
        first_at=START,
        pending_channels={"b": 1},
        threads={"a": "t"},
        reminders=4,
    )


def test_pending_deliveries_by_channel() -> None:
    # A notification that was not ready is pending for every channel.
    ready, waiting = NEW, updated(incident("web-2", revision=2))
    missing_deliveries = pending_by_channel(
        CHANNELS, [ready, waiting], {KEY: {"a": 0, "b": 0}}, {"a": {KEY: ""}, "b": {}}
    )
    assert missing_deliveries == {"a": [waiting], "b": [ready, waiting]}
    assert pending_by_channel(CHANNELS, [ready], {KEY: {"b": 0}}, {"a": {}, "b": {}}) == {"a": [], "b": [ready]}
