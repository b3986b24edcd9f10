"""ARM over azure-core's pipeline, with own decoding: the SDK's models cost a hundred times the transfer."""

import os
import ssl
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.policies import RequestIdPolicy, UserAgentPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.mgmt.core import AsyncARMPipelineClient
from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy

from nsg_baseline.azure.clouds import Cloud
from nsg_baseline.azure.errors import AzureError, error_from_response, translate_errors
from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.azure.throttling import RateLimitPolicy, ShortRetryPolicy

API_VERSION = "2024-05-01"
USER_AGENT = "nsg-baseline-operator"
CONNECT_SECONDS = 10
READ_SECONDS = 60
_FAILED = 400


def new_session() -> aiohttp.ClientSession:
    """Return the connections that all calls with one identity share.

    azure-core would build a TLS context for every request when it is given a CA file; here SSL_CERT_FILE is read once.
    """
    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or None)
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), auto_decompress=True, trust_env=True)
    # aiohttp sends a PUT a second time when the connection breaks, and there is no public word against it. Whether the
    # first one was acted upon is for a read to tell; reads are tried again by azure-core.
    session._retry_connection = False  # noqa: SLF001 - as above
    return session


def transport(session: aiohttp.ClientSession) -> AioHttpTransport:
    """Return azure-core's view of shared connections; it does not close them."""
    return AioHttpTransport(
        session=session, session_owner=False, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS
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
            ShortRetryPolicy(retry_total=3, retry_backoff_factor=0.5),
            RateLimitPolicy(rate_limiter),
            AsyncARMChallengeAuthenticationPolicy(credential, cloud.scope),
        ]
        self._client: AsyncARMPipelineClient[HttpRequest, AsyncHttpResponse] = AsyncARMPipelineClient(
            base_url=cloud.endpoint, policies=policies, transport=transport(session)
        )

    async def get(self, path: str, version: str = API_VERSION, **query: str) -> bytes:
        """Return the body of an answer to a path of this cloud, API version added.

        Raises:
            AzureError: there was no answer, or not a good one.
        """
        parameters = urlencode({"api-version": version, **query})
        return await self._fetch(f"{self.cloud.endpoint}{path}?{parameters}")

    async def follow(self, link: str) -> bytes:
        """Return the body behind a link that Azure gave.

        Raises:
            AzureError: it leads to another host, where the token must not go, or the call failed.
        """
        if urlsplit(link)[:2] != urlsplit(self.cloud.endpoint)[:2]:
            raise AzureError("InvalidResponse", f"a nextLink leads away from {self.cloud.endpoint}")
        return await self._fetch(link)

    async def _fetch(self, url: str) -> bytes:
        # Plain http is for loopback alone (see `clouds`), where azure-core's refusal to send a token does not help.
        options: dict[str, Any] = {"enforce_https": False} if self._plain else {}
        with translate_errors():
            response = await self._client.send_request(HttpRequest("GET", url), **options)
            body: bytes = await response.read()
        if response.status_code >= _FAILED:
            raise _refused(response)
        return body

    async def aclose(self) -> None:
        """Close the pipeline; the shared connections stay."""
        await self._client.close()


def _refused(response: AsyncHttpResponse) -> AzureError:
    try:
        body = response.json()
    except ValueError:
        body = None
    return error_from_response(response.status_code, response.headers, body)
