"""The queue that tests use: tokens are required and checked, and messages come back as Azure Storage returns them."""

import asyncio

import pytest
from azure.core.exceptions import AzureError, ClientAuthenticationError

from tests.cluster.azurite import Azurite, StorageCredential

pytestmark = pytest.mark.cluster


async def test_a_message_is_received_until_it_is_deleted(azurite: Azurite) -> None:
    await azurite.create("nsg-events")
    async with azurite.client("nsg-events") as client:
        await client.send_message("eyJpZCI6MX0=")
        [first] = [message async for message in client.receive_messages(visibility_timeout=1)]
        assert (first.content, first.dequeue_count) == ("eyJpZCI6MX0=", 1)
        assert [await azurite.length("nsg-events"), await azurite.length("nsg-events-poison")] == [1, 0]
        await client.update_message(first, visibility_timeout=0)
        [again] = [message async for message in client.receive_messages()]
        assert again.dequeue_count == 2
        await client.delete_message(again)
    assert await azurite.length("nsg-events") == 0


async def test_a_token_of_another_audience_is_refused(azurite: Azurite) -> None:
    # Otherwise a test with this queue would not show that the operator requests the right token.
    await azurite.create("nsg-events")
    async with azurite.client("nsg-events", StorageCredential("https://management.azure.com")) as client:
        with pytest.raises(ClientAuthenticationError):
            await client.send_message("text")


async def test_a_stopped_service_refuses_connections_and_keeps_its_content(azurite: Azurite) -> None:
    url = await azurite.create("nsg-events")
    async with azurite.client("nsg-events") as client:
        await client.send_message("before")
        await asyncio.to_thread(azurite.stop)
        with pytest.raises(AzureError):
            await client.send_message("text", retry_total=0)
    await asyncio.to_thread(azurite.start)
    assert await azurite.create("nsg-events") == url
    assert await azurite.contents("nsg-events") == ["before"]
