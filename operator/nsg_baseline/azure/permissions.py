"""What the caller may do, by Azure's own answer."""

from nsg_baseline.azure.client import ArmClient
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.paging import MAX_PAGES, list_all
from nsg_baseline.core.permissions import Grant

_VERSION = "2022-04-01"


class PermissionReader:
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
        found, whole = await list_all(self._client, "permissions", path, _VERSION)
        if not whole:
            raise AzureError("TooMany", f"there are more than {MAX_PAGES} pages of permissions")
        return [Grant(tuple(one.get("actions") or ()), tuple(one.get("notActions") or ())) for one in found]
