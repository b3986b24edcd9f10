"""Webhooks: an id that repeats share, a signature that the receiver can verify, own headers, and CloudEvents."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from nsg_baseline.alerts.channels import Permissions
from nsg_baseline.alerts.resolving import resolve_channels
from nsg_baseline.alerts.sender.signature import message_id
from tests.support.alert_scenarios import SCENARIOS
from tests.support.sends import Listener

MESSAGE = SCENARIOS["opened"]
LOCAL = Permissions(local=True)
SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def verified(headers: dict[str, str], body: str, key: bytes) -> bool:
    """Verify a request as a receiver does."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return headers["webhook-signature"] == f"v1,{digest}"


@pytest.mark.parametrize("scheme", ["json", "cloudevent"])
@pytest.mark.parametrize("secret", [SECRET, f"whsec_{SECRET}"])
async def test_a_signed_webhook_can_be_verified(listener: Listener, scheme: str, secret: str) -> None:
    # Without a signature, everybody who knows the address can open and close incidents.
    url = f"{scheme}://127.0.0.1:{listener.port}/a?hmac={secret}&+X-Team=network"
    (channel,), errors = await resolve_channels(url, LOCAL)
    assert errors == []
    assert (await channel.send(MESSAGE)).delivered
    (headers,), body = listener.headers_seen, listener.requests[0].split(" ", 2)[2]
    key = base64.b64decode(SECRET) if secret.startswith("whsec_") else SECRET.encode()
    assert verified(headers, body, key)
    assert not verified(headers, body + " ", key)
    assert headers["X-Team"] == "network"
    assert secret not in listener.requests[0]


async def test_repeats_have_one_id_and_other_messages_another(listener: Listener) -> None:
    (channel,), _ = await resolve_channels(f"json://127.0.0.1:{listener.port}/a", LOCAL)
    for message in (MESSAGE, MESSAGE, replace(MESSAGE, key="another")):
        assert (await channel.send(message)).delivered
    first, again, other = (headers["Idempotency-Key"] for headers in listener.headers_seen)
    assert first == again == f'"{message_id(MESSAGE.thread, MESSAGE.key)}"'
    assert other != first
    assert "webhook-signature" not in listener.headers_seen[0]


async def test_a_cloud_event_has_the_attributes_of_version_1(listener: Listener) -> None:
    (channel,), _ = await resolve_channels(f"cloudevent://user:pass@127.0.0.1:{listener.port}/events", LOCAL)
    assert (await channel.send(MESSAGE)).delivered
    event = json.loads(listener.requests[0].split(" ", 2)[2])
    assert listener.requests[0].startswith("POST /events ")
    assert listener.headers_seen[0]["Content-Type"].startswith("application/cloudevents+json")
    assert listener.headers_seen[0]["Authorization"].startswith("Basic ")
    assert event["specversion"] == "1.0"
    assert event["type"] == "io.nsg-baseline.incident.opened.v1"
    assert event["subject"] == MESSAGE.thread
    assert event["id"] == message_id(MESSAGE.thread, MESSAGE.key)
    assert event["data"]["alert"]["schema"] == "nsg-baseline.io/alert/v1"
    assert event["data"]["title"] == MESSAGE.title
    assert {name for name in event if not name.isalnum() or not name.islower()} == set()
