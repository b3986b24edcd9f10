"""Tickets: one for each incident, from opening to solution, in spite of repeats and lost responses."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nsg_baseline.alerts.channels import Channel, parse_channels
from nsg_baseline.alerts.message import alert_message
from nsg_baseline.alerts.pending import PendingDelivery
from tests.support.alert_scenarios import SCENARIOS
from tests.support.alerts import incident
from tests.support.golden import compare
from tests.support.tickets import Desk, desk

OVER = {"servicenow": "6", "zendesk": "solved"}
STATE = {"servicenow": "state", "zendesk": "status"}
EVENTS = ("opened", "blocked", "remediated", "resolved")
REVISIONS = {"opened": 1, "blocked": 2, "remediated": 3, "resolved": 4}


@pytest.fixture
async def tickets() -> AsyncIterator[Desk]:
    async with desk() as server:
        yield server


@pytest.fixture(params=["servicenow", "zendesk"])
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def channel(service: str, at: Desk, more: str = "") -> Channel:
    url = f"{service}://jo%40example.com:s3cret@127.0.0.1:{at.port}?secure=no{more}"
    return parse_channels(url, allow_local=True)[0][0]


async def send(to: Channel, name: str) -> bool:
    message = replace(SCENARIOS[name], key=f"incident team-web/web-1 revision {REVISIONS[name]}")
    return (await to.send(message)).delivered


async def test_one_ticket_from_opening_to_solution(service: str, tickets: Desk) -> None:
    # Four messages, one ticket. The solution is the last comment.
    for name in EVENTS:
        assert await send(channel(service, tickets), name)
    (ticket,) = tickets.tickets.values()
    assert ticket[STATE[service]] == OVER[service]
    comments = [body for _, body in tickets.comments]
    assert "TooManyChanges" in "".join(comments)
    assert "undone in Azure" in comments[-1]


async def test_each_ticketing_service_receives_the_notifications(service: str, tickets: Desk) -> None:
    texts = []
    for name, message in SCENARIOS.items():
        tickets.requests.clear()
        assert (await channel(service, tickets).send(message)).delivered
        requests = [{"request": f"{method} {path}", "body": body} for method, path, body in tickets.requests]
        texts += [f"# {name}", json.dumps(requests, indent=1, ensure_ascii=False), ""]
    compare(Path(__file__).parent / "golden" / f"{service}.txt", "\n".join(texts))


async def test_a_message_repeated_after_a_kill_is_ignored(service: str, tickets: Desk) -> None:
    # A message that was sent but not recorded is sent again by the next process. The ticket must not show it twice.
    for name in EVENTS:
        assert await send(channel(service, tickets), name)
        before = list(tickets.comments)
        assert await send(channel(service, tickets), name)
        assert tickets.comments == before
    assert len(tickets.tickets) == 1


async def test_a_lost_response_creates_no_second_ticket(service: str, tickets: Desk) -> None:
    # The ticket was written and the response lost. The next try must find the ticket.
    to = channel(service, tickets)
    for name in EVENTS:
        tickets.lost = 2
        while not await send(to, name):
            pass
    assert len(tickets.tickets) == 1
    assert next(iter(tickets.tickets.values()))[STATE[service]] == OVER[service]


async def test_an_incident_that_ended_before_its_notification_is_one_solved_ticket(service: str, tickets: Desk) -> None:
    assert await send(channel(service, tickets), "resolved")
    (ticket,) = tickets.tickets.values()
    assert ticket[STATE[service]] == OVER[service]


async def test_the_end_of_an_incident_does_not_reopen_a_closed_ticket(service: str, tickets: Desk) -> None:
    to = channel(service, tickets)
    await send(to, "opened")
    (ticket,) = tickets.tickets.values()
    ticket[STATE[service]] = "7" if service == "servicenow" else "closed"
    assert await send(to, "resolved")
    assert len(tickets.tickets) == 1


@pytest.mark.parametrize(
    ("severity", "urgency", "priority"), [("critical", "1", "urgent"), ("high", "1", "high"), ("low", "3", "low")]
)
async def test_severity_becomes_urgency_and_priority(
    service: str, tickets: Desk, severity: str, urgency: str, priority: str
) -> None:
    message = alert_message(PendingDelivery(incident(severity=severity), "Opened"))
    assert (await channel(service, tickets).send(message)).delivered
    (ticket,) = tickets.tickets.values()
    assert (ticket.get("urgency"), ticket.get("priority")) in ((urgency, None), (None, priority))


async def test_options_of_the_url_are_set_in_the_ticket(tickets: Desk) -> None:
    await send(channel("servicenow", tickets, "&assignment_group=Network&close_code=Fixed"), "opened")
    await send(channel("servicenow", tickets, "&assignment_group=Network&close_code=Fixed"), "resolved")
    (ticket,) = tickets.tickets.values()
    assert (ticket["assignment_group"], ticket["close_code"]) == ("Network", "Fixed")
    assert set(tickets.users) == {"jo@example.com"}
    tickets.tickets.clear()
    tickets.users.clear()
    await send(channel("zendesk", tickets, "&tags=network&group_id=42"), "opened")
    (ticket,) = tickets.tickets.values()
    assert ticket["group_id"] == 42
    assert "network" in ticket["tags"]
    # An API token signs in as Zendesk wants it.
    assert set(tickets.users) == {"jo@example.com/token"}
