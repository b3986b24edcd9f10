"""The reader over every wrong response: an AzureError with a reason, or the NSGs that could be read."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from typing_extensions import override

from nsg_baseline.azure import client
from nsg_baseline.azure.client import ArmClient, new_session
from nsg_baseline.azure.clouds import Cloud
from nsg_baseline.azure.errors import MAX_MESSAGE_LENGTH, MAX_RETRY_AFTER_SECONDS, AzureError
from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.azure.read import ArmReader, NSGPage
from tests.hostile.responses import SUBSCRIPTION, HostileResponse, table
from tests.hostile.server import HostileServer, serve_hostile

TOKEN = "CANARY.token"
LIMIT_SECONDS = 120
TABLE = table()


class FixedToken(AsyncTokenCredential):
    """A credential without a network."""

    @override
    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(TOKEN, 4_000_000_000)

    @override
    async def close(self) -> None: ...

    @override
    async def __aexit__(self, *error: object) -> None: ...


@pytest.fixture(autouse=True)
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "REQUEST_DEADLINE_SECONDS", 60)
    monkeypatch.setattr(client, "RETRY_BACKOFF_SECONDS", 0)


@pytest.fixture
async def elsewhere() -> AsyncIterator[HostileServer]:
    async with serve_hostile() as server:
        yield server


@pytest.fixture
async def hostile(elsewhere: HostileServer) -> AsyncIterator[HostileServer]:
    async with serve_hostile(elsewhere.url) as server:
        yield server


@pytest.fixture
async def reader(hostile: HostileServer) -> AsyncIterator[ArmReader]:
    session = new_session()
    arm = ArmClient(Cloud(hostile.url, "scope", "authority"), FixedToken(), session, RateLimiter())
    yield ArmReader(arm)
    await arm.aclose()
    await session.close()


async def read_pages(reader: ArmReader) -> tuple[list[NSGPage], AzureError | None]:
    pages: list[NSGPage] = []
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            async for page in reader.pages(SUBSCRIPTION):
                pages.append(page)  # noqa: PERF401 - the pages before a failure count
    except AzureError as error:
        return pages, error
    return pages, None


def names() -> Iterator[str]:
    yield from (response.name for response in TABLE)


@pytest.mark.parametrize("response", TABLE, ids=names())
async def test_a_wrong_response_is_an_error_with_a_reason_or_a_partial_page(
    hostile: HostileServer,
    elsewhere: HostileServer,
    reader: ArmReader,
    response: HostileResponse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Any other exception would end the reconciles of the scope, a hang would stop them, and a token sent elsewhere
    # would give access to the NSGs.
    hostile.response = response
    if response.ending == "drip":
        monkeypatch.setattr(client, "REQUEST_DEADLINE_SECONDS", 0.3)
    pages, error = await read_pages(reader)
    assert (error.reason if error else "") == response.reason
    assert sum(len(page.nsgs) for page in pages) == response.nsgs
    assert sum(page.unreadable for page in pages) == response.unreadable
    if error is not None:
        assert 0 < len(error.message) <= MAX_MESSAGE_LENGTH
        assert error.message.isprintable()
        assert TOKEN not in str(error)
        assert 0 <= error.retry_after <= MAX_RETRY_AFTER_SECONDS
    assert elsewhere.requests == []


def test_the_table_is_large_and_its_names_are_unique() -> None:
    assert len(TABLE) >= 150
    assert len(set(names())) == len(TABLE)
