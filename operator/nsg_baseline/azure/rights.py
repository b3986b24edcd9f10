"""What the caller may do, by Azure's own answer."""

import json
from typing import Any

from nsg_baseline.azure.client import ArmClient
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.core.rights import Grant

_VERSION = "2022-04-01"
_MOST_PAGES = 20


class Rights:
    """Asks for the permissions of one identity."""

    def __init__(self, client: ArmClient) -> None:
        self._client = client

    async def grants(self, subscription_id: str, resource_group: str | None = None) -> list[Grant]:
        """Return what the identity's role assignments grant on a subscription or a resource group.

        Raises:
            AzureError: it cannot be told.
        """
        group = f"/resourceGroups/{resource_group}" if resource_group else ""
        path = f"/subscriptions/{subscription_id}{group}/providers/Microsoft.Authorization/permissions"
        body = await self._client.get(path, _VERSION)
        found: list[Grant] = []
        for _ in range(_MOST_PAGES):
            page, link = _page(body)
            found += page
            if not link:
                break
            body = await self._client.follow(link)
        return found


def _page(body: bytes) -> tuple[list[Grant], str | None]:
    try:
        document = json.loads(body)
        return [_grant(one) for one in document["value"]], document.get("nextLink")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AzureError("BadAnswer", "Azure's answer is no list of permissions") from None


def _grant(one: dict[str, Any]) -> Grant:
    return Grant(tuple(one.get("actions") or ()), tuple(one.get("notActions") or ()))
