"""Delivery under faults: no loss, no repeats without a crash, and no waiting for a channel that does not respond."""

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
from nsg_baseline.alerts.sender.slots import PER_NAMESPACE, RESERVED
from nsg_baseline.api.route import NSGAlertRoute
from tests.support.alerts import OPERATOR, Clock, MemoryOutbox, incident, route
from tests.support.chats import Chats


@dataclass(slots=True)
class RouteEnvironment:
    """A route with two chats, an incident, and a fake clock."""

    chats: Chats
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    clock: Clock = field(default_factory=Clock)
    to: NSGAlertRoute = field(default_factory=route)

    def __post_init__(self) -> None:
        self.outbox.put(self.to, incident())
        self.outbox.secrets[self.to.key] = self.chats.urls("a", "b")
        self.dispatcher = Dispatcher(self.outbox, self.clock, allow_local=True)

    dispatcher: Dispatcher = field(init=False)

    async def deliver(self) -> None:
        """Deliver what is pending, as the loop does."""
        to = self.outbox.stored_routes[self.to.key]
        await self.dispatcher.deliver(to, pending_deliveries(to, self.outbox.incidents(), OPERATOR, self.clock()))

    @property
    def reason(self) -> str:
        return str(self.outbox.condition(self.to).reason)


@pytest.fixture
def environment(chats: Chats) -> RouteEnvironment:
    return RouteEnvironment(chats)


async def test_each_channel_receives_a_notification_once(environment: RouteEnvironment) -> None:
    for _ in range(3):
        await environment.deliver()
    assert sorted(name for name, _ in environment.chats.messages) == ["a", "b"]
    assert environment.reason == "Delivering"
    assert environment.outbox.stored_routes[environment.to.key].status.channels == 2


async def test_a_failing_channel_does_not_repeat_the_message_to_the_others(environment: RouteEnvironment) -> None:
    # People remember an alert tool for twenty-two messages about one failure.
    environment.chats.answers["b"] = 500
    for _ in range(4):
        await environment.deliver()
        environment.clock.advance(minutes=20)
    assert len(environment.chats.titles("a")) == 1
    assert len(environment.chats.titles("b")) == 4
    assert environment.reason == "Undelivered"
    recorded = environment.outbox.delivery(incident(), environment.to)
    assert recorded is not None
    assert list((recorded.pending_channels or {}).values()) == [0]
    environment.chats.answers.clear()
    await environment.deliver()
    recorded = environment.outbox.delivery(incident(), environment.to)
    assert recorded is not None
    assert (recorded.revision, recorded.pending_channels) == (1, None)
    assert environment.reason == "Delivering"
    assert len(environment.chats.titles("a")) == 1


async def test_pauses_grow_to_a_quarter_of_an_hour_and_go_on_after_a_day(environment: RouteEnvironment) -> None:
    # A channel that is down for the night must neither receive constant requests nor be forgotten.
    environment.chats.answers["b"] = 503
    pauses: list[timedelta] = []
    started = environment.clock.now
    while (again := await _next_try(environment)) is not None and environment.clock.now - started < timedelta(hours=30):
        pauses.append(again - environment.clock.now)
        environment.clock.now = again
    assert pauses[:5] == [timedelta(seconds=5 * 2**n) for n in range(5)]
    assert max(pauses) == timedelta(minutes=15)
    # What reached nobody never counts as delivered.
    assert sum(pauses, timedelta()) >= timedelta(hours=30)


async def _next_try(environment: RouteEnvironment) -> Any:
    before = len(environment.chats.messages)
    await environment.deliver()
    return environment.dispatcher.next_try() if len(environment.chats.messages) > before else None


async def test_a_channel_is_not_tried_before_its_pause_ends(environment: RouteEnvironment) -> None:
    environment.chats.answers["b"] = 500
    await environment.deliver()
    environment.clock.advance(seconds=4)
    await environment.deliver()
    assert len(environment.chats.titles("b")) == 1


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (None, "SecretNotFound"),
        ({"other": ""}, "KeyNotFound"),
        ({"urls": "https://hooks.example.com/T0K3N"}, "InvalidURL"),
        ({"urls": "# later\n"}, "NoChannels"),
    ],
)
async def test_an_unusable_route_reports_its_reason_and_recovers(
    environment: RouteEnvironment, texts: dict[str, str] | None, reason: str
) -> None:
    if texts is None:
        del environment.outbox.secrets[environment.to.key]
    else:
        environment.outbox.secrets[environment.to.key] = texts
    await environment.deliver()
    condition = environment.outbox.condition(environment.to)
    assert (condition.status, condition.reason) == ("False", reason)
    assert "T0K3N" not in condition.message
    environment.outbox.secrets[environment.to.key] = environment.chats.urls("a")
    await environment.deliver()
    assert environment.reason == "Delivering"
    assert environment.outbox.delivered_revision(incident(), environment.to) == 1


async def test_an_invalid_line_does_not_affect_the_other_channels(environment: RouteEnvironment) -> None:
    # A mistyped second channel must not stop alerts to the first.
    good = environment.chats.urls("a")["urls"]
    environment.outbox.secrets[environment.to.key] = {"urls": f"https://hooks.example.com/T0K3N\n{good}\nslack://\n"}
    await environment.deliver()
    assert len(environment.chats.titles("a")) == 1
    condition = environment.outbox.condition(environment.to)
    assert (condition.status, condition.reason) == ("False", "InvalidURL")
    assert "line 1: is not a URL that a supported service prints" in condition.message
    assert "line 3: " in condition.message
    assert "T0K3N" not in condition.message


async def test_the_transition_time_of_a_condition_changes_with_its_status_only(environment: RouteEnvironment) -> None:
    await environment.deliver()
    transition = environment.outbox.condition(environment.to).last_transition_time
    environment.clock.advance(hours=1)
    await environment.deliver()
    assert environment.outbox.condition(environment.to).last_transition_time == transition
    del environment.outbox.secrets[environment.to.key]
    await environment.deliver()
    assert environment.outbox.condition(environment.to).last_transition_time == environment.clock.now


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


async def test_an_update_during_a_delivery_is_sent_next(chats: Chats) -> None:
    outbox = MemoryOutbox()
    outbox.put(route())
    outbox.secrets[OPERATOR, "chat"] = chats.urls("a")
    async with running(outbox, Clock()):
        outbox.put(incident())
        await chats.until(lambda: len(chats.messages) == 1)
        outbox.put(
            incident(
                revision=2, event="Updated", changes=[{"kind": "RuleCreated", "rule": "open-rdp", "severity": "high"}]
            )
        )
        await chats.until(lambda: len(chats.messages) == 2)
    assert "open-rdp" in chats.messages[1][1]


async def test_an_outage_of_the_api_server_loses_no_notification(chats: Chats) -> None:
    # The message is sent but not recorded: it is sent again with the same key, and then recorded.
    outbox, clock = MemoryOutbox(), Clock()
    outbox.put(route())
    outbox.secrets[OPERATOR, "chat"] = chats.urls("a")
    outbox.unavailable = True
    async with running(outbox, clock):
        outbox.put(incident())
        await chats.until(lambda: len(chats.messages) == 1)
        outbox.unavailable = False
        outbox.put(incident("web-2"))
        await chats.until(lambda: len(chats.messages) >= 2)
        async with asyncio.timeout(60):
            while outbox.delivered_revision(incident(), route()) == 0:
                await outbox.recorded.wait()
                outbox.recorded.clear()
    titles = {title for _, title in chats.messages}
    assert len(titles) == 1


async def test_a_deleted_route_receives_nothing(chats: Chats) -> None:
    outbox = MemoryOutbox()
    outbox.put(route("first"), route("second"))
    for name in ("first", "second"):
        outbox.secrets[OPERATOR, name] = chats.urls(name)
    async with running(outbox, Clock()):
        outbox.put(incident("web-1"))
        await chats.until(lambda: len(chats.messages) == 2)
        del outbox.stored_routes[OPERATOR, "first"]
        outbox.put(incident("web-2"))
        await chats.until(lambda: len(chats.titles("second")) == 2)
    assert len(chats.titles("first")) == 1


async def test_a_slow_channel_does_not_delay_the_record_of_the_others(environment: RouteEnvironment) -> None:
    # Killed while the slow one is waited for, the operator told the others again.
    environment.chats.stuck.add("b")
    delivering = asyncio.create_task(environment.deliver())
    await environment.chats.until(lambda: len(environment.chats.messages) == 2)
    async with asyncio.timeout(60):
        while (recorded := environment.outbox.delivery(incident(), environment.to)) is None:
            environment.outbox.moved.clear()
            await environment.outbox.moved.wait()
    assert not delivering.done()
    assert len(recorded.pending_channels or {}) == 1
    environment.chats.released.set()
    await delivering
    recorded = environment.outbox.delivery(incident(), environment.to)
    assert recorded is not None
    assert recorded.pending_channels is None


async def test_an_orderly_stop_finishes_messages_under_way_and_repeats_none(environment: RouteEnvironment) -> None:
    # A stop during a send of three seconds told every channel of the route twice.
    chats, outbox = environment.chats, environment.outbox
    chats.stuck.add("b")
    async with running(outbox, environment.clock):
        await chats.until(lambda: len(chats.messages) == 2)
        asyncio.get_running_loop().call_later(0.5, chats.released.set)
    recorded = outbox.delivery(incident(), environment.to)
    assert recorded is not None
    assert recorded.pending_channels is None
    outbox.put(incident("web-2"))
    async with running(outbox, environment.clock):
        await chats.until(lambda: len(chats.messages) >= 4)
    assert len(chats.messages) == 4


async def test_an_orderly_stop_starts_no_further_message(environment: RouteEnvironment) -> None:
    # What waits for a slot would exceed the grace period. It stays pending, with its key.
    chats, outbox = environment.chats, environment.outbox
    chats.stuck |= set("abcdefgh")
    outbox.secrets[environment.to.key] = chats.urls(*"abcdefgh")
    at_once = PER_NAMESPACE + RESERVED
    async with running(outbox, environment.clock):
        await chats.until(lambda: len(chats.messages) == at_once)
        asyncio.get_running_loop().call_soon(chats.released.set)
    assert len(chats.messages) == at_once
    recorded = outbox.delivery(incident(), environment.to)
    assert recorded is not None
    assert len(recorded.pending_channels or {}) == 8 - at_once
