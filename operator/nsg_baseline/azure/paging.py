"""Short ARM lists, read as a whole. NSG listings are read page by page; see `read`."""

from typing import Any

import msgspec

from nsg_baseline.azure.client import ArmClient
from nsg_baseline.azure.errors import translate_errors

MAX_PAGES = 20


class _Page(msgspec.Struct):
    value: list[Any]
    next_link: str | None = msgspec.field(default=None, name="nextLink")


async def list_all(client: ArmClient, path: str, version: str, **query: str) -> tuple[list[dict[str, Any]], bool]:
    """Return the objects of a list, and whether the list is complete: at most `MAX_PAGES` pages are read.

    Args:
        client: sends the requests.
        path: the path of the list.
        version: its API version.
        query: further query parameters.

    Raises:
        AzureError: the list could not be read.
    """
    body = await client.get(path, version, **query)
    items: list[dict[str, Any]] = []
    for _ in range(MAX_PAGES - 1):
        page = _parse_page(body)
        items += _objects(page)
        if not page.next_link:
            return items, True
        body = await client.follow(page.next_link)
    last = _parse_page(body)
    return items + _objects(last), not last.next_link


def _parse_page(body: bytes) -> _Page:
    with translate_errors():
        return msgspec.json.decode(body, type=_Page)


def _objects(page: _Page) -> list[dict[str, Any]]:
    return [item for item in page.value if isinstance(item, dict)]
