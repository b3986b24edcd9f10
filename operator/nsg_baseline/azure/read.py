"""Reads NSGs: listings page by page, decoded on demand, and single NSGs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import xxhash

from nsg_baseline.azure.client import ArmClient
from nsg_baseline.azure.errors import AzureError, translate_errors
from nsg_baseline.azure.json_elements import split_elements
from nsg_baseline.core.ids import NSGId

MAX_PAGES = 2000
LISTING_DEADLINE_SECONDS = 600.0
"""Limit of the time that a listing waits for Azure. The time to judge its pages does not count."""
MAX_ID_LENGTH = 1024
MAX_LENIENT_BYTES = 8 * 1024 * 1024
"""Larger listings are not parsed leniently: byte by byte, a page of 64 MiB would occupy a CPU for seconds."""
_TYPE = "providers/Microsoft.Network/networkSecurityGroups"
_ABSENT = ("ResourceNotFound", "ResourceGroupNotFound")


class _Identified(msgspec.Struct):
    id: str


class _Listing(msgspec.Struct):
    # Required: a response without `value` is not a listing, and must not be treated as an empty one.
    value: list[msgspec.Raw]
    next_link: str | None = msgspec.field(default=None, name="nextLink")


@dataclass(frozen=True, slots=True)
class RawNSG:
    """One NSG as received. `digest` is the hash of its bytes: equal digests mean equal NSGs."""

    id: str
    digest: bytes
    raw: msgspec.Raw

    def document(self) -> dict[str, Any]:
        """Decode the NSG.

        Raises:
            AzureError: it is not a JSON object.
        """
        with translate_errors():
            return msgspec.json.decode(self.raw, type=dict[str, Any])


@dataclass(frozen=True, slots=True)
class NSGPage:
    """One page of a listing. `unreadable` counts the elements that have no valid NSG id."""

    nsgs: tuple[RawNSG, ...]
    unreadable: int = 0


class ArmReader:
    """Reads NSGs. Every failure is an AzureError; a failure never means that an NSG does not exist."""

    def __init__(self, client: ArmClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock

    async def pages(self, subscription_id: str, resource_group: str | None = None) -> AsyncIterator[NSGPage]:
        """Yield the NSGs of a subscription or a resource group, page by page, each NSG once.

        Raises:
            AzureError: the listing could not be read to its end. The pages before are valid.
        """
        group = f"/resourceGroups/{resource_group}" if resource_group else ""
        request: Awaitable[bytes] = self._client.get(f"/subscriptions/{subscription_id}{group}/{_TYPE}")
        followed: set[str] = set()
        keys: set[str] = set()
        waited = 0.0
        while True:
            started = self._clock()
            page, link = await _parse_page(await request, keys)
            waited += self._clock() - started
            yield page
            if not link:
                return
            _check_next(link, followed, waited)
            followed.add(link)
            request = self._client.follow(link)

    async def get(self, nsg_id: str) -> dict[str, Any] | None:
        """Return one NSG; None only if Azure reports that the NSG or its resource group does not exist.

        Raises:
            AzureError: any other failure, or the response is another resource.
        """
        try:
            body = await self._client.get(nsg_id)
        except AzureError as error:
            if error.reason in _ABSENT:
                return None
            raise
        with translate_errors():
            document = msgspec.json.decode(body, type=dict[str, Any])
        if str(document.get("id")).lower() != nsg_id.lower():
            raise AzureError("InvalidResponse", "the response is not the NSG that was requested")
        return document


def _check_next(link: str, followed: set[str], waited: float) -> None:
    """Raise an AzureError if the listing repeats itself or does not end."""
    if link in followed:
        raise AzureError("InvalidResponse", "the nextLinks of the listing form a cycle")
    if len(followed) + 1 >= MAX_PAGES:
        raise AzureError("InvalidResponse", f"the listing exceeds {MAX_PAGES} pages")
    if waited > LISTING_DEADLINE_SECONDS:
        raise AzureError("Timeout", f"the listing did not end within {LISTING_DEADLINE_SECONDS:g} s")


async def _parse_page(body: bytes, keys: set[str]) -> tuple[NSGPage, str | None]:
    """Return a page and its nextLink. The folded ids of its NSGs are added to `keys`, the ids of the listing so far."""
    listing = await _parse_listing(body)
    nsgs: list[RawNSG] = []
    unreadable = 0
    for raw in listing.value:
        nsg_id = _parse_id(raw)
        if nsg_id is None:
            unreadable += 1
        elif (key := nsg_id.lower()) not in keys:
            keys.add(key)
            nsgs.append(RawNSG(nsg_id, xxhash.xxh3_128_digest(bytes(raw)), raw))
    return NSGPage(tuple(nsgs), unreadable), listing.next_link


async def _parse_listing(body: bytes) -> _Listing:
    with translate_errors():
        try:
            return msgspec.json.decode(body, type=_Listing)
        except (msgspec.DecodeError, RecursionError):
            if len(body) > MAX_LENIENT_BYTES:
                raise
            # In a thread, because 8 MiB of brackets take seconds.
            return await asyncio.to_thread(_parse_leniently, body)


def _parse_leniently(body: bytes) -> _Listing:
    """Parse a listing with invalid text, such as a lone surrogate, or deep nesting.

    One NSG must not hide the others. The faulty element fails later, when it is decoded.
    """
    elements, listing = split_elements(body)
    next_link = json.loads(listing.decode(errors="surrogateescape")).get("nextLink")
    return _Listing([msgspec.Raw(element) for element in elements], msgspec.convert(next_link, str | None))


def _parse_id(raw: msgspec.Raw) -> str | None:
    """Return the id of an element, or None if it has no valid one."""
    try:
        nsg_id = _decode_id(raw)
        NSGId.parse(nsg_id)
    except (ValueError, RecursionError):
        return None
    return nsg_id if len(nsg_id) <= MAX_ID_LENGTH and nsg_id.isprintable() else None


def _decode_id(raw: msgspec.Raw) -> str:
    """Return the id of an element, even if another property contains invalid text."""
    try:
        return msgspec.json.decode(raw, type=_Identified).id
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        element = json.loads(bytes(raw).decode(errors="surrogateescape"))
        return msgspec.convert(element, _Identified).id
