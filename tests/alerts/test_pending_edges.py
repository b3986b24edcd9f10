"""Pending notifications at their exact limits, and the keys by which receivers recognise a repetition."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from nsg_baseline.alerts.pending import (
    LATE_NOTICE,
    PendingDelivery,
    RevisionKey,
    digest_key,
    pending_deliveries,
    route_name,
    stored_delivery,
)
from nsg_baseline.api.incident import Delivery, NSGIncident
from nsg_baseline.api.incident_changes import Acknowledgement
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.core.changes import fingerprint
from tests.support.alerts import OPERATOR, START, incident, route, stamp

NOW = START + timedelta(hours=30)
SECOND = timedelta(seconds=1)


def resolved(at: datetime, **status: Any) -> NSGIncident:
    return incident(state="Resolved", revision=2, event="Resolved", resolvedAt=stamp(at), **status)


def recorded(stored: NSGIncident, revision: int = 1, to: str = "chat", **fields: Any) -> NSGIncident:
    """Return an incident with a record of a route."""
    entry = Delivery(**{"route": f"{OPERATOR}/{to}", "revision": revision, "at": START, **fields})
    deliveries = (*stored.status.deliveries, entry)
    return stored.model_copy(update={"status": stored.status.model_copy(update={"deliveries": deliveries})})


def pending(to: NSGAlertRoute, stored: NSGIncident, now: datetime = NOW) -> PendingDelivery | None:
    """Return the only notification about an incident."""
    deliveries = pending_deliveries(to, [stored], OPERATOR, now)
    assert len(deliveries) <= 1
    return deliveries[0] if deliveries else None


def test_the_keys_of_a_notification() -> None:
    # Receivers deduplicate by the key, so the same notification must always have the same key.
    stored = incident(revision=3)
    plain, reminder = PendingDelivery(stored, "Updated"), PendingDelivery(stored, "Reminder", reminder=2)
    assert plain.key == RevisionKey("team-web", "web-1", 3, 0)
    assert reminder.key == RevisionKey("team-web", "web-1", 3, 2)
    assert plain.message_key == "incident team-web/web-1 revision 3"
    assert reminder.message_key == "incident team-web/web-1 revision 3 reminder 2"
    joined = "incident team-web/web-1 revision 3; incident team-web/web-1 revision 3 reminder 2"
    assert digest_key([plain, reminder]) == digest_key([reminder, plain]) == f"digest {fingerprint(joined)}"
    assert (plain.ready_at, plain.reminder, plain.open_for) == (None, 0, None)
    assert route_name(route("chat", "team-web")) == "team-web/chat"


@pytest.mark.parametrize(
    ("event", "status", "revision", "expected"),
    [
        ("Reminder", {}, 0, "Reminder"),
        ("Updated", {"revision": 2, "event": "Updated"}, 0, "Opened"),
        ("Updated", {"revision": 2, "event": "Updated"}, 1, "Updated"),
        ("Remediated", {"revision": 2, "event": "Remediated"}, 1, "Remediated"),
        ("Updated", {"revision": 2, "event": None}, 1, "Updated"),
        ("Resolved", {"state": "Resolved", "revision": 2, "event": "Resolved"}, 0, "Resolved"),
        # It has received the latest revision: what came before that is not sent again.
        ("Updated", {"revision": 2, "event": "Updated", "events": ["Opened", "Updated"]}, 2, "Updated"),
    ],
)
def test_the_event_for_a_channel(event: Any, status: dict[str, Any], revision: int, expected: str) -> None:
    # A channel that has received nothing must not receive the update of an incident that it never saw.
    assert PendingDelivery(incident(**status), event).event_after(revision) == expected


@pytest.mark.parametrize(
    ("severity", "event", "expected"),
    [("critical", "Opened", True), ("critical", "Resolved", False), ("high", "Opened", False)],
)
def test_critical_deliveries(severity: str, event: Any, *, expected: bool) -> None:
    assert PendingDelivery(incident(severity=severity), event).is_critical == expected


@pytest.mark.parametrize(
    ("ended_ago", "created_after_end", "expected"),
    [
        (LATE_NOTICE, -SECOND, True),
        (LATE_NOTICE + SECOND, -SECOND, False),
        (SECOND, timedelta(), True),
        (SECOND, SECOND, False),
    ],
)
def test_how_long_the_end_of_an_incident_is_news(
    ended_ago: timedelta, created_after_end: timedelta, *, expected: bool
) -> None:
    # Exactly a day after an edit of the route, and only for a route that existed at the end.
    end = NOW - ended_ago
    assert timedelta(hours=24) == LATE_NOTICE
    to = route(created=end + created_after_end)
    to = to.model_copy(update={"metadata": to.metadata.model_copy(update={"generation": 2})})
    assert (pending(to, resolved(end)) is not None) == expected


def test_a_route_without_a_time_of_creation_existed() -> None:
    # Objects in files have none.
    to = route()
    to = to.model_copy(update={"metadata": to.metadata.model_copy(update={"creation_timestamp": None})})
    assert pending(to, resolved(NOW)) is not None


def test_a_notification_waits_from_its_own_time() -> None:
    # Related incidents are sent together; without any time the wait starts now.
    to = route(groupWait="30s")
    opened, updated = stamp(START), stamp(START + SECOND)

    def ready_at(**status: Any) -> datetime | None:
        notification = pending(to, incident(**status))
        assert notification is not None
        return notification.ready_at

    assert ready_at(openedAt=opened, updatedAt=updated) == START + 31 * SECOND
    assert ready_at(openedAt=opened, updatedAt=None) == START + 30 * SECOND
    assert ready_at(openedAt=None, updatedAt=None) == NOW + 30 * SECOND


def test_reminders_are_numbered_and_say_how_long() -> None:
    # From the last message on, until somebody acknowledges it or the incident ends.
    to = route(remindEvery="24h")
    stored = recorded(incident(), at=START + SECOND)
    due = START + SECOND + timedelta(hours=24)
    assert pending(to, stored, due - SECOND) is None
    reminder = pending(to, stored, due)
    assert reminder is not None
    assert (reminder.event, reminder.reminder, reminder.open_for) == ("Reminder", 1, due - START)
    assert reminder.ready_at is None
    second = pending(to, recorded(incident(), reminders=1))
    assert second is not None
    assert second.reminder == 2
    timeless = pending(to, recorded(incident(openedAt=None)))
    assert timeless is not None
    assert timeless.open_for is None
    assert pending(route(remindEvery="24h", send=["Opened"]), stored, due) is None
    until = Acknowledgement(at=START, by="jo@example.com", until=due + timedelta(seconds=1))
    seen = stored.status.model_copy(update={"acknowledged_at": START, "acknowledgement": until})
    assert pending(to, stored.model_copy(update={"status": seen}), due) is None
    again = pending(to, stored.model_copy(update={"status": seen}), due + timedelta(seconds=1))
    assert again is not None
    assert again.event == "Reminder"
    over = stored.status.model_copy(update={"state": "Resolved"})
    assert pending(to, stored.model_copy(update={"status": over}), due) is None


def test_a_reminder_is_sent_in_place_of_an_event_that_is_not_wanted() -> None:
    # Otherwise an update that the route ignores would end its reminders.
    to = route(send=["Opened", "Reminder"], remindEvery="24h")
    stored = recorded(incident(revision=2, event="Updated"))
    reminder = pending(to, stored)
    assert reminder is not None
    assert (reminder.event, reminder.reminder) == ("Reminder", 1)
    assert pending(to, stored, START + timedelta(hours=1)) is None
    assert pending(route(send=["Resolved", "Reminder"]), incident()) is None


def test_a_partial_delivery_is_completed_later() -> None:
    # With the event for the channel with the oldest revision, and with the number of the reminder.
    to = route()
    opened = pending(to, recorded(incident(revision=3, event="Updated"), 3, pending_channels={"a": 0, "b": 2}))
    assert opened is not None
    assert (opened.event, opened.reminder, opened.ready_at) == ("Opened", 0, None)
    updated = pending(to, recorded(incident(revision=3, event="Updated"), 3, pending_channels={"a": 1, "b": 2}))
    assert updated is not None
    assert updated.event == "Updated"
    reminder = pending(to, recorded(incident(), 1, pending_channels={"a": 1}, reminders=2))
    assert reminder is not None
    assert (reminder.event, reminder.reminder, reminder.open_for) == ("Reminder", 2, NOW - START)


@pytest.mark.parametrize(("resolution", "expected"), [("Remediated", True), ("Reverted", False)])
def test_a_route_may_select_remediated_incidents_only(resolution: str, *, expected: bool) -> None:
    # Without `Resolved`, only an end by the operator is sent.
    stored = recorded(resolved(NOW, resolution=resolution))
    assert (pending(route(send=["Remediated"]), stored) is not None) == expected


def test_an_incident_without_a_stored_status_is_not_sent() -> None:
    # Its revision and severity are not decided yet.
    assert pending(route(), incident(revision=0)) is None
    assert pending(route(), incident(severity=None)) is None


def test_the_record_of_the_route_counts() -> None:
    # Another route's record, or one without a revision, says nothing.
    stored = recorded(recorded(recorded(incident(), 1, "other"), 0), 4)
    entry = stored_delivery(route(), stored)
    assert entry is not None
    assert (entry.route, entry.revision) == (f"{OPERATOR}/chat", 4)
    assert stored_delivery(route("none"), stored) is None


def test_an_end_without_a_time_is_news() -> None:
    # An older version may have stored none; better twice than never.
    ended = incident(state="Resolved", revision=2, event="Resolved")
    assert pending(route(), ended) is not None
