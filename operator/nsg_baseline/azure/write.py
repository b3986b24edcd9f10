"""Writes an NSG with one conditional PUT of the whole document."""

import asyncio
import json
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import DecodeError, HttpResponseError
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import AsyncRedirectPolicy, AsyncRetryPolicy, SansIOHTTPPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from typing_extensions import override

from nsg_baseline.azure.client import API_VERSION, USER_AGENT, transport
from nsg_baseline.azure.clouds import Cloud
from nsg_baseline.azure.endpoint_policy import EndpointPolicy
from nsg_baseline.azure.errors import AzureError, translate_errors
from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.azure.read import ArmReader
from nsg_baseline.azure.throttling import RateLimitPolicy
from nsg_baseline.core.ids import NSGId

POLLING_SECONDS = 1
_READS = ("GET", "HEAD")
OPERATION_SECONDS = 120
"""Limit of one write, polling included, so that a reconcile does not hang when Azure does not respond."""


class FencePolicy(SansIOHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Refuses requests while another replica may write.

    It checks after the waits for the rate limit and the token, directly before the request is sent.
    """

    def __init__(self, may_write: Callable[[], bool]) -> None:
        self._may_write = may_write

    @override
    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        if request.http_request.method not in _READS and not self._may_write():
            raise AzureError("NotLeading", "another replica may be the leader; nothing was written")


class ArmWriter:
    """Writes NSGs with azure-mgmt-network. The package needs 180 MB and is imported at the first write.

    `may_write` returns whether this process may write now.
    """

    def __init__(
        self,
        cloud: Cloud,
        credential: AsyncTokenCredential,
        session: aiohttp.ClientSession,
        reader: ArmReader,
        rate_limiter: RateLimiter,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self._may_write = may_write
        self._cloud = cloud
        self._credential = credential
        self._session = session
        self._reader = reader
        self._rate_limiter = rate_limiter

    async def put(self, nsg_id: str, document: Mapping[str, Any], etag: str) -> dict[str, Any]:
        """Write an NSG if its etag has not changed, and return the NSG as Azure has stored it.

        Raises:
            AzureError: `NotLeading` if this process may not write; `PreconditionFailed` if the NSG changed;
                `OutcomeUnknown` if the response was lost, so that the caller must read before the next write; any
                other reason if Azure rejected the write.
        """
        await self._put(NSGId.parse(nsg_id), document, etag)
        # The etag changes when the operation ends, so only a read returns it.
        written = await self._reader.get(nsg_id)
        if written is None:
            raise AzureError("ResourceNotFound", "the NSG was deleted during the write")
        return written

    async def _put(self, nsg: NSGId, document: Mapping[str, Any], etag: str) -> None:
        try:
            async with self._client(nsg.subscription) as client, asyncio.timeout(OPERATION_SECONDS):
                poller = await client.network_security_groups.begin_create_or_update(
                    nsg.resource_group, nsg.name, _body(document), headers={"If-Match": etag}
                )
                await poller.result()
        except AzureError:
            raise
        except Exception as error:
            # A response that could not be read does not show whether the write succeeded.
            if isinstance(error, HttpResponseError) and not isinstance(error, DecodeError):
                with translate_errors():
                    raise
            message = f"the response to the write was lost: {type(error).__name__}"
            raise AzureError("OutcomeUnknown", message) from error

    def _client(self, subscription: str) -> Any:
        from azure.mgmt.network.aio import NetworkManagementClient  # noqa: PLC0415 - needs 180 MB, only in Enforce mode

        return NetworkManagementClient(
            self._credential,
            subscription,
            base_url=self._cloud.endpoint,
            api_version=API_VERSION,
            credential_scopes=[self._cloud.scope],
            transport=transport(self._session),
            polling_interval=POLLING_SECONDS,
            user_agent=USER_AGENT,
            redirect_policy=AsyncRedirectPolicy.no_redirects(),
            # A PUT that Azure may have received is not repeated: the caller reads first.
            retry_policy=AsyncRetryPolicy.no_retries(),
            per_retry_policies=[EndpointPolicy(self._cloud.endpoint), RateLimitPolicy(self._rate_limiter)],
            custom_hook_policy=FencePolicy(self._may_write),
        )


def _body(document: Mapping[str, Any]) -> BytesIO:
    """Return the request body as bytes, so that no SDK model drops unknown properties."""
    return BytesIO(json.dumps(document).encode())
