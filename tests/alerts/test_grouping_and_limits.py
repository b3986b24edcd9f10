"""How often a route is notified: groups, digests, the hourly limit, reminders, and one channel in two routes."""

import contextlib
from datetime import timedelta

import pytest

from nsg_baseline.alerts.deduplication import DeliveredKeys
from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.grouping import DIGEST_FROM
from nsg_baseline.alerts.pending import pending_deliveries
from nsg_baseline.api.route import NSGAlertRoute
from tests.support.alerts import OPERATOR, START, Clock, KilledError, MemoryOutbox, incident, route, stamp
from tests.support.chats import Chats


class RouteEnvironment:
    """Routes to chats, incidents, and a fake clock; `restart` discards what was not stored."""

    def __init__(self, chats: Chats, *routes: NSGAlertRoute, chat: str = "a") -> None:
        self.chats, self.outbox, self.clock = chats, MemoryOutbox(), Clock()
        self.routes = routes or (route(),)
        self.outbox.put(*self.routes)
        for member in self.routes:
            self.outbox.secrets[member.metadata.namespace, member.metadata.name] = chats.urls(chat)
        self.restart()

    def restart(self) -> None:
        delivered_keys = DeliveredKeys()
        self.dispatcher = {
            member.key: Dispatcher(self.outbox, self.clock, delivered_keys, allow_local=True) for member in self.routes
        }

    async def deliver(self) -> None:
        for member in self.routes:
            stored_route = self.outbox.stored_routes[member.key]
            await self.dispatcher[member.key].deliver(
                stored_route, pending_deliveries(stored_route, self.outbox.incidents(), OPERATOR, self.clock())
            )

    @property
    def titles(self) -> list[str]:
        return self.chats.titles("a")


async def test_a_group_waits_and_is_sent_as_one_message(chats: Chats) -> None:
    # A person who uses the portal creates one incident after the other, ten seconds apart.
    environment = RouteEnvironment(chats, route(groupWait="10s"))
    environment.outbox.put(incident("web-1"))
    await environment.deliver()
    assert environment.titles == []
    assert environment.dispatcher[environment.routes[0].key].next_try() == START + timedelta(seconds=10)
    for number in range(2, DIGEST_FROM + 1):
        environment.outbox.put(incident(f"web-{number}"))
    environment.clock.advance(seconds=10)
    await environment.deliver()
    assert len(environment.titles) == 1
    assert f"{DIGEST_FROM} incidents" in environment.titles[0]


async def test_a_few_incidents_are_sent_one_by_one(chats: Chats) -> None:
    # A digest hides what a single message shows.
    environment = RouteEnvironment(chats)
    environment.outbox.put(*(incident(f"web-{number}") for number in range(DIGEST_FROM - 1)))
    await environment.deliver()
    assert len(environment.titles) == DIGEST_FROM - 1


async def test_five_hundred_incidents_are_one_message_that_names_all_in_its_json(chats: Chats) -> None:
    # People remember an alert tool for 22 messages about one failure.
    environment = RouteEnvironment(chats)
    environment.outbox.put(*(incident(f"web-{number:03}") for number in range(500)))
    for _ in range(5):
        await environment.deliver()
        environment.clock.advance(seconds=30)
    (body_received,) = [body for chat, body in chats.bodies if chat == "a"]
    assert len({entry["name"] for entry in body_received["alert"]["incidents"]}) == 500
    assert all(entry.status.deliveries for entry in environment.outbox.incidents())


async def test_beyond_the_hourly_limit_incidents_are_sent_in_digests(chats: Chats) -> None:
    # Many incidents become shorter messages; none is dropped.
    environment = RouteEnvironment(chats, route(maxMessagesPerHour=6))
    for minute in range(60):
        environment.outbox.put(incident(f"web-{minute:02}", updatedAt=stamp(environment.clock.now)))
        await environment.deliver()
        environment.clock.advance(minutes=1)
    assert 6 < len(environment.titles) <= 6 + 6
    environment.clock.advance(minutes=10)
    await environment.deliver()
    assert all(stored.status.deliveries for stored in environment.outbox.incidents())


async def test_a_message_to_three_channels_counts_once_for_the_limit(chats: Chats) -> None:
    # The limit protects the readers, and each channel has different readers.
    environment = RouteEnvironment(chats, route(maxMessagesPerHour=6))
    environment.outbox.secrets[environment.routes[0].key] = chats.urls("a", "b", "c")
    for number in range(5):
        environment.outbox.put(incident(f"web-{number}"))
        await environment.deliver()
        environment.clock.advance(seconds=1)
    assert [len(chats.titles(name)) for name in "abc"] == [5, 5, 5]


async def test_the_hourly_limit_continues_after_a_restart(chats: Chats) -> None:
    # Otherwise each crash would send another series of messages.
    environment = RouteEnvironment(chats, route(maxMessagesPerHour=3))
    for number in range(3):
        environment.outbox.put(incident(f"web-{number}"))
        await environment.deliver()
        environment.clock.advance(seconds=1)
    environment.restart()
    environment.outbox.put(incident("web-9"))
    await environment.deliver()
    assert len(environment.titles) == 3
    environment.clock.advance(minutes=10)
    await environment.deliver()
    assert len(environment.titles) == 4


async def test_a_hundred_rounds_are_one_message_and_the_reminders(chats: Chats) -> None:
    # An open incident is repeated once in each reminder interval of the route.
    environment = RouteEnvironment(chats, route(remindEvery="24h"))
    environment.outbox.put(incident())
    for _ in range(100):
        await environment.deliver()
        environment.clock.advance(hours=1)
    assert [title.split("[")[0] for title in environment.titles] == [
        "",
        *(f"STILL OPEN for {days} d " for days in (1, 2, 3, 4)),
    ]
    keys = {body["key"] for _, body in chats.bodies}
    assert len(keys) == 5


async def test_a_restart_with_a_hundred_open_incidents_sends_nothing(chats: Chats) -> None:
    # People abandon a tool that repeats 130 messages after a restart.
    environment = RouteEnvironment(chats)
    for number in range(100):
        environment.outbox.put(incident(f"web-{number:03}"))
    await environment.deliver()
    before = len(environment.titles)
    for _ in range(3):
        environment.restart()
        await environment.deliver()
        environment.clock.advance(minutes=1)
    assert len(environment.titles) == before == 1


@pytest.mark.parametrize("count", [1, 3, 6])
@pytest.mark.parametrize("writes", range(9))
async def test_an_interrupted_message_keeps_its_key(chats: Chats, writes: int, count: int) -> None:
    # If the operator is killed when half of a message is recorded, the rest must not be sent as another message.
    environment = RouteEnvironment(chats)
    environment.outbox.put(*(incident(f"web-{number}") for number in range(count)))
    environment.outbox.writes = writes
    with contextlib.suppress(KilledError):
        await environment.deliver()
    environment.outbox.writes = None
    environment.restart()
    environment.outbox.put(*(incident(f"db-{number}") for number in range(3)))
    for _ in range(3):
        await environment.deliver()
    keys: dict[str, set[str]] = {}
    for _, body in chats.bodies:
        for entry in body["alert"]["incidents"]:
            keys.setdefault(entry["name"], set()).add(body["key"])
    assert len(keys) == count + 3
    assert all(len(keys) == 1 for keys in keys.values()), keys
    assert environment.outbox.stored_routes[environment.routes[0].key].status.in_flight == ()
    # Only the last message before the kill may be repeated: the ones before it are recorded.
    assert len(chats.bodies) - len({body["key"] for _, body in chats.bodies}) <= 1


async def test_acknowledged_and_resolved_incidents_have_no_reminders(chats: Chats) -> None:
    environment = RouteEnvironment(chats)
    environment.outbox.put(
        incident(acknowledgedAt=stamp(START), acknowledgement={"at": stamp(START), "by": "jo"}),
    )
    environment.outbox.put(incident("web-2", state="Resolved", event="Resolved", resolvedAt=stamp(START)))
    await environment.deliver()
    environment.clock.advance(days=3)
    await environment.deliver()
    assert len(environment.titles) == 2


async def test_two_routes_to_one_channel_send_once(chats: Chats) -> None:
    # The routes of the platform team and of a team may lead to the same channel.
    environment = RouteEnvironment(chats, route("all"), route("team", namespace="team-web"))
    environment.outbox.put(incident())
    await environment.deliver()
    assert len(environment.titles) == 1
    assert len(environment.outbox.stored["team-web", "web-1"].status.deliveries) == 2


async def test_one_url_twice_in_a_secret_is_one_channel(chats: Chats) -> None:
    environment = RouteEnvironment(chats)
    environment.outbox.secrets[environment.routes[0].key] = chats.urls("a", "a")
    environment.outbox.put(incident())
    await environment.deliver()
    assert len(environment.titles) == 1


async def test_a_restart_while_one_channel_is_down_repeats_nothing_to_the_other(chats: Chats) -> None:
    # What a channel has received is stored, not only kept in memory.
    environment = RouteEnvironment(chats)
    environment.outbox.secrets[environment.routes[0].key] = chats.urls("a", "b")
    chats.answers["b"] = 503
    environment.outbox.put(incident())
    await environment.deliver()
    environment.restart()
    await environment.deliver()
    assert len(chats.titles("a")) == 1
    chats.answers.clear()
    environment.clock.advance(minutes=1)
    await environment.deliver()
    assert len(chats.titles("a")) == 1
    record = environment.outbox.delivery(incident(), environment.routes[0])
    assert record is not None
    assert record.pending_channels is None


async def test_a_channel_that_missed_the_opening_receives_an_opening(chats: Chats) -> None:
    # A change of an unknown incident would be confusing.
    environment = RouteEnvironment(chats)
    environment.outbox.secrets[environment.routes[0].key] = chats.urls("a", "b")
    chats.answers["b"] = 503
    environment.outbox.put(incident())
    await environment.deliver()
    chats.answers.clear()
    deliveries = environment.outbox.stored["team-web", "web-1"].status.deliveries
    environment.clock.advance(minutes=1)
    worse = incident(revision=2, event="Updated", updatedAt=stamp(environment.clock.now))
    environment.outbox.put(
        worse.model_copy(update={"status": worse.status.model_copy(update={"deliveries": deliveries})})
    )
    await environment.deliver()
    assert [": updated: " in title for title in chats.titles("a")] == [False, True]
    assert environment.outbox.delivered_revision(worse, environment.routes[0]) == 2
    assert chats.titles("b")[-1].split("[")[0] == ""


async def test_a_pause_that_a_service_asks_for_is_kept(chats: Chats) -> None:
    # After a Retry-After of ten minutes, a request five seconds later could block the operator.
    environment = RouteEnvironment(chats)
    chats.answers["a"], chats.headers["a"] = 429, {"Retry-After": "600"}
    environment.outbox.put(incident())
    await environment.deliver()
    chats.answers.clear()
    environment.clock.advance(minutes=9)
    await environment.deliver()
    assert len(environment.titles) == 1
    environment.clock.advance(minutes=1)
    await environment.deliver()
    assert len(environment.titles) == 2
    assert environment.outbox.delivered_revision(incident(), environment.routes[0]) == 1


async def test_an_hour_of_outage_loses_nothing_and_delays_no_other_route(chats: Chats) -> None:
    environment = RouteEnvironment(chats, route("one"), route("two"))
    environment.outbox.secrets[environment.routes[1].key] = chats.urls("b")
    chats.answers["a"] = 503
    for minute in range(60):
        if minute % 20 == 0:
            environment.outbox.put(incident(f"web-{minute:02}", updatedAt=stamp(environment.clock.now)))
        await environment.deliver()
        assert len(chats.titles("b")) == minute // 20 + 1
        environment.clock.advance(minutes=1)
    chats.answers.clear()
    before = len(environment.titles)
    environment.clock.advance(minutes=15)
    await environment.deliver()
    keys = [body["key"] for name, body in chats.bodies if name == "a"]
    assert keys[before:] == [f"incident team-web/web-{minute} revision 1" for minute in ("00", "20", "40")]


async def test_a_reminder_that_a_channel_refused_is_repeated_to_it_alone(chats: Chats) -> None:
    # The other channel has received the reminder, and must not receive it twice.
    environment = RouteEnvironment(chats, route(remindEvery="24h"))
    environment.outbox.secrets[environment.routes[0].key] = chats.urls("a", "b")
    environment.outbox.put(incident())
    await environment.deliver()
    environment.clock.advance(hours=25)
    chats.answers["b"] = 500
    await environment.deliver()
    chats.answers.clear()
    environment.clock.advance(minutes=1)
    await environment.deliver()
    await environment.deliver()
    assert [title.split("[")[0] for title in chats.titles("a")] == ["", "STILL OPEN for 1 d 1 h "]
    assert [title.split("[")[0] for title in chats.titles("b")] == ["", *["STILL OPEN for 1 d 1 h "] * 2]
