"""The Activity Log: who did what to a subscription's network. It lags behind by seconds to minutes."""

from datetime import datetime
from typing import Any

from nsg_baseline.azure.client import ArmClient
from nsg_baseline.azure.paging import list_all

_VERSION = "2015-04-01"


class ActivityLogReader:
    """Reads the log with one identity."""

    def __init__(self, client: ArmClient) -> None:
        self._client = client

    async def events(self, subscription_id: str, since: datetime) -> list[dict[str, Any]]:
        """Return what was done to network resources since a time, the latest first; 4,000 rows at most.

        Raises:
            AzureError: the log cannot be read.
        """
        wanted = f"eventTimestamp ge '{since:%Y-%m-%dT%H:%M:%SZ}' and resourceProvider eq 'Microsoft.Network'"
        path = f"/subscriptions/{subscription_id}/providers/Microsoft.Insights/eventtypes/management/values"
        rows, _ = await list_all(self._client, "events", path, _VERSION, **{"$filter": wanted})
        return rows
