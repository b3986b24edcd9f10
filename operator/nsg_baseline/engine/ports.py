"""The ports of a reconcile: Azure with one identity, the stored objects, and the clock."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from nsg_baseline.azure.read import NSGPage
from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG, SeverityConfig
from nsg_baseline.core.permissions import Grant
from nsg_baseline.engine.judging import Judging
from nsg_baseline.kube.records import Records


class NSGReader(Protocol):
    """Reads NSGs; see `azure.read.ArmReader`."""

    def pages(self, subscription_id: str, resource_group: str | None = None) -> AsyncIterator[NSGPage]:
        """Yield the pages of a listing.

        Raises:
            AzureError: the listing broke off.
        """
        ...

    async def get(self, nsg_id: str) -> dict[str, Any] | None:
        """Return one NSG; None if it does not exist.

        Raises:
            AzureError: the NSG could not be read.
        """
        ...


class NSGWriter(Protocol):
    """Writes NSGs; see `azure.write.ArmWriter`."""

    async def put(self, nsg_id: str, document: Mapping[str, Any], etag: str) -> dict[str, Any]:
        """Write an NSG if its etag is unchanged, and return it as Azure stored it.

        Raises:
            AzureError: the write was refused or failed; `PreconditionFailed` if the etag changed.
        """
        ...


class PermissionReader(Protocol):
    """Reads the permissions of the identity that it connects with; see `azure.permissions.PermissionReader`."""

    async def grants(self, subscription_id: str, resource_group: str | None = None) -> list[Grant]:
        """Return the grants on a subscription or a resource group.

        Raises:
            AzureError: the permissions could not be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The dependencies of a scope's reconcile.

    Attributes:
        rights: reads the permissions of the identity; None if they are not read.
        may_write: returns whether this replica may write to Azure now.
        judging: runs the judgements of all scopes.
    """

    reader: NSGReader
    writer: NSGWriter
    records: Records
    namespace: str
    clock: Callable[[], datetime]
    severity_config: SeverityConfig = DEFAULT_SEVERITY_CONFIG
    rights: PermissionReader | None = None
    may_write: Callable[[], bool] = lambda: True
    judging: Judging = field(default_factory=Judging)
