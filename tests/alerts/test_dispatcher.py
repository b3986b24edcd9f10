"""Delivery under faults: nothing lost, nothing twice in calm, and nobody waits for a channel that is stuck."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.alerts import loop
from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.pending import pending_deliveries
from nsg_baseline.api.route import NSGAlertRoute
from tests.support.alerts import OPERATOR, Clock, MemoryOutbox, incident, route
from tests.support.chats import Chats


@dataclass(slots=True)
class Scene:
    """One route with two chats, an incident, and a clock that stands."""

    chats: Chats
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    clock: Clock = field(default_factory=Clock)
    to: NSGAlertRoute = field(default_factory=route)

    def __post_init__(self) -> None:
        self.outbox.put(self.to, incident())
        self.outbox.secrets[self.to.key] = self.chats.urls("a", "b")
        self.dispatcher = Dispatcher(self.outbox, self.clock, allow_local=True)

    dispatcher: Dispatcher = field(init=False)

    async def round(self) -> None:
        """Do what the loop does at each ring."""
        to = self.outbox.known[self.to.key]
        await self.dispatcher.deliver(to, pending_deliveries(to, self.outbox.incidents(), OPERATOR, self.clock()))

    @property
    def reason(self) -> str:
        return str(self.outbox.condition(self.to).reason)


@pytest.fixture
def scene(chats: Chats) -> Scene:
    return Scene(chats)


async def test_all_channels_get_it_once(scene: Scene) -> None:
    for _ in range(3):
        await scene.round()
    assert sorted(name for name, _ in scene.chats.got) == ["a", "b"]
    assert scene.reason == "Delivering"
    assert scene.outbox.known[scene.to.key].status.channels == 2


async def test_what_got_it_is_not_told_again_while_the_other_is_tried(scene: Scene) -> None:
    # Twenty-two messages for one failure: what people remember of alert tools.
    scene.chats.answers["b"] = 500
    for _ in range(4):
        await scene.round()
        scene.clock.pass_by(minutes=20)
    assert len(scene.chats.titles("a")) == 1
    assert len(scene.chats.titles("b")) == 4
    assert scene.reason == "Undelivered"
    recorded = scene.outbox.delivery(incident(), scene.to)
    assert recorded is not None
    assert list((recorded.pending_channels or {}).values()) == [0]
    scene.chats.answers.clear()
    await scene.round()
    recorded = scene.outbox.delivery(incident(), scene.to)
    assert recorded is not None
    assert (recorded.revision, recorded.pending_channels) == (1, None)
    assert scene.reason == "Delivering"
    assert len(scene.chats.titles("a")) == 1


async def test_pauses_grow_to_a_quarter_of_an_hour_and_end_after_a_day(scene: Scene) -> None:
    # A channel that is away for the night must not be hammered, nor forgotten.
    scene.chats.answers["b"] = 503
    pauses: list[timedelta] = []
    started = scene.clock.now
    while (again := await _next(scene)) is not None and scene.clock.now - started < timedelta(hours=30):
        pauses.append(again - scene.clock.now)
        scene.clock.now = again
    assert pauses[:5] == [timedelta(seconds=5 * 2**n) for n in range(5)]
    assert max(pauses) == timedelta(minutes=15)
    assert timedelta(hours=23) < sum(pauses, timedelta()) < timedelta(hours=25)


async def _next(scene: Scene) -> Any:
    before = len(scene.chats.got)
    await scene.round()
    return scene.dispatcher.next_try() if len(scene.chats.got) > before else None


async def test_too_early_is_not_tried(scene: Scene) -> None:
    scene.chats.answers["b"] = 500
    await scene.round()
    scene.clock.pass_by(seconds=4)
    await scene.round()
    assert len(scene.chats.titles("b")) == 1


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (None, "SecretNotFound"),
        ({"other": ""}, "KeyNotFound"),
        ({"urls": "https://hooks.example.com/T0K3N"}, "InvalidURL"),
        ({"urls": "# later\n"}, "NoChannels"),
    ],
)
async def test_an_unusable_route_says_why_and_heals(scene: Scene, texts: dict[str, str] | None, reason: str) -> None:
    if texts is None:
        del scene.outbox.secrets[scene.to.key]
    else:
        scene.outbox.secrets[scene.to.key] = texts
    await scene.round()
    condition = scene.outbox.condition(scene.to)
    assert (condition.status, condition.reason) == ("False", reason)
    assert "T0K3N" not in condition.message
    scene.outbox.secrets[scene.to.key] = scene.chats.urls("a")
    await scene.round()
    assert scene.reason == "Delivering"
    assert scene.outbox.revision_told(incident(), scene.to) == 1


async def test_a_bad_line_does_not_silence_the_others(scene: Scene) -> None:
    # Somebody adds a second channel and mistypes it: the first must not fall silent for that.
    good = scene.chats.urls("a")["urls"]
    scene.outbox.secrets[scene.to.key] = {"urls": f"https://hooks.example.com/T0K3N\n{good}\nslack://\n"}
    await scene.round()
    assert len(scene.chats.titles("a")) == 1
    condition = scene.outbox.condition(scene.to)
    assert (condition.status, condition.reason) == ("False", "InvalidURL")
    assert "line 1: is not one of" in condition.message
    assert "line 3: " in condition.message
    assert "T0K3N" not in condition.message


async def test_the_time_of_a_condition_is_that_of_its_turn(scene: Scene) -> None:
    await scene.round()
    turned = scene.outbox.condition(scene.to).last_transition_time
    scene.clock.pass_by(hours=1)
    await scene.round()
    assert scene.outbox.condition(scene.to).last_transition_time == turned
    del scene.outbox.secrets[scene.to.key]
    await scene.round()
    assert scene.outbox.condition(scene.to).last_transition_time == scene.clock.now


@contextlib.asynccontextmanager
async def running(outbox: MemoryOutbox, clock: Clock) -> AsyncIterator[None]:
    task = asyncio.create_task(loop.run(outbox, OPERATOR, clock, allow_local=True))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_stuck_channel_delays_no_other_route(chats: Chats) -> None:
    outbox = MemoryOutbox()
    chats.stuck.add("dead")
    for name, chat in (("first", "dead"), ("second", "alive")):
        outbox.put(route(name))
        outbox.secrets[OPERATOR, name] = chats.urls(chat)
    async with running(outbox, Clock()):
        outbox.put(incident("web-1"))
        await chats.until(lambda: len(chats.titles("alive")) == 1 and len(chats.titles("dead")) == 1)
        outbox.put(incident("web-2"))
        await chats.until(lambda: len(chats.titles("alive")) == 2)
    assert len(chats.titles("dead")) == 1


async def test_what_comes_while_something_is_sent_is_told_next(chats: Chats) -> None:
    outbox = MemoryOutbox()
    outbox.put(route())
    outbox.secrets[OPERATOR, "chat"] = chats.urls("a")
    async with running(outbox, Clock()):
        outbox.put(incident())
        await chats.until(lambda: len(chats.got) == 1)
        outbox.put(
            incident(
                revision=2, event="Updated", changes=[{"kind": "RuleCreated", "rule": "open-rdp", "severity": "high"}]
            )
        )
        await chats.until(lambda: len(chats.got) == 2)
    assert "open-rdp" in chats.got[1][1]


async def test_the_api_server_away_repeats_and_loses_nothing(chats: Chats) -> None:
    # SendResult and not recorded: it is sent again, with the same key, and then recorded.
    outbox, clock = MemoryOutbox(), Clock()
    outbox.put(route())
    outbox.secrets[OPERATOR, "chat"] = chats.urls("a")
    outbox.away = True
    async with running(outbox, clock):
        outbox.put(incident())
        await chats.until(lambda: len(chats.got) == 1)
        outbox.away = False
        outbox.put(incident("web-2"))
        await chats.until(lambda: len(chats.got) >= 2)
        async with asyncio.timeout(60):
            while outbox.revision_told(incident(), route()) == 0:
                await outbox.changed(1)
    titles = {title for _, title in chats.got}
    assert len(titles) == 1


async def test_a_route_that_is_gone_is_told_nothing(chats: Chats) -> None:
    outbox = MemoryOutbox()
    outbox.put(route("first"), route("second"))
    for name in ("first", "second"):
        outbox.secrets[OPERATOR, name] = chats.urls(name)
    async with running(outbox, Clock()):
        outbox.put(incident("web-1"))
        await chats.until(lambda: len(chats.got) == 2)
        del outbox.known[OPERATOR, "first"]
        outbox.put(incident("web-2"))
        await chats.until(lambda: len(chats.titles("second")) == 2)
    assert len(chats.titles("first")) == 1
