"""A Storage Queue with the events of a subscription.

The queue's URL is in an NSGScope, which platform engineers write. Its host must belong to the cloud all the same: a
token for the storage of Azure must not leave Azure because of a typing mistake.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential

from nsg_baseline.azure.bounded_token import BoundedTransport
from nsg_baseline.azure.client import USER_AGENT, transport
from nsg_baseline.azure.clouds import Cloud
from nsg_baseline.azure.errors import AzureError, translate_errors

API_VERSION = "2025-11-05"
"""Pinned, because the newest version of the SDK may use one that a national cloud does not have yet."""
BATCH = 32
"""Messages of one request; the largest number that the service accepts."""
VISIBILITY_SECONDS = 60
"""Time until a message that was received and not deleted appears again.

To change it later would need the right to write messages, which the role of a message processor does not have.
"""
MAX_RESPONSE_BYTES = 8 * 1024 * 1024
"""A batch has at most 32 messages of 64 KiB, in XML."""
DEADLINE_SECONDS = 30.0
TEST_LIFETIME_SECONDS = 300
POISON_SUFFIX = "-poison"
_KEEP_FOR_EVER = -1
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A received message.

    Attributes:
        receipt: proves the reception that a deletion refers to. Each reception has another one.
        dequeue_count: how often the message was received.
    """

    id: str
    receipt: str
    content: str
    dequeue_count: int


class EventQueue:
    """Receives and deletes the messages of one queue. Every failure is an AzureError.

    Nothing is sent before the first request.

    Raises:
        AzureError: `InvalidQueue`, the URL leads away from the cloud.
    """

    def __init__(
        self, url: str, cloud: Cloud, credential: AsyncTokenCredential, session: aiohttp.ClientSession
    ) -> None:
        host = urlsplit(url).hostname or ""
        if cloud.queue_hosts and not host.endswith(cloud.queue_hosts):
            raise AzureError("InvalidQueue", f"{host} is no host of a Storage Queue in this cloud")
        # A slow import that operators without events do not need.
        from azure.storage.queue.aio import QueueClient  # noqa: PLC0415

        def client(queue_url: str) -> QueueClient:
            return QueueClient.from_queue_url(
                queue_url,
                credential=credential,
                api_version=API_VERSION,
                transport=BoundedTransport(transport(session), MAX_RESPONSE_BYTES),
                user_agent=USER_AGENT,
                permit_redirects=False,
                retry_total=1,
            )

        self._queue, self._poison = client(url), client(url + POISON_SUFFIX)

    async def receive(self) -> list[QueueMessage]:
        """Receive up to `BATCH` messages. They are hidden from other receivers for `VISIBILITY_SECONDS`."""

        async def first_page() -> list[QueueMessage]:
            received = self._queue.receive_messages(
                messages_per_page=BATCH, max_messages=BATCH, visibility_timeout=VISIBILITY_SECONDS
            )
            return [
                QueueMessage(message.id, message.pop_receipt or "", message.content or "", message.dequeue_count or 1)
                async for message in received
            ]

        return await _within_limits(first_page())

    async def peek(self) -> list[str]:
        """Return the ids of the first messages without receiving them, at most `BATCH`."""
        return [message.id for message in await _within_limits(self._queue.peek_messages(max_messages=BATCH))]

    async def check_poison(self) -> None:
        """Look at a message of the queue of poison messages: raises if it does not exist or may not be read."""
        await _within_limits(self._poison.peek_messages(max_messages=1))

    async def send(self, content: str) -> QueueMessage:
        """Add a message, and return it as if it was received. It disappears after `TEST_LIFETIME_SECONDS`."""
        sent = await _within_limits(self._queue.send_message(content, time_to_live=TEST_LIFETIME_SECONDS))
        return QueueMessage(sent.id, sent.pop_receipt or "", content, 0)

    async def delete(self, message: QueueMessage) -> None:
        """Delete a message. Nothing happens if it is gone already."""
        try:
            await _within_limits(self._queue.delete_message(message.id, message.receipt))
        except AzureError as error:
            if error.reason != "NotFound":
                raise

    async def set_aside(self, message: QueueMessage) -> None:
        """Move a message to the queue of poison messages: copy it first, so that it is not lost in between."""
        await _within_limits(self._poison.send_message(message.content, time_to_live=_KEEP_FOR_EVER))
        await self.delete(message)


async def _within_limits(request: Awaitable[T]) -> T:
    with translate_errors():
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await request
        except TimeoutError as error:
            raise AzureError("Timeout", f"no complete response within {DEADLINE_SECONDS:g} s") from error
