"""A Storage Queue as the target of events, through its REST API."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import aiohttp

from nsg_emulator.arm import tokens
from nsg_emulator.arm.event_delivery import Target
from nsg_emulator.arm.settings import DEFAULT_TENANT

AUDIENCE = "https://storage.azure.com"
_VERSION = "2025-11-05"
_CLIENT_ID = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
"""The application id of Event Grid."""
_ACCEPTED = 201
_SECONDS = 30


@contextlib.asynccontextmanager
async def storage_queue(
    url: str, *, ca_file: Path | None = None, tenant: str = DEFAULT_TENANT
) -> AsyncIterator[Target]:
    """Return a target that puts messages into a queue, with tokens that Azurite accepts.

    Args:
        url: The URL of the queue.
        ca_file: The CA certificate of the queue service; None for the CAs of the machine.
        tenant: The tenant of the tokens.
    """
    context = ssl.create_default_context(cafile=ca_file)
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), timeout=timeout) as session:

        async def put(content: str) -> None:
            body = f"<QueueMessage><MessageText>{escape(content)}</MessageText></QueueMessage>"
            try:
                async with session.post(f"{url}/messages", data=body.encode(), headers=_headers(tenant)) as response:
                    status = response.status
            except aiohttp.ClientError as error:
                raise OSError(f"{url}: {error}") from error
            if status != _ACCEPTED:
                raise OSError(f"{url}: status {status}")

        yield put


def _headers(tenant: str) -> dict[str, str]:
    now = datetime.now(UTC)
    token = tokens.mint(tokens.app_claims(tenant, _CLIENT_ID), tenant=tenant, audience=AUDIENCE, now=now)
    return {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/xml",
        "x-ms-date": f"{now:%a, %d %b %Y %H:%M:%S GMT}",
        "x-ms-version": _VERSION,
    }
