"""Reads the Activity Log, which names the callers that changed the network resources of a subscription.

Events appear in the log seconds to minutes after the change.
"""

from datetime import datetime
from typing import Any

from nsg_baseline.azure.client import ArmClient
from nsg_baseline.azure.paging import list_all

_API_VERSION = "2015-04-01"


class ActivityLogReader:
    """Reads the Activity Log with one identity."""

    def __init__(self, client: ArmClient) -> None:
        self._client = client

    async def events(self, subscription_id: str, since: datetime) -> tuple[list[dict[str, Any]], bool]:
        """Return the events of network resources since a time, at most 4,000, and whether the list is complete.

        Raises:
            AzureError: the log could not be read.
        """
        event_filter = f"eventTimestamp ge '{since:%Y-%m-%dT%H:%M:%SZ}' and resourceProvider eq 'Microsoft.Network'"
        path = f"/subscriptions/{subscription_id}/providers/Microsoft.Insights/eventtypes/management/values"
        return await list_all(self._client, path, _API_VERSION, **{"$filter": event_filter})
