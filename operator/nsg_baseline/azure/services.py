"""The Azure services for one identity."""

from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential

from nsg_baseline.azure.activity_log import ActivityLogReader
from nsg_baseline.azure.client import ArmClient, new_session
from nsg_baseline.azure.clouds import Cloud
from nsg_baseline.azure.credentials import Identity, build_credential
from nsg_baseline.azure.event_grid import EventGridReader
from nsg_baseline.azure.event_queue import EventQueue
from nsg_baseline.azure.permissions import PermissionReader
from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.azure.read import ArmReader
from nsg_baseline.azure.write import ArmWriter


@dataclass(frozen=True, slots=True)
class ArmServices:
    """Readers and a writer for one identity, over shared connections."""

    reader: ArmReader
    writer: ArmWriter
    activity_log: ActivityLogReader
    rate_limiter: RateLimiter
    permissions: PermissionReader
    _cloud: Cloud
    _client: ArmClient
    _credential: AsyncTokenCredential
    _session: aiohttp.ClientSession

    @classmethod
    def connect(
        cls, cloud: Cloud, identity: Identity | None = None, may_write: Callable[[], bool] = lambda: True
    ) -> "ArmServices":
        """Return the services. `may_write` returns whether this process may write to Azure now.

        Nothing is sent before the first request. Needs a running event loop.
        """
        session = new_session()
        azure_credential = build_credential(cloud, identity, session)
        rate_limiter = RateLimiter()
        client = ArmClient(cloud, azure_credential, session, rate_limiter)
        reader = ArmReader(client)
        writer = ArmWriter(cloud, azure_credential, session, reader, rate_limiter, may_write)
        return cls(
            reader=reader,
            writer=writer,
            activity_log=ActivityLogReader(client),
            rate_limiter=rate_limiter,
            permissions=PermissionReader(client),
            _cloud=cloud,
            _client=client,
            _credential=azure_credential,
            _session=session,
        )

    @property
    def event_grid(self) -> EventGridReader:
        """The reader of event subscriptions."""
        return EventGridReader(self._client)

    def event_queue(self, url: str) -> EventQueue:
        """Return the queue with a URL.

        Raises:
            AzureError: the URL leads away from the cloud.
        """
        return EventQueue(url, self._cloud, self._credential, self._session)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()
        await self._credential.close()
        await self._session.close()
