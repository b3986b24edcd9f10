"""Reading NSGs: listings page by page, not decoded unless somebody asks, and single ones."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
import xxhash

from nsg_baseline.azure.client import ArmClient
from nsg_baseline.azure.errors import AzureError, translate_errors

_TYPE = "providers/Microsoft.Network/networkSecurityGroups"
_ABSENT = ("ResourceNotFound", "ResourceGroupNotFound")


class _Named(msgspec.Struct):
    id: str


class _Listing(msgspec.Struct):
    # Required: an answer without `value` is no listing, and must not pass for an empty one.
    value: list[msgspec.Raw]
    next_link: str | None = msgspec.field(default=None, name="nextLink")


@dataclass(frozen=True, slots=True)
class RawNSG:
    """One NSG as received. The digest is of its raw bytes: equal digests, equal NSGs."""

    id: str
    digest: bytes
    raw: msgspec.Raw

    def document(self) -> dict[str, Any]:
        """Decode it.

        Raises:
            AzureError: it is not an object.
        """
        with translate_errors():
            return msgspec.json.decode(self.raw, type=dict[str, Any])


@dataclass(frozen=True, slots=True)
class NSGPage:
    """One page of a listing."""

    nsgs: tuple[RawNSG, ...]


class ArmReader:
    """Looks at NSGs. Every failure is an AzureError; none is ever taken for absence."""

    def __init__(self, client: ArmClient) -> None:
        self._client = client

    async def pages(self, subscription_id: str, resource_group: str | None = None) -> AsyncIterator[NSGPage]:
        """Yield the NSGs of a subscription or a resource group, page by page.

        Raises:
            AzureError: the listing cannot be had, or breaks off; the pages before are good.
        """
        group = f"/resourceGroups/{resource_group}" if resource_group else ""
        body = await self._client.get(f"/subscriptions/{subscription_id}{group}/{_TYPE}")
        followed: set[str] = set()
        while True:
            page, link = _page(body)
            yield page
            if not link:
                return
            if link in followed:
                raise AzureError("InvalidResponse", "a listing's nextLink leads in a circle")
            followed.add(link)
            body = await self._client.follow(link)

    async def get(self, nsg_id: str) -> dict[str, Any] | None:
        """Return one NSG; None only when Azure says that it or its resource group does not exist.

        Raises:
            AzureError: anything else went wrong.
        """
        try:
            body = await self._client.get(nsg_id)
        except AzureError as error:
            if error.reason in _ABSENT:
                return None
            raise
        with translate_errors():
            return msgspec.json.decode(body, type=dict[str, Any])


def _page(body: bytes) -> tuple[NSGPage, str | None]:
    with translate_errors():
        listing = msgspec.json.decode(body, type=_Listing)
        found = tuple(
            RawNSG(msgspec.json.decode(raw, type=_Named).id, xxhash.xxh3_128_digest(bytes(raw)), raw)
            for raw in listing.value
        )
    return NSGPage(found), listing.next_link
