"""Writing an NSG: one guarded PUT of the whole document."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError as CoreError
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import AsyncRetryPolicy

from nsg_baseline.azure.client import API_VERSION, USER_AGENT, transport
from nsg_baseline.azure.clouds import Cloud
from nsg_baseline.azure.errors import AzureError, translate_errors
from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.azure.read import ArmReader
from nsg_baseline.azure.throttling import RateLimitPolicy

POLLING_SECONDS = 1
OPERATION_SECONDS = 120
"""So long is the end of a write awaited; a pass must not hang because Azure does."""


class ArmWriter:
    """Puts NSG documents through azure-mgmt-network, which is loaded at the first write: it takes 180 MB."""

    def __init__(
        self,
        cloud: Cloud,
        credential: AsyncTokenCredential,
        session: aiohttp.ClientSession,
        reader: ArmReader,
        rate_limiter: RateLimiter,
    ) -> None:
        self._cloud = cloud
        self._credential = credential
        self._session = session
        self._reader = reader
        self._rate_limiter = rate_limiter

    async def put(self, nsg_id: str, document: Mapping[str, Any], etag: str) -> dict[str, Any]:
        """Write an NSG only if its etag is still this one; return it as it is afterwards.

        Raises:
            AzureError: `PreconditionFailed` when the NSG moved meanwhile; `OutcomeUnknown` when the answer was lost,
                so that the caller must read before it writes again; else why Azure refused or failed.
        """
        parts = nsg_id.strip("/").split("/")
        subscription, group, name = parts[1], parts[3], parts[-1]
        async with self._client(subscription) as client:
            try:
                poller = await client.network_security_groups.begin_create_or_update(
                    group, name, _body(document), headers={"If-Match": etag}
                )
                async with asyncio.timeout(OPERATION_SECONDS):
                    await poller.result()
            except HttpResponseError:
                with translate_errors():
                    raise
            except (CoreError, OSError, TimeoutError) as error:
                raise AzureError("OutcomeUnknown", f"the answer to a write was lost: {type(error).__name__}") from error
        # The etag is renewed when the operation ends: only a read knows it.
        written = await self._reader.get(nsg_id)
        if written is None:
            raise AzureError("ResourceNotFound", "the NSG was deleted while it was written", "Soon")
        return written

    def _client(self, subscription: str) -> Any:
        from azure.mgmt.network.aio import NetworkManagementClient  # noqa: PLC0415 - 180 MB that a watcher saves

        return NetworkManagementClient(
            self._credential,
            subscription,
            base_url=self._cloud.endpoint,
            api_version=API_VERSION,
            credential_scopes=[self._cloud.scope],
            transport=transport(self._session),
            polling_interval=POLLING_SECONDS,
            user_agent=USER_AGENT,
            # A PUT that may have been sent is not sent again: the caller reads first.
            retry_policy=AsyncRetryPolicy.no_retries(),
            per_retry_policies=[RateLimitPolicy(self._rate_limiter)],
        )


def _body(document: Mapping[str, Any]) -> Any:
    """Return the request's body as a stream of bytes, so that no model drops what it does not know."""
    from io import BytesIO  # noqa: PLC0415 - beside its only use

    return BytesIO(json.dumps(document).encode())
