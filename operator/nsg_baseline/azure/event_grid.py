"""The event subscriptions of a subscription, as Event Grid returns them."""

from typing import Any

from nsg_baseline.azure.client import ArmClient
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.paging import MAX_PAGES, list_all

_API_VERSION = "2022-06-15"
_PROVIDER = "providers/Microsoft.EventGrid"


class EventGridReader:
    """Reads event subscriptions with one identity."""

    def __init__(self, client: ArmClient) -> None:
        self._client = client

    async def event_subscriptions(self, subscription_id: str) -> list[dict[str, Any]]:
        """Return the event subscriptions about a subscription: those of its system topics, and those without a topic.

        Raises:
            AzureError: they could not be read.
        """
        subscription = f"/subscriptions/{subscription_id}"
        topics = await self._list(f"{subscription}/{_PROVIDER}/systemTopics")
        subscriptions = await self._list(f"{subscription}/{_PROVIDER}/eventSubscriptions")
        for topic in topics:
            properties = topic.get("properties")
            source = str(properties.get("source") or "") if isinstance(properties, dict) else ""
            if source.rstrip("/").lower() == subscription.lower():
                subscriptions += await self._list(f"{topic['id']}/eventSubscriptions")
        return subscriptions

    async def _list(self, path: str) -> list[dict[str, Any]]:
        items, is_complete = await list_all(self._client, path, _API_VERSION)
        if not is_complete:
            raise AzureError("TooManyPages", f"{path} has more than {MAX_PAGES} pages")
        return items
