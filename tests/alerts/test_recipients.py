"""Recipients of one URL: each is a channel, so that a broken one neither delays nor repeats messages to the others."""

import json
from collections.abc import AsyncIterator, Iterator

import pytest

from nsg_baseline.alerts import channels as shared
from nsg_baseline.alerts.channels import Permissions
from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.pending import pending_deliveries
from nsg_baseline.alerts.resolving import resolve_channels
from nsg_baseline.alerts.sender.client import Sender
from nsg_baseline.alerts.sender.protocol import Describe
from tests.support.alert_scenarios import SCENARIOS
from tests.support.alerts import OPERATOR, Clock, MemoryOutbox, incident, route
from tests.support.providers import Providers, providers
from tests.support.sends import Listener

MESSAGE = SCENARIOS["opened"]


@pytest.fixture(autouse=True)
def sender(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    sender = Sender()
    monkeypatch.setattr(shared, "SENDER", sender)
    yield sender
    sender.close()


def topics(listener: Listener) -> list[str]:
    return [json.loads(request.split(" ", 2)[2])["topic"] for request in listener.requests]


async def test_a_broken_recipient_does_not_repeat_the_message_to_the_others(listener: Listener) -> None:
    # One number that is gone sent the message again and again to everybody, for a day.
    listener.refused = '"topic": "broken"'
    outbox, clock, to = MemoryOutbox(), Clock(), route()
    outbox.put(to, incident())
    outbox.secrets[to.key] = {"urls": f"ntfy://127.0.0.1:{listener.port}/jo/broken/al"}
    dispatcher = Dispatcher(outbox, clock, allow_local=True)
    for _ in range(3):
        stored = outbox.stored_routes[to.key]
        await dispatcher.deliver(stored, pending_deliveries(stored, outbox.incidents(), OPERATOR, clock()))
        clock.advance(minutes=20)
    assert sorted(topics(listener)) == ["al", "broken", "broken", "broken", "jo"]
    assert outbox.stored_routes[to.key].status.channels == 3
    recorded = outbox.delivery(incident(), to)
    assert recorded is not None
    assert len(recorded.pending_channels or {}) == 1
    # Two broken recipients are in one line.
    listener.refused = "topic"
    outbox.put(incident("web-2"))
    stored = outbox.stored_routes[to.key]
    await dispatcher.deliver(stored, pending_deliveries(stored, outbox.incidents(), OPERATOR, clock()))
    assert "not delivered to line 1 of the Secret" in outbox.condition(to).message


async def test_recipients_keep_their_identity_and_do_not_share_it_with_other_urls() -> None:
    first, _ = await resolve_channels("mailto://u:p@example.com?to=a@example.com,b@example.com")
    again, _ = await resolve_channels("# moved\nmailto://u:p@example.com?to=a@example.com,b@example.com")
    other, _ = await resolve_channels("mailto://u:q@example.com?to=a@example.com,b@example.com")
    assert [channel.id for channel in first] == [channel.id for channel in again]
    assert len({channel.id for channel in [*first, *other]}) == 4


async def test_a_key_changes_the_stored_identity_and_is_not_shown() -> None:
    # A reader of the status could otherwise verify a guess of a URL, such as that of a relay without a password.
    url = "mailto://relay.example.com?from=a@example.com&to=b@example.com"
    (plain,), _ = await resolve_channels(url)
    permissions = Permissions(key=b"c4n4ry c4n4ry c4n4ry")
    (keyed,), _ = await resolve_channels(url, permissions)
    (again,), _ = await resolve_channels(url, permissions)
    assert plain.id != keyed.id == again.id
    assert "c4n4ry" not in repr(permissions)


@pytest.fixture
async def internet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Providers]:
    async with providers(monkeypatch) as servers:
        yield servers


async def test_only_one_of_several_mails_has_the_copies(internet: Providers) -> None:
    # A carbon copy of each would be one copy for each recipient.
    url = "sendgrid://abcd:user@example.com/newuser1@example.com/newuser2@example.com?bcc=all@example.com"
    channels, errors = await resolve_channels(url, Permissions(local=True))
    assert errors == []
    for channel in channels:
        assert (await channel.send(MESSAGE)).delivered
    bodies = [str(request.body) for request in internet.requests]
    assert [body.count("all@example.com") for body in bodies] == [1, 0]
    assert sorted(body.count("newuser1@example.com") for body in bodies) == [0, 1]


async def test_an_alert_for_several_teams_is_one_alert() -> None:
    # Divided, it would be an alert for each.
    channels, _ = await resolve_channels("opsgenie://apikey/%23team/@user")
    assert len(channels) == 1


async def test_a_line_without_a_description_is_sent_to_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise a lack of memory would lose its messages: what is recorded for the other lines is not sent again.
    monkeypatch.setattr(shared, "SENDER", Sender(command=("/does/not/exist",)))
    channels, errors = await resolve_channels("pover://user@token/tablet,phone")
    assert (len(channels), errors) == (1, [])


async def test_a_description_makes_no_request(sender: Sender, listener: Listener) -> None:
    urls = tuple((scheme, f"{scheme}://127.0.0.1:{listener.port}/a") for scheme in ("json", "matrix", "bluesky"))
    async with sender.turn("team-web", is_operator=False) as turn:
        assert len(await turn.describe(Describe(urls, 120))) == 3
    assert listener.requests == []
