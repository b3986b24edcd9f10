"""ARM requests over azure-core's pipeline.

Responses are decoded without the SDK's models, which take a hundred times as long as the transfer.
"""

import asyncio
import os
import ssl
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.policies import RequestIdPolicy, UserAgentPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.mgmt.core import AsyncARMPipelineClient
from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy

from nsg_baseline.azure.bounded_response import ACCEPTED_ENCODINGS, BODY, BoundedBodyPolicy
from nsg_baseline.azure.clouds import Cloud
from nsg_baseline.azure.endpoint_policy import EndpointPolicy
from nsg_baseline.azure.errors import AzureError, error_from_response, translate_errors
from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.azure.throttling import RateLimitPolicy, ShortRetryPolicy

API_VERSION = "2024-05-01"
USER_AGENT = "nsg-baseline-operator"
CONNECT_SECONDS = 10
READ_SECONDS = 60
REQUEST_DEADLINE_SECONDS = 180.0
"""Limit of one request with its body, waiting for the rate limit and retries included."""
RETRY_BACKOFF_SECONDS = 0.5
MAX_LINK_LENGTH = 8192
_BLOCK_BYTES = 65536
_OK = 200
_REDIRECT = 300
_ERROR = 400


def new_session() -> aiohttp.ClientSession:
    """Return the connections that all requests of one identity share.

    azure-core builds a TLS context for every request if it is given a CA file. Here SSL_CERT_FILE is read once.
    """
    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or None)
    # azure-core and `bounded_response` decompress: aiohttp has no limit on the decompressed size.
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), auto_decompress=False, trust_env=True)
    # aiohttp repeats a PUT when the connection breaks, and has no public setting against it. The caller reads the NSG
    # to learn whether the first PUT took effect. azure-core retries reads.
    session._retry_connection = False  # noqa: SLF001 - as above
    return session


def transport(session: aiohttp.ClientSession) -> AioHttpTransport:
    """Return an azure-core transport over shared connections. Closing it does not close them."""
    return AioHttpTransport(
        session=session,
        session_owner=False,
        connection_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        connection_data_block_size=_BLOCK_BYTES,
    )


class ArmClient:
    """GET requests with one identity. Every failure is an AzureError."""

    def __init__(
        self, cloud: Cloud, credential: AsyncTokenCredential, session: aiohttp.ClientSession, rate_limiter: RateLimiter
    ) -> None:
        self.cloud = cloud
        self._plain = cloud.endpoint.startswith("http://")
        policies = [
            RequestIdPolicy(),
            UserAgentPolicy(USER_AGENT, sdk_moniker=USER_AGENT),
            EndpointPolicy(cloud.endpoint),
            ShortRetryPolicy(retry_total=3, retry_backoff_factor=RETRY_BACKOFF_SECONDS),
            RateLimitPolicy(rate_limiter),
            AsyncARMChallengeAuthenticationPolicy(credential, cloud.scope),
            BoundedBodyPolicy(),
        ]
        self._client: AsyncARMPipelineClient[HttpRequest, AsyncHttpResponse] = AsyncARMPipelineClient(
            base_url=cloud.endpoint, policies=policies, transport=transport(session)
        )

    async def get(self, path: str, version: str = API_VERSION, **query: str) -> bytes:
        """Return the response body for a path of this cloud. The API version is added.

        Raises:
            AzureError: there was no response, or its status is not 200.
        """
        parameters = urlencode({"api-version": version, **query})
        return await self._fetch(f"{self.cloud.endpoint}{path}?{parameters}")

    async def follow(self, link: str) -> bytes:
        """Return the response body for a `nextLink`.

        Raises:
            AzureError: the link is too long or leads to another host, or the request failed.
        """
        if len(link) > MAX_LINK_LENGTH:
            raise AzureError("InvalidResponse", f"a nextLink exceeds {MAX_LINK_LENGTH} characters")
        return await self._fetch(link)

    async def _fetch(self, url: str) -> bytes:
        try:
            async with asyncio.timeout(REQUEST_DEADLINE_SECONDS):
                response, body = await self._send(url)
        except TimeoutError as error:
            message = f"no complete response within {REQUEST_DEADLINE_SECONDS:g} s"
            raise AzureError("Timeout", message) from error
        if response.status_code != _OK:
            raise _error(response, body)
        return body

    async def _send(self, url: str) -> tuple[AsyncHttpResponse, bytes]:
        # Plain http is allowed on loopback only (see `clouds`); azure-core refuses to send a token over it.
        options: dict[str, Any] = {"enforce_https": False} if self._plain else {}
        request = HttpRequest("GET", url, headers={"Accept-Encoding": ACCEPTED_ENCODINGS})
        with translate_errors():
            result: Any = await self._client.send_request(
                request, stream=True, _return_pipeline_response=True, **options
            )
        return result.http_response, result.context[BODY]

    async def aclose(self) -> None:
        """Close the pipeline. The shared connections stay open."""
        await self._client.close()


def _error(response: AsyncHttpResponse, body: bytes) -> AzureError:
    status = response.status_code
    if status >= _ERROR:
        return error_from_response(status, response.headers, _decode(body))
    if status >= _REDIRECT:
        return AzureError("InvalidResponse", f"Azure responded with a redirect (HTTP {status}); it is not followed")
    return AzureError("InvalidResponse", f"unexpected HTTP status {status}")


def _decode(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
