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
PRIORITIES = {
    "high": {"pagerduty": "error", "opsgenie": "P2", "jira": "P2", "servicenow": "1", "zendesk": "high"},
    "low": {"pagerduty": "info", "opsgenie": "P4", "jira": "P4", "servicenow": "3", "zendesk": "low"},
}
NAMES = tuple(f"web-{number}" for number in range(5))


@dataclass(slots=True)
class RouteEnvironment:
    """A route to one service, with the state of its alerts or tickets: True for each that is open."""

    name: str
    url: str
    open_states: Callable[[], list[bool]]
    priorities: Callable[[], set[str]]
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

    def set_hourly_limit(self, messages: int) -> None:
        stored_route = self.outbox.stored_routes[self.to]
        spec = stored_route.spec.model_copy(update={"max_messages_per_hour": messages})
        self.outbox.put(stored_route.model_copy(update={"spec": spec}))

    async def deliver(self) -> None:
        self.clock.advance(seconds=30)
        await self.deliver_now()

    async def deliver_now(self) -> None:
        stored_route = self.outbox.stored_routes[self.to]
        await self.dispatcher.deliver(
            stored_route, pending_deliveries(stored_route, self.outbox.incidents(), OPERATOR, self.clock())
        )

    async def open(self, *names: str, severity: str = "medium") -> None:
        self.outbox.put(*(incident(name, severity=severity) for name in names))
        await self.deliver()

    async def follow_up(self, *names: str, over: bool = True) -> None:
        """Store the end or an update of incidents, and deliver it."""
        self.outbox.put(*(self.next_state(self.outbox.stored["team-web", name], over=over) for name in names))
        await self.deliver()

    def next_state(self, previous: NSGIncident, *, over: bool) -> NSGIncident:
        ended = {"state": "Resolved", "event": "Resolved", "resolution": "Reverted", "resolved_at": self.clock()}
        changed = {"revision": previous.status.revision + 1, **(ended if over else {"event": "Attributed"})}
        return previous.model_copy(update={"status": previous.status.model_copy(update=changed)})


@pytest.fixture(params=[*PAGERS, *DESKS])
async def environment(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RouteEnvironment]:
    name = request.param
    if name in PAGERS:
        pager = Pager()
        async with providers(monkeypatch) as internet:
            internet.answer = pager.answer
            open_states = lambda: [state != "resolve" for _, state in pager.alerts]  # noqa: E731 - a lambda keeps both cases alike
            yield RouteEnvironment(name, PAGERS[name], open_states, lambda: set(pager.priorities.values()))
        return
    state, over, weight = DESKS[name]
    async with desk() as tickets:
        url = f"{name}://jo%40example.com:s3cret@127.0.0.1:{tickets.port}?secure=no"
        kept = tickets.tickets
        open_states = lambda: [entry[state] != over for entry in kept.values()]  # noqa: E731 - as above
        yield RouteEnvironment(name, url, open_states, lambda: {entry[weight] for entry in kept.values()})


async def test_separate_alerts_are_closed_separately(environment: RouteEnvironment) -> None:
    # Five alerts are open and a single revert ends all incidents. Each alert must be closed.
    for name in NAMES:
        await environment.open(name)
    assert environment.open_states() == [True] * 5
    await environment.follow_up(*NAMES)
    assert environment.open_states() == [False] * 5


@pytest.mark.parametrize("environment", PAGERS, indirect=True)
async def test_a_shared_alert_is_replaced_when_one_of_its_incidents_gets_worse(environment: RouteEnvironment) -> None:
    # Somebody may have acknowledged it: an update would page nobody.
    await environment.open(*NAMES)
    previous = environment.outbox.stored["team-web", NAMES[0]]
    worse = {"revision": 2, "event": "Escalated", "severity": "critical"}
    environment.outbox.put(previous.model_copy(update={"status": previous.status.model_copy(update=worse)}))
    await environment.deliver()
    assert environment.open_states() == [False, True]


async def test_a_shared_alert_is_closed_with_its_last_incident(environment: RouteEnvironment) -> None:
    await environment.open(*NAMES)
    await environment.follow_up(*NAMES[:4])
    assert environment.open_states() == [True]
    await environment.follow_up(NAMES[0], over=True)
    await environment.follow_up(NAMES[4])
    assert environment.open_states() == [False]


async def test_updates_of_incidents_in_a_shared_alert_stay_in_it(environment: RouteEnvironment) -> None:
    # The author of each change is found separately, and must not open another ticket.
    await environment.open(*NAMES)
    for name in NAMES:
        await environment.follow_up(name, over=False)
    assert environment.open_states() == [True]
    await environment.follow_up(*NAMES)
    assert environment.open_states() == [False]


async def test_a_resolved_minor_incident_does_not_lower_the_priority_of_an_open_one(
    environment: RouteEnvironment,
) -> None:
    # The end of a minor incident must not lower a ticket about SSH that is open to the Internet.
    environment.outbox.put(*(incident(name, severity="low") for name in NAMES))
    await environment.open("web-9", severity="high")
    await environment.follow_up(NAMES[0], over=False)
    assert environment.priorities() == {PRIORITIES["high"][environment.name]}
    await environment.follow_up("web-9")
    await environment.follow_up(NAMES[1], over=False)
    assert environment.priorities() == {PRIORITIES["low"][environment.name]}


async def test_an_incident_that_ended_before_its_notification_is_sent_and_closed(environment: RouteEnvironment) -> None:
    # The operator restored the rule within a second. The exposure must be known, but needs no action.
    over: dict[str, Any] = {
        "state": "Resolved",
        "event": "Resolved",
        "revision": 2,
        "resolvedAt": stamp(START),
        "resolution": "Reverted",
    }
    environment.outbox.put(incident("web-1", **over))
    await environment.deliver()
    assert environment.open_states() == [False]
    environment.outbox.put(*(incident(f"app-{number}", **over) for number in range(6)))
    await environment.deliver()
    assert environment.open_states() == [False, False]


async def test_a_kill_at_any_moment_leaves_no_alert_open(environment: RouteEnvironment) -> None:
    # An alert that nobody can close is worse than a repeated one.
    for writes in range(14):
        names = tuple(f"kill-{writes}-{number}" for number in range(5))
        for step in (environment.open, environment.follow_up):
            environment.outbox.writes = writes
            with contextlib.suppress(KilledError):
                await step(*names)
            environment.restart()
            await environment.deliver()
        assert not any(environment.open_states()), f"killed after {writes} writes"


async def test_two_kills_in_a_row_leave_no_alert_open(environment: RouteEnvironment) -> None:
    # The second happens when the first message is recorded as sent, but its incidents are not.
    for names in (NAMES, ("web-9",)):
        environment.outbox.writes = 1
        with contextlib.suppress(KilledError):
            await environment.open(*names)
        environment.restart()
    await environment.deliver()
    assert environment.open_states() == [True, True]
    await environment.follow_up(*NAMES, "web-9")
    assert environment.open_states() == [False, False]


async def test_many_closings_are_recorded_during_the_delivery(environment: RouteEnvironment) -> None:
    # Messages in flight are stored in the status of the route, which is limited to a thousand.
    environment.set_hourly_limit(1000)
    names = [f"web-{number:03}" for number in range(MAX_FOLLOW_UPS + 10)]
    for start in range(0, len(names), 3):
        await environment.open(*names[start : start + 3])
    assert environment.open_states() == [True] * len(names)
    await environment.follow_up(*names)
    assert sum(environment.open_states()) == 10
    assert environment.dispatcher.next_try() == environment.clock.now
    await environment.deliver()
    assert not any(environment.open_states())


async def test_follow_ups_do_not_count_for_the_hourly_limit(environment: RouteEnvironment) -> None:
    # After a night in which thirty alerts were closed, the next incident must not be a line in a digest.
    environment.set_hourly_limit(6)
    for name in NAMES:
        await environment.open(name)
        await environment.follow_up(name)
    await environment.open("web-9")
    assert environment.open_states() == [False] * 5 + [True]


async def test_follow_ups_do_not_delay_new_incidents(environment: RouteEnvironment) -> None:
    # Updates of old incidents, one every few minutes, must not make a new one wait indefinitely.
    environment.set_hourly_limit(3)
    await environment.open(*NAMES[:3])
    for event in range(20):
        environment.clock.advance(minutes=4)
        await environment.follow_up(NAMES[event % 3], over=False)
    await environment.open("web-9", severity="critical")
    assert len(environment.open_states()) == 4


async def test_a_lost_response_leaves_no_alert_open(
    environment: RouteEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The provider accepted the message, the response was lost, and all incidents ended before the next try.
    send = Channel.send

    async def send_without_response(self: Channel, stored: AlertMessage) -> SendResult:
        await send(self, stored)
        return SendResult(delivered=False, reason="no response in time")

    with monkeypatch.context() as patched:
        patched.setattr(Channel, "send", send_without_response)
        await environment.open(*NAMES)
    assert environment.open_states() == [True]
    environment.outbox.put(*(environment.next_state(stored, over=True) for stored in environment.outbox.incidents()))
    # Still within the pause: nothing is sent yet, and nothing may be forgotten.
    await environment.deliver_now()
    await environment.deliver()
    assert environment.open_states() == [False]


async def test_a_new_password_is_the_same_channel(environment: RouteEnvironment) -> None:
    # Keys change every few months. Alerts that were opened with the old key are closed with the new one.
    await environment.open(*NAMES)
    (open_states,) = environment.open_states()
    assert open_states
    url = environment.outbox.secrets[environment.to]["urls"]
    environment.outbox.secrets[environment.to] = {"urls": _other_password(url)}
    await environment.follow_up(*NAMES[:2])
    assert environment.open_states() == [True]
    await environment.follow_up(*NAMES[2:])
    assert environment.open_states() == [False]


def _other_password(url: str) -> str:
    for old, new in (("s3cret", "s3cret2"), ("APIKEY", "APIKEY2"), ("a1b2c3d4", "b1b2c3d4")):
        if old in url:
            return url.replace(old, new)
    raise AssertionError(url)


async def test_two_routes_to_one_channel_close_their_own_alerts(environment: RouteEnvironment) -> None:
    # One route sends four incidents at once, the other one of them alone: two alerts, and both are closed.
    other = route("team", namespace="team-web")
    environment.outbox.put(other)
    environment.outbox.secrets[other.key] = dict(environment.outbox.secrets[environment.to])
    delivered_keys = DeliveredKeys()
    both = {
        key: Dispatcher(environment.outbox, environment.clock, delivered_keys, allow_local=True)
        for key in (environment.to, other.key)
    }
    environment.outbox.put(*(incident(f"db-{number}", namespace="team-db") for number in range(3)), incident("web-1"))
    for step in ("team-none", "team-db", "team-web"):
        ended = [stored for stored in environment.outbox.incidents() if stored.metadata.namespace == step]
        environment.outbox.put(*(environment.next_state(stored, over=True) for stored in ended))
        for key, dispatcher in both.items():
            environment.clock.advance(seconds=30)
            stored_route = environment.outbox.stored_routes[key]
            await dispatcher.deliver(
                stored_route,
                pending_deliveries(stored_route, environment.outbox.incidents(), OPERATOR, environment.clock()),
            )
        assert environment.open_states() == [step != "team-web"] * 2
