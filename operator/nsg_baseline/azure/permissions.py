"""The permissions of the operator's identity, as Azure reports them."""

import msgspec

from nsg_baseline.azure.client import ArmClient
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.paging import MAX_PAGES, list_all
from nsg_baseline.core.permissions import Grant

_API_VERSION = "2022-04-01"


class _Permission(msgspec.Struct):
    actions: list[str] | None = None
    not_actions: list[str] | None = msgspec.field(default=None, name="notActions")


class PermissionReader:
    """Reads the permissions of one identity."""

    def __init__(self, client: ArmClient) -> None:
        self._client = client

    async def grants(self, subscription_id: str, resource_group: str | None = None) -> list[Grant]:
        """Return what the identity's role assignments grant on a subscription or a resource group.

        Raises:
            AzureError: the permissions could not be read, or there are more than `MAX_PAGES` pages of them.
        """
        group = f"/resourceGroups/{resource_group}" if resource_group else ""
        path = f"/subscriptions/{subscription_id}{group}/providers/Microsoft.Authorization/permissions"
        items, complete = await list_all(self._client, path, _API_VERSION)
        if not complete:
            raise AzureError("TooManyPages", f"there are more than {MAX_PAGES} pages of permissions")
        try:
            permissions = msgspec.convert(items, list[_Permission])
        except msgspec.ValidationError as error:
            raise AzureError("InvalidResponse", f"the permissions could not be parsed: {error}") from error
        return [Grant(tuple(item.actions or ()), tuple(item.not_actions or ())) for item in permissions]
