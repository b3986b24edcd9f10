"""Dead man's switches: called while everything is watched, and only then; the URL stays a secret."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from nsg_baseline.alerts import loop
from nsg_baseline.alerts.channels import SENDER, Permissions
from nsg_baseline.alerts.dead_man_switch import DeadManSwitches
from nsg_baseline.alerts.switch_urls import MAX_URLS, parse_switches
from tests.support.alerts import OPERATOR, Clock, MemoryOutbox, route
from tests.support.sends import Listener
from tests.support.watches import GOOD, LOST, MemoryWatch

TOKEN = "0a1b2c3d-T0K3N"


@dataclass(slots=True)
class Environment:
    """A route with a switch in the operator's namespace. `seconds` is the monotonic clock."""

    urls: str
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    clock: Clock = field(default_factory=Clock)
    watch: MemoryWatch = field(default_factory=MemoryWatch)
    seconds: float = 1000.0
    switches: DeadManSwitches = field(init=False)

    def __post_init__(self) -> None:
        self.put(OPERATOR)
        self.outbox.secrets[OPERATOR, "switch"] = {"urls": self.urls}
        self.use(local=True)

    def put(self, namespace: str, *, suspend: bool = False) -> None:
        beat = {"urlsFrom": {"name": "switch", "key": "urls"}}
        self.outbox.put(route(namespace=namespace, heartbeat=beat, suspend=suspend))

    def use(self, *, local: bool) -> None:
        allowed = Permissions(OPERATOR, is_operator=True, local=local, private=True)
        self.switches = DeadManSwitches(self.outbox, self.watch, self.clock, allowed, lambda: self.seconds)

    async def call(self) -> None:
        await self.switches.call_all()

    def advance(self, seconds: float) -> None:
        """Let time pass, in which all scopes are reconciled again."""
        self.seconds += seconds
        self.clock.advance(seconds=seconds)
        self.watch.advance(seconds=seconds)

    @property
    def state(self) -> tuple[str, str]:
        condition = self.switches.conditions[route().key]
        return condition.reason, condition.message


@pytest.fixture(autouse=True)
def _end_of_the_sender() -> Iterator[None]:
    yield
    SENDER.close()


@pytest.fixture
def environment(listener: Listener) -> Environment:
    return Environment(f"# healthchecks\nhttp://127.0.0.1:{listener.port}/ping/{TOKEN}?a=b\n")


async def test_a_switch_is_called_after_good_reconciles_at_most_once_a_minute(
    environment: Environment, listener: Listener
) -> None:
    await environment.call()
    environment.advance(59)
    await environment.call()
    assert listener.requests == [f"GET /ping/{TOKEN}?a=b "]
    environment.advance(1)
    await environment.call()
    assert len(listener.requests) == 2
    assert environment.state[0] == "Beating"
    # Without a reconcile since the last call there is nothing to report, however much time has passed.
    environment.seconds += 300
    await environment.call()
    assert len(listener.requests) == 2


async def test_a_switch_is_not_called_unless_all_scopes_are_good(environment: Environment, listener: Listener) -> None:
    late = replace(GOOD, succeeded_at=GOOD.succeeded_at and GOOD.succeeded_at - timedelta(minutes=13))
    for bad in (LOST, late, replace(GOOD, is_good=False)):
        environment.watch.current = (GOOD, bad)
        await environment.call()
        assert environment.state[0] == "ScopeNotReady"
        assert environment.state[1].startswith("the dead man's switches are not called: scope production is not ")
    environment.watch.current = ()
    await environment.call()
    assert environment.state == ("ScopeNotReady", "the dead man's switches are not called: there is no scope")
    assert listener.requests == []


async def test_after_a_start_the_first_reconciles_are_awaited(environment: Environment, listener: Listener) -> None:
    # Each restart would otherwise change the condition twice.
    environment.watch.current = (GOOD, replace(GOOD, name="new", has_ended=False))
    await environment.call()
    assert environment.switches.conditions == {}
    environment.advance(600)
    await environment.call()
    assert environment.state[0] == "ScopeNotReady"
    assert listener.requests == []


async def test_a_failed_call_is_a_condition_without_the_url(environment: Environment, listener: Listener) -> None:
    with capture_logs() as logs:
        listener.status = 404
        await environment.call()
        assert environment.state == (
            "CallFailed",
            "Secret switch, key urls, line 2: refused or unavailable, status 404",
        )
        environment.advance(60)
        # A redirect could lead anywhere.
        listener.redirect = f"http://127.0.0.1:{listener.port}/elsewhere"
        await environment.call()
        assert "status 307" in environment.state[1]
        environment.advance(60)
        listener.redirect, listener.status = "", 200
        await environment.call()
    assert environment.state[0] == "Beating"
    assert [request.partition("?")[0] for request in listener.requests] == [f"GET /ping/{TOKEN}"] * 3
    assert TOKEN not in f"{logs} {environment.state}"


async def test_the_egress_guard_applies_to_a_switch(environment: Environment, listener: Listener) -> None:
    environment.use(local=False)
    await environment.call()
    assert environment.state[0] == "CallFailed"
    assert "its address belongs to the pod or to the cloud's metadata service" in environment.state[1]
    assert listener.requests == []


async def test_only_routes_of_the_operators_namespace_that_are_not_suspended_have_switches(
    environment: Environment, listener: Listener
) -> None:
    environment.put(OPERATOR, suspend=True)
    environment.put("team-web")
    environment.outbox.secrets["team-web", "switch"] = {"urls": environment.urls}
    await environment.call()
    assert listener.requests == []
    assert environment.switches.conditions == {}


async def test_an_alertmanager_gets_an_alert_that_is_always_active(listener: Listener) -> None:
    environment = Environment(f"alertmanager://127.0.0.1:{listener.port}")
    listener.content = b"[]"
    await environment.call()
    (post,) = [request for request in listener.requests if request.startswith("POST ")]
    _, path, body = post.split(" ", 2)
    assert path == "/api/v2/alerts"
    (alert,) = json.loads(body)
    assert alert["labels"] == {"alertname": "NSGWatchdog", "severity": "none"}
    # Three intervals and five minutes: a missed call must not resolve it.
    assert alert["endsAt"] == (environment.clock() + timedelta(minutes=8)).isoformat()
    assert environment.state[0] == "Beating"


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (None, "SecretNotFound"),
        ({"other": ""}, "KeyNotFound"),
        ({"urls": "#\n"}, "InvalidURL"),
        ({"urls": "x"}, "InvalidURL"),
    ],
)
async def test_an_unusable_secret_is_a_condition(
    environment: Environment, texts: dict[str, str] | None, reason: str
) -> None:
    environment.outbox.secrets.clear()
    if texts is not None:
        environment.outbox.secrets[OPERATOR, "switch"] = texts
    await environment.call()
    assert environment.state[0] == reason


@pytest.mark.parametrize(
    "line",
    [
        "file:///etc/passwd",
        "ftp://example.com/a",
        f"json://example.com/{TOKEN}",
        f"https://exa mple.com/{TOKEN}",
        f"https:///{TOKEN}",
        f"https://example.com:99999/{TOKEN}",
        f"https://[::1/{TOKEN}",
        f"https://example.com/{TOKEN}" + "a" * 2048,
        TOKEN,
    ],
)
def test_other_urls_are_refused_without_a_part_of_them(line: str) -> None:
    urls, errors = parse_switches(line)
    assert urls == []
    assert len(errors) == 1
    assert TOKEN not in str(errors)
    assert "mple" not in str(errors)


def test_the_number_of_urls_is_limited() -> None:
    urls, errors = parse_switches("https://example.com/a\n" * (MAX_URLS + 3))
    assert len(urls) == MAX_URLS
    assert [error.line for error in errors] == [MAX_URLS + 1]


async def test_the_loop_calls_when_a_reconcile_ends_and_stores_the_condition(
    environment: Environment, listener: Listener
) -> None:
    outbox, watch = environment.outbox, environment.watch
    running = asyncio.create_task(loop.run(outbox, OPERATOR, environment.clock, allow_local=True, watch=watch))
    async with asyncio.timeout(60):
        while _reason(outbox) != "Beating":
            watch.ended.set()
            outbox.put(outbox.stored_routes[route().key])
            outbox.reported.clear()
            await outbox.reported.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert len(listener.requests) == 1


def _reason(outbox: MemoryOutbox) -> str:
    conditions = outbox.stored_routes[route().key].status.conditions
    return {condition.type: condition.reason for condition in conditions}.get("Heartbeat", "")
