"""ARM's small lists, page by page. Listings of NSGs are another matter; see `read`."""

import json
from typing import Any

from nsg_baseline.azure.client import ArmClient
from nsg_baseline.azure.errors import AzureError

MAX_PAGES = 20


async def list_all(
    client: ArmClient, what: str, path: str, version: str, **query: str
) -> tuple[list[dict[str, Any]], bool]:
    """Return the objects of a list, and whether these are all: after 20 pages it is left.

    Args:
        client: Whose rights count.
        what: What they are, for an error's text.
        path: The list's path.
        version: Its API version.
        query: Further parameters.

    Raises:
        AzureError: the list cannot be had, or is none.
    """
    body = await client.get(path, version, **query)
    found: list[dict[str, Any]] = []
    for _ in range(MAX_PAGES):
        page, link = _page(body, what)
        found += page
        if not link:
            return found, True
        body = await client.follow(link)
    return found, False


def _page(body: bytes, what: str) -> tuple[list[dict[str, Any]], str | None]:
    try:
        document = json.loads(body)
        rows, link = document["value"], document.get("nextLink")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AzureError("InvalidResponse", f"Azure's answer is no list of {what}") from None
    return [row for row in rows if isinstance(row, dict)], link
