"""The daily message: silence must not look like calm, and calm must not be told twice."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.formats import as_mail, as_slack, as_sms, as_teams, plain
from nsg_baseline.alerts.heartbeat import heartbeat_message, last_due, next_due
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.watch import problem
from nsg_baseline.api.route import NSGAlertRoute
from tests.support.alert_scenarios import OPEN
from tests.support.alerts import OPERATOR, START, Clock, MemoryOutbox, incident, route
from tests.support.chats import Chats
from tests.support.golden import compare
from tests.support.watches import GOOD, LOST, OTHERS, MemoryWatch

GOLDEN = Path(__file__).parent / "golden" / "heartbeat.txt"
DUE = START.replace(hour=8)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-01T07:59:59", "2026-02-28T08:00:00"),
        ("2026-03-01T08:00:00", "2026-03-01T08:00:00"),
        ("2026-03-01T23:59:59", "2026-03-01T08:00:00"),
        ("2026-03-02T00:00:00", "2026-03-01T08:00:00"),
    ],
)
def test_the_last_due_time_is_the_latest_one_that_has_passed(now: str, due: str) -> None:
    moment, expected = (datetime.fromisoformat(f"{text}+00:00") for text in (now, due))
    assert last_due("08:00", moment) == expected
    assert next_due("08:00", moment) == expected + timedelta(days=1)


def _messages() -> dict[str, AlertMessage]:
    opened = [incident(**OPEN), incident("web-2", severity="low"), incident("old", state="Resolved")]
    name = f"{OPERATOR}/chat"
    good = tuple(replace(scope, succeeded_at=DUE) for scope in (GOOD, *OTHERS))
    hidden = replace(LOST, name="evil\u202e\n", message="**no** [a](http://b) <c> & `d`")
    stale = replace(GOOD, name="staging", succeeded_at=DUE - timedelta(hours=2))
    return {
        "calm": heartbeat_message(name, DUE, good, [], DUE),
        "incidents": heartbeat_message(name, DUE, good, opened, DUE),
        "late": heartbeat_message(name, DUE - timedelta(hours=3), good, [], DUE),
        "one-lost": heartbeat_message(name, DUE, (LOST, *good[1:]), opened, DUE),
        "hostile-and-stale": heartbeat_message(name, DUE, (hidden, stale), [], DUE),
        "nothing-watched": heartbeat_message(name, DUE, (), [], DUE),
    }


def test_the_daily_message_in_each_form() -> None:
    texts = []
    for name, message in _messages().items():
        texts += [f"# {name}, {message.level}", message.title, "", plain(message), ""]
        texts += [
            f"SMS: {as_sms(message).body}",
            f"Slack: {as_slack(message).body}",
            f"Teams: {as_teams(message).body}",
        ]
        texts += [f"Mail: {as_mail(message).body}", f"JSON: {json.dumps(message.payload, indent=1)}", ""]
    compare(GOLDEN, "\n".join(texts))


def test_a_scope_is_watched_only_if_its_last_reconcile_was_good_and_recent() -> None:
    # "All readable" while a loop hangs would be the worst message of all.
    assert problem(GOOD, START + timedelta(minutes=12)) == ""
    assert problem(GOOD, START + timedelta(minutes=12, seconds=1)).startswith("not read since")
    assert problem(replace(GOOD, is_good=False), START).startswith("not all NSGs judged since")
    assert problem(replace(GOOD, is_good=False, succeeded_at=None), START).startswith("not read completely")
    assert problem(replace(GOOD, has_ended=False), START) == "not read since the operator started"
    assert problem(LOST, START).startswith("not readable since 2026-02-28T22:00:00Z: Forbidden: ")


@dataclass(slots=True)
class Environment:
    """A route with a daily message at 08:00, and a chat that receives it. It is 03:00."""

    chats: Chats
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    clock: Clock = field(default_factory=Clock)
    watch: MemoryWatch = field(default_factory=MemoryWatch)
    namespace: str = OPERATOR
    dispatcher: Dispatcher = field(init=False)

    def __post_init__(self) -> None:
        self.put("a")
        self.restart()

    def put(self, *chats: str, at: str = "08:00") -> None:
        to = route(namespace=self.namespace, heartbeat={"at": at})
        stored = self.outbox.stored_routes.get(to.key)
        self.outbox.put(to if stored is None else to.model_copy(update={"status": stored.status}))
        self.outbox.secrets[to.key] = self.chats.urls(*chats)

    def restart(self) -> None:
        watch = self.watch if self.namespace == OPERATOR else None
        self.dispatcher = Dispatcher(
            self.outbox, self.clock, allow_local=True, operator_namespace=OPERATOR, watch=watch
        )

    async def deliver_at(self, **units: int) -> list[str]:
        """Deliver at a time of this day, and return the new titles."""
        self.clock.now = self.clock.now.replace(**units)  # type: ignore[arg-type]  # hours and minutes
        self.watch.current = tuple(replace(scope, succeeded_at=self.clock.now) for scope in self.watch.current)
        before = len(self.chats.messages)
        await self.dispatcher.deliver(self.stored, [])
        return [f"{chat}: {title}" for chat, title in self.chats.messages[before:]]

    @property
    def stored(self) -> NSGAlertRoute:
        return self.outbox.stored_routes[self.namespace, "chat"]

    @property
    def reason(self) -> str:
        conditions = {condition.type: condition.reason for condition in self.stored.status.conditions}
        return conditions["Heartbeat"]


CALM = "a: Heartbeat: watching 3 scopes, 512 NSGs, all readable; 0 incidents open"


async def test_each_day_has_one_message_over_restarts_and_new_times(chats: Chats) -> None:
    environment = Environment(chats)
    environment.clock.now -= timedelta(days=1)
    assert await environment.deliver_at(hour=9) == [CALM]
    environment.clock.now += timedelta(days=1)
    assert await environment.deliver_at(hour=7) == []
    assert environment.dispatcher.next_try() == environment.clock.now.replace(hour=8)
    assert await environment.deliver_at(hour=8) == [CALM]
    assert environment.reason == "Beating"
    for restarted in (False, True):
        if restarted:
            environment.restart()
        assert await environment.deliver_at(hour=8, minute=1 + restarted) == []
    # Another time on the same day is not another message.
    environment.put("a", at="12:00")
    assert await environment.deliver_at(hour=12) == []
    environment.clock.now += timedelta(days=1)
    assert await environment.deliver_at(hour=12) == [CALM]


async def test_a_message_that_was_due_during_an_outage_is_sent_late(chats: Chats) -> None:
    environment = Environment(chats)
    await environment.deliver_at(hour=7)
    environment.outbox.secrets.clear()
    assert await environment.deliver_at(hour=8) == []
    environment.put("a")
    environment.restart()
    assert await environment.deliver_at(hour=20) == [CALM]
    assert "This message is late: it was due at 2026-03-01T08:00:00Z" in chats.bodies[-1][1]["message"]


async def test_a_broken_channel_repeats_nothing_to_the_others_and_is_visible(chats: Chats) -> None:
    environment = Environment(chats)
    environment.put("a", "b")
    chats.answers["b"] = 500
    assert sorted(await environment.deliver_at(hour=8)) == [CALM, CALM.replace("a", "b", 1)]
    assert environment.reason == "Undelivered"
    environment.restart()
    assert await environment.deliver_at(hour=8, minute=20) == [CALM.replace("a", "b", 1)]
    chats.answers.clear()
    assert await environment.deliver_at(hour=8, minute=40) == [CALM.replace("a", "b", 1)]
    assert await environment.deliver_at(hour=8, minute=59) == []
    assert environment.reason == "Beating"
    keys = {body["key"] for _, body in chats.bodies}
    assert keys == {f"heartbeat {OPERATOR}/chat 2026-03-01"}


async def test_a_message_does_not_report_readings_of_another_process(chats: Chats) -> None:
    # A new leader at 08:00 knows only what the last one stored, possibly hours ago.
    environment = Environment(chats)
    environment.watch.current = (GOOD, replace(OTHERS[0], has_ended=False))
    environment.clock.now = environment.clock.now.replace(hour=8)
    environment.restart()
    assert await environment.deliver_at(minute=9, second=59) == []
    (title,) = await environment.deliver_at(minute=10, second=0)
    assert title == "a: Heartbeat: 1 of 2 scopes NOT watched (staging); 500 NSGs last read; 0 incidents open"


async def test_a_pager_is_not_called_each_day(chats: Chats) -> None:
    environment = Environment(chats)
    pager = {"urls": "opsgenie://a1b2c3d4-0000-0000-0000-000000000000\nalertmanager://127.0.0.1:1"}
    environment.outbox.secrets[environment.stored.key] = pager
    assert await environment.deliver_at(hour=8) == []
    assert environment.reason == "NoChannels"


async def test_a_tenant_does_not_learn_the_scopes_of_the_cluster(chats: Chats) -> None:
    environment = Environment(chats, namespace="team-web")
    assert await environment.deliver_at(hour=8) == []
    assert environment.reason == "NotAllowed"
