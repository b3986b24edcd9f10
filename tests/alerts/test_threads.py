"""Alerts and tickets stay open while one of their incidents is open, whether notified together or separately."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from nsg_baseline.alerts.channels import Channel, SendResult
from nsg_baseline.alerts.deduplication import DeliveredKeys
from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.pending import pending_deliveries
from nsg_baseline.alerts.threads import MAX_FOLLOW_UPS
from nsg_baseline.api.incident import NSGIncident
from tests.support.alerts import OPERATOR, START, Clock, KilledError, MemoryOutbox, incident, route, stamp
from tests.support.pagers import Pager
from tests.support.providers import providers
from tests.support.tickets import desk

PAGERS = {
    "pagerduty": "pagerduty://INTEGRATIONKEY@APIKEY",
    "opsgenie": "opsgenie://a1b2c3d4-0000-0000-0000-000000000000",
    "jira": "jira://a1b2c3d4-0000-0000-0000-000000000000",
}
DESKS = {"servicenow": ("state", "6", "urgency"), "zendesk": ("status", "solved", "priority")}
WEIGHTS = {
    "high": {"pagerduty": "error", "opsgenie": "P2", "jira": "P2", "servicenow": "1", "zendesk": "high"},
    "low": {"pagerduty": "info", "opsgenie": "P4", "jira": "P4", "servicenow": "3", "zendesk": "low"},
}
NAMES = tuple(f"web-{number}" for number in range(5))


@dataclass(slots=True)
class Scene:
    """One route that leads to one service, and what that service holds: for each alert or ticket whether it is open."""

    name: str
    url: str
    open_states: Callable[[], list[bool]]
    weights: Callable[[], set[str]]
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    clock: Clock = field(default_factory=Clock)
    to: tuple[str, str] = field(init=False)
    dispatcher: Dispatcher = field(init=False)

    def __post_init__(self) -> None:
        default_route = route()
        self.to = default_route.key
        self.outbox.put(default_route)
        self.outbox.secrets[default_route.key] = {"urls": self.url}
        self.restart()

    def restart(self) -> None:
        self.outbox.writes = None
        self.dispatcher = Dispatcher(self.outbox, self.clock, allow_local=True)

    def most_an_hour(self, messages: int) -> None:
        stored_route = self.outbox.known[self.to]
        spec = stored_route.spec.model_copy(update={"max_messages_per_hour": messages})
        self.outbox.put(stored_route.model_copy(update={"spec": spec}))

    async def round(self) -> None:
        self.clock.pass_by(seconds=30)
        await self.tell()

    async def tell(self) -> None:
        stored_route = self.outbox.known[self.to]
        await self.dispatcher.deliver(
            stored_route, pending_deliveries(stored_route, self.outbox.incidents(), OPERATOR, self.clock())
        )

    async def open(self, *names: str, severity: str = "medium") -> None:
        self.outbox.put(*(incident(name, severity=severity) for name in names))
        await self.round()

    async def go_on(self, *names: str, over: bool = True) -> None:
        """Store what becomes of incidents, and tell it."""
        self.outbox.put(*(self.following(self.outbox.stored["team-web", name], over=over) for name in names))
        await self.round()

    def following(self, previous: NSGIncident, *, over: bool) -> NSGIncident:
        ended = {"state": "Resolved", "event": "Resolved", "resolution": "Reverted", "resolved_at": self.clock()}
        changed = {"revision": previous.status.revision + 1, **(ended if over else {"event": "Attributed"})}
        return previous.model_copy(update={"status": previous.status.model_copy(update=changed)})


@pytest.fixture(params=[*PAGERS, *DESKS])
async def scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    name = request.param
    if name in PAGERS:
        pager = Pager()
        async with providers(monkeypatch) as internet:
            internet.answer = pager.answer
            open_states = lambda: [state != "resolve" for _, state in pager.alerts]  # noqa: E731 - it reads better here
            yield Scene(name, PAGERS[name], open_states, lambda: set(pager.priorities.values()))
        return
    state, over, weight = DESKS[name]
    async with desk() as tickets:
        url = f"{name}://jo%40example.com:s3cret@127.0.0.1:{tickets.port}?secure=no"
        kept = tickets.tickets
        open_states = lambda: [entry[state] != over for entry in kept.values()]  # noqa: E731 - as above
        yield Scene(name, url, open_states, lambda: {entry[weight] for entry in kept.values()})


async def test_what_was_told_one_by_one_is_closed_one_by_one(scene: Scene) -> None:
    # Five people are woken in a night; one revert ends it all. Each of their alerts must end.
    for name in NAMES:
        await scene.open(name)
    assert scene.open_states() == [True] * 5
    await scene.go_on(*NAMES)
    assert scene.open_states() == [False] * 5


async def test_what_was_told_at_once_is_closed_when_the_last_is_over(scene: Scene) -> None:
    await scene.open(*NAMES)
    await scene.go_on(*NAMES[:4])
    assert scene.open_states() == [True]
    await scene.go_on(NAMES[0], over=True)
    await scene.go_on(NAMES[4])
    assert scene.open_states() == [False]


async def test_what_was_told_at_once_goes_on_in_one_place(scene: Scene) -> None:
    # The author is found for each of them separately, and must not open another ticket.
    await scene.open(*NAMES)
    for name in NAMES:
        await scene.go_on(name, over=False)
    assert scene.open_states() == [True]
    await scene.go_on(*NAMES)
    assert scene.open_states() == [False]


async def test_what_weighs_little_does_not_hide_what_stays_open(scene: Scene) -> None:
    # The end of a minor incident must not lower a ticket about SSH open to the Internet.
    scene.outbox.put(*(incident(name, severity="low") for name in NAMES))
    await scene.open("web-9", severity="high")
    await scene.go_on(NAMES[0], over=False)
    assert scene.weights() == {WEIGHTS["high"][scene.name]}
    await scene.go_on("web-9")
    await scene.go_on(NAMES[1], over=False)
    assert scene.weights() == {WEIGHTS["low"][scene.name]}


async def test_what_was_over_before_it_could_be_told_is_told_and_closed(scene: Scene) -> None:
    # The operator put it back within a second. That the door stood open is news, and nobody has to do anything.
    over: dict[str, Any] = {
        "state": "Resolved",
        "event": "Resolved",
        "revision": 2,
        "resolvedAt": stamp(START),
        "resolution": "Reverted",
    }
    scene.outbox.put(incident("web-1", **over))
    await scene.round()
    assert scene.open_states() == [False]
    scene.outbox.put(*(incident(f"app-{number}", **over) for number in range(6)))
    await scene.round()
    assert scene.open_states() == [False, False]


async def test_a_kill_at_any_moment_leaves_nothing_open(scene: Scene) -> None:
    # An alert that nobody can close is worse than one that comes twice.
    for writes in range(14):
        names = tuple(f"kill-{writes}-{number}" for number in range(5))
        for step in (scene.open, scene.go_on):
            scene.outbox.writes = writes
            with contextlib.suppress(KilledError):
                await step(*names)
            scene.restart()
            await scene.round()
        assert not any(scene.open_states()), f"killed after {writes} writes"


async def test_two_kills_in_a_row_leave_nothing_open(scene: Scene) -> None:
    # The second arrives when the first message is recorded as sent, but its incidents are not recorded yet.
    for names in (NAMES, ("web-9",)):
        scene.outbox.writes = 1
        with contextlib.suppress(KilledError):
            await scene.open(*names)
        scene.restart()
    await scene.round()
    assert scene.open_states() == [True, True]
    await scene.go_on(*NAMES, "web-9")
    assert scene.open_states() == [False, False]


async def test_many_closings_are_recorded_on_the_way(scene: Scene) -> None:
    # What is on its way stands in the route's status, which holds a thousand messages and no more.
    scene.most_an_hour(1000)
    names = [f"web-{number:03}" for number in range(MAX_FOLLOW_UPS + 10)]
    for start in range(0, len(names), 3):
        await scene.open(*names[start : start + 3])
    assert scene.open_states() == [True] * len(names)
    await scene.go_on(*names)
    assert sum(scene.open_states()) == 10
    assert scene.dispatcher.next_try() == scene.clock.now
    await scene.round()
    assert not any(scene.open_states())


async def test_the_limit_of_an_hour_is_not_spent_on_what_goes_on(scene: Scene) -> None:
    # A night in which thirty alerts were closed must not make the next door a line in a digest ten minutes later.
    scene.most_an_hour(6)
    for name in NAMES:
        await scene.open(name)
        await scene.go_on(name)
    await scene.open("web-9")
    assert scene.open_states() == [False] * 5 + [True]


async def test_what_goes_on_in_old_alerts_holds_up_nothing_new(scene: Scene) -> None:
    # Updates of old incidents, one every few minutes, must not make a new one wait for ever.
    scene.most_an_hour(3)
    await scene.open(*NAMES[:3])
    for event in range(20):
        scene.clock.pass_by(minutes=4)
        await scene.go_on(NAMES[event % 3], over=False)
    await scene.open("web-9", severity="critical")
    assert len(scene.open_states()) == 4


async def test_an_answer_that_was_lost_leaves_nothing_open(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    # Taken, and the answer lost; then all of it is over before it is tried again.
    send = Channel.send

    async def deaf(self: Channel, stored: AlertMessage) -> SendResult:
        await send(self, stored)
        return SendResult(delivered=False, reason="no response in time")

    with monkeypatch.context() as patched:
        patched.setattr(Channel, "send", deaf)
        await scene.open(*NAMES)
    assert scene.open_states() == [True]
    scene.outbox.put(*(scene.following(stored, over=True) for stored in scene.outbox.incidents()))
    # Still within the pause: nothing is sent yet, and nothing may be forgotten.
    await scene.tell()
    await scene.round()
    assert scene.open_states() == [False]


async def test_another_password_is_the_same_place(scene: Scene) -> None:
    # Keys are changed every few months; what was opened with the old one is closed with the new one.
    await scene.open(*NAMES)
    (open_states,) = scene.open_states()
    assert open_states
    url = scene.outbox.secrets[scene.to]["urls"]
    scene.outbox.secrets[scene.to] = {"urls": _other_password(url)}
    await scene.go_on(*NAMES[:2])
    assert scene.open_states() == [True]
    await scene.go_on(*NAMES[2:])
    assert scene.open_states() == [False]


def _other_password(url: str) -> str:
    for old, new in (("s3cret", "s3cret2"), ("APIKEY", "APIKEY2"), ("a1b2c3d4", "b1b2c3d4")):
        if old in url:
            return url.replace(old, new)
    raise AssertionError(url)


async def test_two_routes_to_one_place_close_what_each_opened(scene: Scene) -> None:
    # One tells four incidents at once, the other one of them alone: two alerts, and two ends.
    other = route("team", namespace="team-web")
    scene.outbox.put(other)
    scene.outbox.secrets[other.key] = dict(scene.outbox.secrets[scene.to])
    delivered_keys = DeliveredKeys()
    both = {
        key: Dispatcher(scene.outbox, scene.clock, delivered_keys, allow_local=True) for key in (scene.to, other.key)
    }
    scene.outbox.put(*(incident(f"db-{number}", namespace="team-db") for number in range(3)), incident("web-1"))
    for step in ("team-none", "team-db", "team-web"):
        ended = [stored for stored in scene.outbox.incidents() if stored.metadata.namespace == step]
        scene.outbox.put(*(scene.following(stored, over=True) for stored in ended))
        for key, dispatcher in both.items():
            scene.clock.pass_by(seconds=30)
            stored_route = scene.outbox.known[key]
            await dispatcher.deliver(
                stored_route, pending_deliveries(stored_route, scene.outbox.incidents(), OPERATOR, scene.clock())
            )
        assert scene.open_states() == [step != "team-web"] * 2
