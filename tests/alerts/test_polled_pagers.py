"""PagerDuty and Opsgenie are asked who acknowledged an alert; hostile answers acknowledge nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.alerts.acknowledgement_polls import AcknowledgementPolls
from nsg_baseline.alerts.channels import Permissions
from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.pending import pending_deliveries
from nsg_baseline.api.incident import Acknowledged, NSGIncident
from tests.support.acknowledgements import PAGERDUTY, ROUTE, at_second, delivered, written
from tests.support.alert_scenarios import OPEN
from tests.support.alerts import OPERATOR, START, Clock, MemoryOutbox, incident, route, stamp, with_deliveries
from tests.support.providers import Providers, providers

OPSGENIE = "opsgenie://a1b2c3d4-0000-0000-0000-000000000000/%23night-shift"


@pytest.fixture
async def internet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Providers]:
    async with providers(monkeypatch) as servers:
        yield servers


def pagerduty(at: str, by: Any = "Jo", kind: str = "user_reference", key: Any = None) -> dict[str, Any]:
    who = {"at": at, "acknowledger": {"id": "P1", "type": kind, "summary": by}}
    return {"incidents": [{"id": "Q1", "incident_key": key, "status": "acknowledged", "acknowledgements": [who]}]}


def opsgenie(created: str, milliseconds: Any, by: Any = "jo@example.com") -> dict[str, Any]:
    report = {"ackTime": milliseconds, "acknowledgedBy": by}
    alert = {"alias": "team-web.web-1", "status": "open", "acknowledged": True, "createdAt": created, "report": report}
    return {"data": [alert], "took": 0.1, "requestId": "r"}


def outbox_of(stored: NSGIncident, url: str = PAGERDUTY, **spec: Any) -> MemoryOutbox:
    outbox = MemoryOutbox()
    outbox.put(stored, route(**{"acknowledgements": "Poll", **spec}))
    outbox.secrets[OPERATOR, "chat"] = {"urls": url}
    return outbox


async def poll_once(internet: Providers, outbox: MemoryOutbox, answer: Any, *, local: bool = True) -> None:
    """Poll once, an hour after the start."""
    internet.answer = lambda _: answer if isinstance(answer, tuple) else (200, answer)
    allowed = Permissions(OPERATOR, is_operator=True, local=local)
    polls = AcknowledgementPolls(outbox, OPERATOR, Clock(START + timedelta(hours=1)), lambda _: allowed)
    await asyncio.gather(*polls.start())


async def sent(internet: Providers, outbox: MemoryOutbox) -> list[str]:
    """Send what is pending; return the actions of PagerDuty."""
    internet.requests.clear()
    internet.answer = lambda _: (202, {})
    clock = Clock(START + timedelta(hours=1))
    pending = pending_deliveries(route(), outbox.incidents(), OPERATOR, clock())
    await Dispatcher(outbox, clock, allow_local=True).deliver(route(), pending)
    return [request.body["event_action"] for request in internet.requests]


async def poll(internet: Providers, stored: NSGIncident, answer: Any, url: str = PAGERDUTY, **spec: Any) -> Any:
    """Poll once; return the acknowledgement that was written."""
    outbox = outbox_of(stored, url, **spec)
    await poll_once(internet, outbox, answer)
    return outbox.stored[stored.key].spec.acknowledged


async def test_an_acknowledgement_in_pagerduty_covers_the_revision_that_the_person_saw(internet: Providers) -> None:
    given: Acknowledged = await poll(internet, delivered(2, ("1", 5), ("2", 90)), pagerduty(at_second(60)))
    assert (given.by, given.revision) == ("Jo", 1)
    assert given.note == f"in PagerDuty at {at_second(60)}, through route {ROUTE}"
    (request,) = internet.requests
    assert request.url.startswith("https://api.pagerduty.com/incidents?incident_key=team-web%2Fweb-1&")
    assert request.headers["Authorization"] == "Token token=APIKEY"


async def test_an_acknowledgement_in_opsgenie_has_the_time_of_the_alert_and_its_delay(internet: Providers) -> None:
    stored = delivered(2, ("1", 5), ("2", 90))
    given: Acknowledged = await poll(internet, stored, opsgenie(at_second(10), 81_000), OPSGENIE)
    assert (given.by, given.revision) == ("jo@example.com", 2)
    assert "in Opsgenie at" in given.note


UNCLEAR = [
    (500, {}),
    (429, {}),
    (200, "not JSON"),
    (200, []),
    (200, {"incidents": "x" * (4 << 20)}),
    (200, {"incidents": {"a": 1}}),
    (200, {"incidents": [None, 1, {"status": "acknowledged", "acknowledgements": 7}]}),
    (200, pagerduty("yesterday")),
    (200, pagerduty("2026-03-01T03:01:00")),
    (200, pagerduty(at_second(60), by=7)),
    (200, pagerduty(at_second(60), by="  ")),
    (200, pagerduty(at_second(60), kind="service_reference")),
    (200, pagerduty(at_second(60), key="team-web/other-1")),
]


async def test_a_hostile_or_unclear_answer_acknowledges_nothing(internet: Providers) -> None:
    outbox = outbox_of(delivered(1, ("1", 5)))
    for answer in UNCLEAR:
        await poll_once(internet, outbox, answer)
        assert [item.spec.acknowledged for item in outbox.incidents()] == [None], answer
    assert len(internet.requests) == len(UNCLEAR)


async def test_nobody_is_asked_by_default_or_about_what_is_acknowledged(internet: Providers) -> None:
    answer = pagerduty(at_second(60))
    assert await poll(internet, delivered(1, ("1", 5)), answer, acknowledgements="Ignore") is None
    recorded = {"at": stamp(START), "by": "al", "revision": 1}
    await poll(internet, delivered(1, ("1", 5), acknowledgement=recorded, acknowledgedAt=stamp(START)), answer)
    await poll(internet, delivered(1, ("1", 5)), answer, suspend=True)
    ended = delivered(2, ("1", 5), state="Resolved", resolvedAt=stamp(START), resolution="Reverted")
    await poll(internet, ended, answer)
    assert internet.requests == []


async def test_half_a_surrogate_in_a_name_does_not_end_the_poll(internet: Providers) -> None:
    answer = json.dumps(pagerduty(at_second(60), by="Jo \ud800"))
    assert (await poll(internet, delivered(1, ("1", 5)), (200, answer))).by == "Jo \\ud800"


async def test_a_team_cannot_acknowledge_the_incident_of_another_team(internet: Providers) -> None:
    # Somebody who may write the status of an incident could claim that the route of another namespace has sent it.
    outbox = MemoryOutbox()
    stored = with_deliveries(incident(**OPEN), ("team-evil/pager", 1))
    outbox.put(stored, route("pager", "team-evil", acknowledgements="Poll"))
    outbox.secrets["team-evil", "pager"] = {"urls": PAGERDUTY}
    await poll_once(internet, outbox, pagerduty(at_second(60)))
    assert internet.requests == []
    assert outbox.stored[stored.key].spec.acknowledged is None


async def test_the_egress_guard_applies_to_polls(internet: Providers) -> None:
    outbox = outbox_of(delivered(1, ("1", 5)))
    await poll_once(internet, outbox, pagerduty(at_second(60)), local=False)
    assert internet.requests == []


async def test_a_change_that_was_sent_to_an_acknowledged_alert_opens_a_new_one(internet: Providers) -> None:
    # PagerDuty notifies nobody of an update of an acknowledged alert.
    seen = {"kind": "RuleCreated", "rule": "open-ssh", "severity": "medium", "appearedIn": 1, "acknowledged": True}
    unseen = {**seen, "rule": "open-rdp", "appearedIn": 2, "acknowledged": False}
    recorded = {"at": at_second(120), "by": "Jo", "revision": 1}
    status = {"events": ["Opened", "Updated"], "changes": [seen, unseen], "acknowledgement": recorded}
    given = Acknowledged(by="Jo", revision=1)
    outbox = outbox_of(written(delivered(2, ("1", 5), ("2", 90), **status), given))
    await poll_once(internet, outbox, pagerduty(at_second(60)))
    assert await sent(internet, outbox) == ["resolve", "trigger"]
    # The new alert is not acknowledged.
    await poll_once(internet, outbox, {"incidents": []})
    assert await sent(internet, outbox) == []
    (stored,) = outbox.incidents()
    assert stored.spec.acknowledged == given
