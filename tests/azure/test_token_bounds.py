"""The bounds of token requests, to Entra ID and to the metadata service: at the bound, and one beyond it."""

import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import HttpRequest
from azure.identity.aio import ClientSecretCredential
from typing_extensions import override

from nsg_baseline.azure import bounded_token
from nsg_baseline.azure.bounded_token import (
    MAX_TOKEN_BYTES,
    TOKEN_DEADLINE_SECONDS,
    BoundedCredential,
    BoundedTransport,
)
from nsg_baseline.azure.client import new_session, transport
from nsg_baseline.azure.clouds import CLOUDS
from nsg_baseline.azure.credentials import build_credential
from nsg_baseline.azure.errors import AzureError
from tests.hostile.responses import HostileResponse, encode
from tests.hostile.server import HostileServer, serve_hostile

SCOPE = "https://management.azure.com/.default"
SECRET = "CANARY.secret"
TOKEN = "CANARY.token"
ANSWER = {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer", "resource": "https://management.azure.com"}


class Detour(BoundedTransport):
    """Sends requests to a local server, because azure-identity accepts https authorities only."""

    def __init__(self, connection: AsyncHttpTransport[HttpRequest, Any], url: str) -> None:
        super().__init__(connection)
        self._url = url

    @override
    async def send(self, request: HttpRequest, **options: Any) -> Any:
        request.url = self._url + urlsplit(request.url).path
        return await super().send(request, **options)


@pytest.fixture
async def hostile() -> AsyncIterator[HostileServer]:
    async with serve_hostile() as server:
        yield server


@pytest.fixture(params=["managed identity", "client secret"])
async def credential(
    request: pytest.FixtureRequest, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncTokenCredential]:
    for name in ("AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "MSI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", hostile.url)
    session = new_session()
    built = build_credential(CLOUDS["AzurePublic"], None, session)
    if request.param == "client secret":
        detour = Detour(transport(session), hostile.url)
        identity = ClientSecretCredential("t", "c", SECRET, transport=detour, disable_instance_discovery=True)
        built = BoundedCredential(identity)
    yield built
    await built.close()
    await session.close()


async def refusal(action: Callable[[], Awaitable[Any]]) -> AzureError:
    with pytest.raises(AzureError) as caught:
        await action()
    assert SECRET not in str(caught.value)
    assert TOKEN not in str(caught.value)
    return caught.value


def packed(body: bytes, encoding: str) -> HostileResponse:
    compressed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    return HostileResponse("", "", compressed, headers={"Content-Encoding": encoding})


async def test_a_token_response_may_have_the_maximum_size(
    hostile: HostileServer, credential: AsyncTokenCredential, monkeypatch: pytest.MonkeyPatch
) -> None:
    # azure-identity reads any response into memory as a whole.
    body = encode(ANSWER)
    hostile.response = HostileResponse("", "", body)
    monkeypatch.setattr(bounded_token, "MAX_TOKEN_BYTES", len(body) - 1)
    error = await refusal(lambda: credential.get_token(SCOPE))
    assert (error.reason, error.message) == ("ResponseTooLarge", f"the response exceeds {len(body) - 1} bytes")
    monkeypatch.setattr(bounded_token, "MAX_TOKEN_BYTES", len(body))
    assert (await credential.get_token(SCOPE)).token == TOKEN


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_token_response_may_have_the_maximum_size_after_decompression(
    hostile: HostileServer, credential: AsyncTokenCredential, encoding: str
) -> None:
    # 1 MB of gzip may be 1 GB of JSON.
    padding = MAX_TOKEN_BYTES - len(encode({**ANSWER, "padding": ""}))
    hostile.response = packed(encode({**ANSWER, "padding": "x" * (padding + 1)}), encoding)
    error = await refusal(lambda: credential.get_token(SCOPE))
    message = f"the decompressed response exceeds {MAX_TOKEN_BYTES} bytes"
    assert (error.reason, error.message) == ("ResponseTooLarge", message)
    hostile.response = packed(encode({**ANSWER, "padding": "x" * padding}), encoding)
    assert (await credential.get_token(SCOPE)).token == TOKEN


@pytest.mark.parametrize(
    "response",
    [
        HostileResponse("drip", "", encode(ANSWER), ending="drip"),
        HostileResponse("retry later", "", b"{}", 429, {"Retry-After": "1000000000"}),
        HostileResponse("error without an end", "", b"{}", 503, ending="drip"),
    ],
    ids=str,
)
async def test_a_token_request_has_a_deadline(
    hostile: HostileServer,
    credential: AsyncTokenCredential,
    response: HostileResponse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Without a token nothing is read; azure-identity waits as long as the server asks.
    monkeypatch.setattr(bounded_token, "TOKEN_DEADLINE_SECONDS", 0.3)
    hostile.response = response
    error = await refusal(lambda: credential.get_token(SCOPE))
    assert (error.reason, error.message) == ("Timeout", "no token within 0.3 s")
    monkeypatch.setattr(bounded_token, "TOKEN_DEADLINE_SECONDS", 60)
    hostile.response = HostileResponse("", "", encode(ANSWER))
    assert (await credential.get_token(SCOPE)).token == TOKEN, "the next request is served"


BODIES = [b"", b"<html>", b"[]", b"null", b"{}", b"[" * 100_000, b'{"access_token": 1}', b"\xff"]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:20]))
async def test_a_token_response_of_another_form_is_an_azure_error(
    hostile: HostileServer, credential: AsyncTokenCredential, body: bytes
) -> None:
    hostile.response = HostileResponse("", "", body)
    error = await refusal(lambda: credential.get_token(SCOPE))
    assert error.reason in {"Unauthenticated", "InvalidResponse", "Unexpected"}
    assert "HTTP 200" not in error.message


def test_the_limits_are_those_of_the_documentation() -> None:
    assert (MAX_TOKEN_BYTES, TOKEN_DEADLINE_SECONDS) == (1 << 20, 120)
