"""The client of the queue against Azurite: what each of its failures is, and that no message is lost in a move."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from nsg_baseline.azure.client import new_session
from nsg_baseline.azure.clouds import CLOUDS, custom_cloud
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.event_queue import EventQueue
from tests.cluster.azurite import Azurite, StorageCredential

pytestmark = pytest.mark.cluster
LOCAL = custom_cloud(CLOUDS["AzurePublic"], "https://127.0.0.1:1", None)


@asynccontextmanager
async def opened(
    azurite: Azurite,
    monkeypatch: pytest.MonkeyPatch,
    queue: str = "events",
    audience: str = "https://storage.azure.com",
) -> AsyncIterator[EventQueue]:
    monkeypatch.setenv("SSL_CERT_FILE", str(azurite.ca_file))
    async with new_session() as session:
        yield EventQueue(azurite.queue_url(queue), LOCAL, StorageCredential(audience), session)


async def test_messages_are_received_moved_and_deleted(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    await azurite.create("events")
    async with azurite.client("events") as client, opened(azurite, monkeypatch) as queue:
        assert await queue.receive() == []
        for number in range(40):
            await client.send_message(f"<&> {number}")
        received = await queue.receive()
        assert [message.content for message in received] == [f"<&> {number}" for number in range(32)]
        assert {message.dequeue_count for message in received} == {1}
        for message in received[2:]:
            await queue.delete(message)
        await queue.set_aside(received[0])
        assert len(await queue.peek()) == 8
        again = await queue.receive()
        assert len(again) == 8
        assert await azurite.contents("events-poison") == ["<&> 0"]
        await queue.delete(again[0])
        await queue.delete(again[0])
        sent = await queue.send("test")
        assert await queue.peek() == [sent.id]
    # One message of the first batch was neither moved nor deleted, and one of the second was deleted.
    assert await azurite.length("events") == 9


async def test_a_queue_that_does_not_exist_is_not_empty(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    # A typing mistake in the URL must be reported.
    async with opened(azurite, monkeypatch, "missing") as queue:
        with pytest.raises(AzureError) as caught:
            await queue.receive()
    assert caught.value.reason == "NotFound"


async def test_a_message_stays_if_there_is_no_poison_queue(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    async with azurite.client("alone") as client, opened(azurite, monkeypatch, "alone") as queue:
        await client.create_queue()
        await client.send_message("text")
        (message,) = await queue.receive()
        with pytest.raises(AzureError):
            await queue.set_aside(message)
    assert await azurite.length("alone") == 1


async def test_a_refused_token_and_a_stopped_service_are_failures(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    await azurite.create("events")
    async with opened(azurite, monkeypatch, audience="https://management.azure.com") as queue:
        with pytest.raises(AzureError) as caught:
            await queue.receive()
    assert caught.value.reason in ("Unauthenticated", "Forbidden")
    await asyncio.to_thread(azurite.stop)
    async with opened(azurite, monkeypatch) as queue:
        with pytest.raises(AzureError) as caught:
            await queue.receive()
    assert caught.value.reason == "Unreachable"
