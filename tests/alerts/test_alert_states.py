"""Alerts for Alertmanager: stable labels, ends, and what is sent again so that Alertmanager does not forget it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.alerts.alert_states import ENDS_AFTER, RESOLVED_FOR, alert_states, to_refresh
from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.pending import pending_deliveries
from nsg_baseline.alerts.resolving import resolve_channels
from tests.support.alert_scenarios import DELIVERIES, SCENARIOS
from tests.support.alerts import OPERATOR, START, Clock, MemoryOutbox, incident, route, stamp, with_deliveries
from tests.support.golden import compare
from tests.support.sends import Listener

GOLDEN = Path(__file__).parent / "golden"
NOW = START + timedelta(hours=1)


def alert_of(now: Any = NOW, **status: Any) -> dict[str, Any]:
    (alert,) = alert_states([incident(**status)], now)
    return alert


def test_labels_identify_the_incident_and_do_not_change_with_it() -> None:
    # Another label would be another alert: the old one would stay open for an hour.
    before = alert_of()
    after = alert_of(revision=7, event="Updated", summary="RuleCreated other", changeCount=3, reopenCount=2)
    assert before["labels"] == after["labels"]
    assert all(before["labels"].values())


def test_an_open_alert_ends_later_and_a_resolved_one_has_ended() -> None:
    assert alert_of()["endsAt"] == stamp(NOW + ENDS_AFTER)
    ended = NOW - timedelta(minutes=5)
    assert alert_of(state="Resolved", resolvedAt=stamp(ended))["endsAt"] == stamp(ended)
    # A fast clock of another replica must not leave it open.
    assert alert_of(state="Resolved", resolvedAt=stamp(NOW + timedelta(hours=1)))["endsAt"] == stamp(NOW)
    # An end before the start is refused, and with it the whole request.
    early = alert_of(START - timedelta(hours=1), state="Resolved", resolvedAt=stamp(START))
    assert early["endsAt"] >= early["startsAt"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, True),
        ({"state": "Resolved", "resolvedAt": stamp(NOW - RESOLVED_FOR)}, True),
        ({"state": "Resolved", "resolvedAt": stamp(NOW - RESOLVED_FOR - timedelta(seconds=1))}, False),
    ],
)
def test_open_and_just_resolved_incidents_are_refreshed(status: dict[str, Any], *, expected: bool) -> None:
    to = route()
    delivered = with_deliveries(incident(**status), (f"{OPERATOR}/chat", 1))
    assert bool(to_refresh(to, "channel", [delivered], NOW)) is expected
    # One that the route has not been notified of, because of its severity for example, is not for this channel.
    assert to_refresh(to, "channel", [incident(**status)], NOW) == []


def test_the_alerts_of_each_notification_and_of_an_incident_from_its_begin_to_its_end() -> None:
    # What receivers of Alertmanager print and route by.
    later, end = stamp(START + timedelta(minutes=30)), stamp(START + timedelta(minutes=41))
    stages: dict[str, dict[str, Any]] = {
        "first stage": {},
        "second stage, escalated": {"severity": "critical", "revision": 2, "event": "Escalated", "updatedAt": later},
        "last stage": {
            "severity": "critical",
            "revision": 3,
            "event": "Resolved",
            "state": "Resolved",
            "resolvedAt": end,
            "updatedAt": end,
            "resolution": "Reverted",
        },
    }
    texts = [f"# {name}\n{json.dumps(alert_of(**status), indent=1)}\n" for name, status in stages.items()]
    for name, deliveries in DELIVERIES.items():
        alerts = alert_states([delivery.incident for delivery in deliveries[:2]], NOW)
        texts.append(f"# {name}\n{json.dumps(alerts, indent=1)}\n")
    compare(GOLDEN / "alertmanager.txt", "\n".join(texts))


def posts(listener: Listener) -> list[list[dict[str, Any]]]:
    return [json.loads(request.split(" ", 2)[2]) for request in listener.requests if request.startswith("POST")]


async def test_an_alert_is_sent_again_each_minute_until_a_while_after_its_end(listener: Listener) -> None:
    listener.content = b"[]"
    outbox, clock, to = MemoryOutbox(), Clock(), route()
    outbox.put(to, incident())
    outbox.secrets[to.key] = {"urls": f"alertmanager://127.0.0.1:{listener.port}/prefix"}
    dispatcher = Dispatcher(outbox, clock, allow_local=True)

    async def deliver() -> int:
        before = len(posts(listener))
        current = outbox.stored_routes[to.key]
        await dispatcher.deliver(current, pending_deliveries(current, outbox.incidents(), OPERATOR, clock()))
        return len(posts(listener)) - before

    assert await deliver() == 1
    clock.advance(minutes=1)
    assert await deliver() == 1
    assert dispatcher.next_try() == clock() + timedelta(minutes=1)
    assert await deliver() == 0
    assert any(request.startswith("POST /prefix/api/v2/alerts ") for request in listener.requests)
    (alert,) = posts(listener)[-1]
    assert alert["endsAt"] == stamp(clock() + ENDS_AFTER)


async def test_an_alert_with_another_severity_ends_and_those_of_others_do_not(listener: Listener) -> None:
    (mine,) = alert_states([incident(severity="medium")], NOW)
    other = {"labels": {**mine["labels"], "incident": "other-1"}}
    listener.content = json.dumps([mine, other]).encode()
    outbox, clock, to = MemoryOutbox(), Clock(), route()
    outbox.put(to, incident(severity="critical"))
    outbox.secrets[to.key] = {"urls": f"alertmanager://127.0.0.1:{listener.port}"}
    await Dispatcher(outbox, clock, allow_local=True).deliver(
        to, pending_deliveries(to, outbox.incidents(), OPERATOR, clock())
    )
    current, ended = posts(listener)[0]
    assert current["labels"]["severity"] == "critical"
    assert ended["labels"] == mine["labels"]
    # The time of the child: the clock of the test stands in the past.
    assert "startsAt" not in ended
    assert "endsAt" in ended


async def test_a_test_message_is_an_alert_and_names_of_labels_are_checked(listener: Listener) -> None:
    listener.content = b"[]"
    (channel,), errors = await resolve_channels(f"alertmanager://127.0.0.1:{listener.port}\nalertmanager://a?:a-b=c")
    assert [error.line for error in errors] == [2]
    assert not (await channel.send(SCENARIOS["opened"])).delivered  # a local address
    assert listener.requests == []
