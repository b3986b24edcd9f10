"""How often a route is notified: groups, digests, the hourly limit, reminders, and one channel in two routes."""

import contextlib
from datetime import timedelta

import pytest

from nsg_baseline.alerts.deduplication import DeliveredKeys
from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.grouping import DIGEST_FROM
from nsg_baseline.alerts.pending import pending_deliveries
from nsg_baseline.api.incident import Acknowledged
from nsg_baseline.api.route import NSGAlertRoute
from tests.support.alerts import OPERATOR, START, Clock, KilledError, MemoryOutbox, incident, route, stamp
from tests.support.chats import Chats


class Scene:
    """Routes that lead to chats, incidents, and a clock that stands; `restart` forgets what was not stored."""

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

    async def round(self) -> None:
        for member in self.routes:
            stored_route = self.outbox.known[member.key]
            await self.dispatcher[member.key].deliver(
                stored_route, pending_deliveries(stored_route, self.outbox.incidents(), OPERATOR, self.clock())
            )

    @property
    def titles(self) -> list[str]:
        return self.chats.titles("a")


async def test_a_group_waits_for_more_and_is_told_together(chats: Chats) -> None:
    # Somebody who clicks through the portal makes one incident after the other, ten seconds apart.
    scene = Scene(chats, route(groupWait="10s"))
    scene.outbox.put(incident("web-1"))
    await scene.round()
    assert scene.titles == []
    assert scene.dispatcher[scene.routes[0].key].next_try() == START + timedelta(seconds=10)
    for number in range(2, DIGEST_FROM + 1):
        scene.outbox.put(incident(f"web-{number}"))
    scene.clock.pass_by(seconds=10)
    await scene.round()
    assert len(scene.titles) == 1
    assert f"{DIGEST_FROM} incidents" in scene.titles[0]


async def test_few_are_told_one_by_one(chats: Chats) -> None:
    # A digest hides what a single message shows.
    scene = Scene(chats)
    scene.outbox.put(*(incident(f"web-{number}") for number in range(DIGEST_FROM - 1)))
    await scene.round()
    assert len(scene.titles) == DIGEST_FROM - 1


async def test_five_hundred_at_once_are_one_message_that_names_all_for_machines(chats: Chats) -> None:
    # 22 messages for one failure is what people remember of alert tools.
    scene = Scene(chats)
    scene.outbox.put(*(incident(f"web-{number:03}") for number in range(500)))
    for _ in range(5):
        await scene.round()
        scene.clock.pass_by(seconds=30)
    (body_received,) = [body for chat, body in chats.bodies if chat == "a"]
    assert len({entry["name"] for entry in body_received["alert"]["incidents"]}) == 500
    assert all(entry.status.deliveries for entry in scene.outbox.incidents())


async def test_beyond_the_limit_of_an_hour_there_are_digests_and_nothing_is_lost(chats: Chats) -> None:
    # Many incidents become shorter messages; none is dropped.
    scene = Scene(chats, route(maxMessagesPerHour=6))
    for minute in range(60):
        scene.outbox.put(incident(f"web-{minute:02}", updatedAt=stamp(scene.clock.now)))
        await scene.round()
        scene.clock.pass_by(minutes=1)
    assert 6 < len(scene.titles) <= 6 + 6
    scene.clock.pass_by(minutes=10)
    await scene.round()
    assert all(stored.status.deliveries for stored in scene.outbox.incidents())


async def test_a_message_to_three_channels_is_one_of_the_hour(chats: Chats) -> None:
    # The limit is about people's patience, and each channel has its own people.
    scene = Scene(chats, route(maxMessagesPerHour=6))
    scene.outbox.secrets[scene.routes[0].key] = chats.urls("a", "b", "c")
    for number in range(5):
        scene.outbox.put(incident(f"web-{number}"))
        await scene.round()
        scene.clock.pass_by(seconds=1)
    assert [len(chats.titles(name)) for name in "abc"] == [5, 5, 5]


async def test_the_limit_holds_over_a_restart(chats: Chats) -> None:
    # Else each crash is another flood.
    scene = Scene(chats, route(maxMessagesPerHour=3))
    for number in range(3):
        scene.outbox.put(incident(f"web-{number}"))
        await scene.round()
        scene.clock.pass_by(seconds=1)
    scene.restart()
    scene.outbox.put(incident("web-9"))
    await scene.round()
    assert len(scene.titles) == 3
    scene.clock.pass_by(minutes=10)
    await scene.round()
    assert len(scene.titles) == 4


async def test_a_hundred_looks_are_one_message_and_the_reminders(chats: Chats) -> None:
    # An open incident is repeated once per reminder interval of the route.
    scene = Scene(chats, route(remindEvery="24h"))
    scene.outbox.put(incident())
    for _ in range(100):
        await scene.round()
        scene.clock.pass_by(hours=1)
    assert [title.split("[")[0] for title in scene.titles] == [
        "",
        *(f"STILL OPEN for {days} d " for days in (1, 2, 3, 4)),
    ]
    keys = {body["key"] for _, body in chats.bodies}
    assert len(keys) == 5


async def test_a_restart_with_a_hundred_open_incidents_tells_nothing(chats: Chats) -> None:
    # 130 repeats after a restart: the reason why people leave such a tool.
    scene = Scene(chats)
    for number in range(100):
        scene.outbox.put(incident(f"web-{number:03}"))
    await scene.round()
    before = len(scene.titles)
    for _ in range(3):
        scene.restart()
        await scene.round()
        scene.clock.pass_by(minutes=1)
    assert len(scene.titles) == before == 1


@pytest.mark.parametrize("count", [1, 3, 6])
@pytest.mark.parametrize("writes", range(9))
async def test_a_message_keeps_its_key_wherever_it_was_interrupted(chats: Chats, writes: int, count: int) -> None:
    # Half recorded when the operator dies, the rest must not come back as another message.
    scene = Scene(chats)
    scene.outbox.put(*(incident(f"web-{number}") for number in range(count)))
    scene.outbox.writes = writes
    with contextlib.suppress(KilledError):
        await scene.round()
    scene.outbox.writes = None
    scene.restart()
    scene.outbox.put(*(incident(f"db-{number}") for number in range(3)))
    for _ in range(3):
        await scene.round()
    keys: dict[str, set[str]] = {}
    for _, body in chats.bodies:
        for entry in body["alert"]["incidents"]:
            keys.setdefault(entry["name"], set()).add(body["key"])
    assert len(keys) == count + 3
    assert all(len(keys) == 1 for keys in keys.values()), keys
    assert scene.outbox.known[scene.routes[0].key].status.in_flight == ()
    # The one that was sent last when it died; what went before it is known to have got through.
    assert len(chats.bodies) - len({body["key"] for _, body in chats.bodies}) <= 1


async def test_what_is_acknowledged_or_over_is_not_reminded_of(chats: Chats) -> None:
    scene = Scene(chats)
    stored = incident()
    by = stored.spec.model_copy(update={"acknowledged": Acknowledged(by="jo")})
    scene.outbox.put(stored.model_copy(update={"spec": by}))
    scene.outbox.put(incident("web-2", state="Resolved", event="Resolved", resolvedAt=stamp(START)))
    await scene.round()
    scene.clock.pass_by(days=3)
    await scene.round()
    assert len(scene.titles) == 2


async def test_two_routes_to_one_place_tell_it_once(chats: Chats) -> None:
    # The platform's route and the team's lead to one channel: nobody wants each alert twice.
    scene = Scene(chats, route("all"), route("ours", namespace="team-web"))
    scene.outbox.put(incident())
    await scene.round()
    assert len(scene.titles) == 1
    assert len(scene.outbox.stored["team-web", "web-1"].status.deliveries) == 2


async def test_one_url_twice_in_a_secret_is_one_channel(chats: Chats) -> None:
    scene = Scene(chats)
    scene.outbox.secrets[scene.routes[0].key] = chats.urls("a", "a")
    scene.outbox.put(incident())
    await scene.round()
    assert len(scene.titles) == 1


async def test_a_calm_restart_while_one_channel_is_down_repeats_nothing_to_the_other(chats: Chats) -> None:
    # What a channel has is stored, not remembered.
    scene = Scene(chats)
    scene.outbox.secrets[scene.routes[0].key] = chats.urls("a", "b")
    chats.answers["b"] = 503
    scene.outbox.put(incident())
    await scene.round()
    scene.restart()
    await scene.round()
    assert len(chats.titles("a")) == 1
    chats.answers.clear()
    scene.clock.pass_by(minutes=1)
    await scene.round()
    assert len(chats.titles("a")) == 1
    record = scene.outbox.delivery(incident(), scene.routes[0])
    assert record is not None
    assert record.pending_channels is None


async def test_a_channel_that_missed_the_opening_is_told_of_an_opening(chats: Chats) -> None:
    # "UPDATE" of something that nobody there ever heard of is a riddle.
    scene = Scene(chats)
    scene.outbox.secrets[scene.routes[0].key] = chats.urls("a", "b")
    chats.answers["b"] = 503
    scene.outbox.put(incident())
    await scene.round()
    chats.answers.clear()
    deliveries = scene.outbox.stored["team-web", "web-1"].status.deliveries
    scene.clock.pass_by(minutes=1)
    worse = incident(revision=2, event="Updated", updatedAt=stamp(scene.clock.now))
    scene.outbox.put(worse.model_copy(update={"status": worse.status.model_copy(update={"deliveries": deliveries})}))
    await scene.round()
    assert [title.split("[")[0] for title in chats.titles("a")] == ["", "UPDATE "]
    assert scene.outbox.revision_told(worse, scene.routes[0]) == 2
    assert chats.titles("b")[-1].split("[")[0] == ""


async def test_a_service_that_asks_to_be_left_alone_is_left_alone(chats: Chats) -> None:
    # Retry-After of ten minutes: five seconds later is rude, and gets us locked out.
    scene = Scene(chats)
    chats.answers["a"], chats.headers["a"] = 429, {"Retry-After": "600"}
    scene.outbox.put(incident())
    await scene.round()
    chats.answers.clear()
    scene.clock.pass_by(minutes=9)
    await scene.round()
    assert len(scene.titles) == 1
    scene.clock.pass_by(minutes=1)
    await scene.round()
    assert len(scene.titles) == 2
    assert scene.outbox.revision_told(incident(), scene.routes[0]) == 1


async def test_an_hour_of_outage_loses_nothing_keeps_the_order_and_delays_nobody_else(chats: Chats) -> None:
    scene = Scene(chats, route("one"), route("two"))
    scene.outbox.secrets[scene.routes[1].key] = chats.urls("b")
    chats.answers["a"] = 503
    for minute in range(60):
        if minute % 20 == 0:
            scene.outbox.put(incident(f"web-{minute:02}", updatedAt=stamp(scene.clock.now)))
        await scene.round()
        assert len(chats.titles("b")) == minute // 20 + 1
        scene.clock.pass_by(minutes=1)
    chats.answers.clear()
    before = len(scene.titles)
    scene.clock.pass_by(minutes=15)
    await scene.round()
    keys = [body["key"] for name, body in chats.bodies if name == "a"]
    assert keys[before:] == [f"incident team-web/web-{minute} revision 1" for minute in ("00", "20", "40")]


async def test_a_reminder_that_one_channel_refused_is_told_it_later(chats: Chats) -> None:
    # The other channel has it, and must not be reminded twice for it.
    scene = Scene(chats, route(remindEvery="24h"))
    scene.outbox.secrets[scene.routes[0].key] = chats.urls("a", "b")
    scene.outbox.put(incident())
    await scene.round()
    scene.clock.pass_by(hours=25)
    chats.answers["b"] = 500
    await scene.round()
    chats.answers.clear()
    scene.clock.pass_by(minutes=1)
    await scene.round()
    await scene.round()
    assert [title.split("[")[0] for title in chats.titles("a")] == ["", "STILL OPEN for 1 d 1 h "]
    assert [title.split("[")[0] for title in chats.titles("b")] == ["", *["STILL OPEN for 1 d 1 h "] * 2]
