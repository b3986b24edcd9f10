"""The Activity Log: who did what to a subscription's network. It lags behind by seconds to minutes."""

import json
from datetime import datetime
from typing import Any

from nsg_baseline.azure.client import ArmClient
from nsg_baseline.azure.errors import AzureError

_VERSION = "2015-04-01"
_MOST_PAGES = 20


class Activity:
    """Reads the log with one identity."""

    def __init__(self, client: ArmClient) -> None:
        self._client = client

    async def rows(self, subscription_id: str, since: datetime) -> list[dict[str, Any]]:
        """Return what was done to network resources since a time, the latest first; 4,000 rows at most.

        Raises:
            AzureError: the log cannot be read.
        """
        wanted = f"eventTimestamp ge '{since:%Y-%m-%dT%H:%M:%SZ}' and resourceProvider eq 'Microsoft.Network'"
        path = f"/subscriptions/{subscription_id}/providers/Microsoft.Insights/eventtypes/management/values"
        body = await self._client.get(path, _VERSION, **{"$filter": wanted})
        found: list[dict[str, Any]] = []
        for _ in range(_MOST_PAGES):
            page, link = _page(body)
            found += page
            if not link:
                break
            body = await self._client.follow(link)
        return found


def _page(body: bytes) -> tuple[list[dict[str, Any]], str | None]:
    try:
        document = json.loads(body)
        rows, link = document["value"], document.get("nextLink")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AzureError("BadAnswer", "the Activity Log's answer is no list of events") from None
    return [row for row in rows if isinstance(row, dict)], link
