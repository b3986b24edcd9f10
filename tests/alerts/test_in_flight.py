"""Messages in flight: the stored form of a message that is sent, from which a restart continues."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from nsg_baseline.alerts.grouping import Batch
from nsg_baseline.alerts.in_flight import InFlight
from nsg_baseline.alerts.pending import PendingDelivery, digest_key
from nsg_baseline.api.incident import Delivery
from nsg_baseline.api.route import IncidentRevision, Message, NSGAlertRoute
from tests.support.alerts import OPERATOR, START, MemoryOutbox, incident, route


class Channel:
    """What messages in flight read of a channel."""

    def __init__(self, channel_id: str = "a", *, is_threaded: bool = False) -> None:
        self.id = channel_id
        self.is_threaded = is_threaded


PLAIN: Any = Channel()
THREADED: Any = Channel(is_threaded=True)
OTHER: Any = Channel("b")
WEB = PendingDelivery(incident("web-1"), "Opened")
DB = PendingDelivery(incident("db-1"), "Opened")
LATER = PendingDelivery(incident("web-1", revision=2), "Updated")


def message(*deliveries: PendingDelivery, channel: str = "a", **fields: Any) -> Message:
    """Return a message as it is stored."""
    revisions = tuple(IncidentRevision(**delivery.key._asdict()) for delivery in deliveries)
    return Message(**{"channel": channel, "key": deliveries[0].message_key, "incidents": revisions, **fields})


@pytest.fixture
def outbox() -> MemoryOutbox:
    outbox = MemoryOutbox()
    outbox.put(route())
    return outbox


def loaded(outbox: MemoryOutbox, *messages: Message) -> InFlight:
    """Return the messages as they are after a restart."""
    stored = route()
    in_flight = InFlight(outbox)
    in_flight.load(stored.model_copy(update={"status": stored.status.model_copy(update={"in_flight": messages})}))
    return in_flight


def stored(outbox: MemoryOutbox, to: NSGAlertRoute) -> tuple[Message, ...]:
    return outbox.stored_routes[to.key].status.in_flight


async def test_a_message_is_stored_before_it_is_sent(outbox: MemoryOutbox) -> None:
    # With its key and revisions; a second try finds it, and stores nothing.
    in_flight = InFlight(outbox)
    begun = await in_flight.begin(route(), PLAIN, Batch((WEB,)))
    assert begun == message(WEB, thread="")
    assert stored(outbox, route()) == in_flight.messages == (begun,)
    assert not begun.sent
    outbox.unavailable = True
    assert await in_flight.begin(route(), PLAIN, Batch((WEB,))) is begun
    assert await in_flight.begin(route(), OTHER, Batch((WEB,))) == message(WEB, channel="b")


async def test_a_digest_keeps_its_key_when_fewer_are_pending(outbox: MemoryOutbox) -> None:
    # Another key would be another message for the receiver.
    in_flight = InFlight(outbox)
    begun = await in_flight.begin(route(), PLAIN, Batch((WEB, DB)))
    assert begun.key == digest_key([WEB, DB])
    assert begun.thread == ""
    assert await in_flight.begin(route(), PLAIN, Batch((DB,))) is begun
    assert (await in_flight.begin(route(), PLAIN, Batch((DB, LATER)))).key == digest_key([DB, LATER])


async def test_the_thread_of_a_message(outbox: MemoryOutbox) -> None:
    # Incidents that are opened together share an alert; a batch that has one keeps it.
    in_flight = InFlight(outbox)
    assert (await in_flight.begin(route(), THREADED, Batch((WEB, DB)))).thread == digest_key([WEB, DB])
    assert (await in_flight.begin(route(), THREADED, Batch((LATER,)))).thread == ""
    shared = Batch((PendingDelivery(incident("x"), "Updated"),), "t")
    assert (await in_flight.begin(route(), PLAIN, shared)).thread == "t"


async def test_an_unavailable_api_server_does_not_delay_a_message(outbox: MemoryOutbox) -> None:
    # At worst it is sent again under another key, and the log says so.
    outbox.unavailable = True
    in_flight = InFlight(outbox)
    with capture_logs() as logs:
        begun = await in_flight.begin(route(), PLAIN, Batch((WEB,)))
    assert in_flight.messages == (begun,)
    assert logs == [
        {
            "event": "message in flight not saved",
            "route": f"{OPERATOR}/chat",
            "error": "the API server is unavailable",
            "log_level": "warning",
        }
    ]


async def test_a_confirmed_message_is_delivered(outbox: MemoryOutbox) -> None:
    # The confirmation is stored together with the next message.
    in_flight = InFlight(outbox)
    begun = await in_flight.begin(route(), THREADED, Batch((WEB, DB)))
    assert in_flight.delivered(THREADED, [WEB]) == {}
    assert in_flight.unconfirmed(THREADED, [WEB, DB, LATER]) == [Batch((WEB, DB))]
    in_flight.confirm(begun)
    assert in_flight.delivered(THREADED, [WEB, LATER]) == {WEB.key: begun.thread}
    assert in_flight.delivered(OTHER, [WEB]) == {}
    assert in_flight.unconfirmed(THREADED, [WEB, DB]) == []
    assert [item.sent for item in stored(outbox, route())] == [False]
    await in_flight.begin(route(), THREADED, Batch((LATER,)))
    assert sorted(item.sent for item in stored(outbox, route())) == [False, True]


def test_messages_in_flight_after_a_restart(outbox: MemoryOutbox) -> None:
    # Sorted by channel and key, without messages about incidents that are not pending any more.
    messages = (message(WEB, channel="b"), message(DB, sent=True, thread="t"), message(WEB))
    in_flight = loaded(outbox, *messages)
    assert in_flight.messages == (messages[1], messages[2], messages[0])
    assert in_flight.unconfirmed(PLAIN, [DB, WEB]) == [Batch((WEB,))]
    assert in_flight.unconfirmed(OTHER, [DB]) == []
    assert in_flight.delivered(PLAIN, [DB, WEB]) == {DB.key: "t"}


def test_threads_that_are_not_recorded_yet(outbox: MemoryOutbox) -> None:
    # A later revision must go into the thread that an earlier one opened.
    in_flight = loaded(outbox, message(WEB, thread="t"), message(DB), message(WEB, channel="b", thread="u"))
    assert in_flight.threads(PLAIN, [LATER, DB]) == {("team-web", "web-1"): "t"}
    assert in_flight.threads(OTHER, [LATER]) == {("team-web", "web-1"): "u"}
    assert in_flight.threads(PLAIN, [DB]) == {}


def _record(outbox: MemoryOutbox, delivery: PendingDelivery, lacks: dict[str, int] | None = None) -> None:
    entry = Delivery(route=f"{OPERATOR}/chat", revision=1, at=START, pending_channels=lacks)
    status = delivery.incident.status.model_copy(update={"deliveries": (entry,)})
    outbox.put(delivery.incident.model_copy(update={"status": status}))


def test_messages_without_pending_incidents_are_removed(outbox: MemoryOutbox) -> None:
    # The size of a route's status is limited.
    in_flight = loaded(outbox, message(WEB), message(DB), message(WEB, channel="b"))
    in_flight.forget(route(), {"a": [WEB], "c": [DB]})
    assert in_flight.messages == (message(WEB),)


def test_a_shared_thread_is_kept_until_it_is_recorded(outbox: MemoryOutbox) -> None:
    # Otherwise the next revision opens a second alert.
    opened = message(WEB, DB, key="k", thread="t")
    outbox.put(WEB.incident)
    _record(outbox, DB)
    in_flight = loaded(outbox, opened)
    in_flight.forget(route(), {})
    assert in_flight.messages == (opened,)
    _record(outbox, WEB, {"a": 0})
    in_flight.forget(route(), {})
    assert in_flight.messages == (opened,)
    _record(outbox, WEB, {"b": 0})
    in_flight.forget(route(), {})
    assert not in_flight.messages
    gone = loaded(MemoryOutbox(), opened)
    gone.forget(route(), {})
    assert not gone.messages
