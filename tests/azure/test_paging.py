"""Short lists: each page is requested as the first one was, and all pages count."""

import json
from typing import Any, cast

import pytest

from nsg_baseline.azure.client import ArmClient
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.paging import MAX_PAGES, list_all


class Client:
    """Returns pages, and logs the requests."""

    def __init__(self, *pages: object) -> None:
        self.pages = [json.dumps(page).encode() for page in pages]
        self.requests: list[tuple[Any, ...]] = []

    async def get(self, path: str, version: str, **query: str) -> bytes:
        self.requests.append((path, version, query))
        return self.pages.pop(0)

    async def follow(self, link: str) -> bytes:
        self.requests.append((link,))
        return self.pages.pop(0)


async def listed(client: Client) -> tuple[list[dict[str, Any]], bool]:
    return await list_all(cast("ArmClient", client), "/subscriptions/1/x", "2024-01-01", **{"$filter": "atScope()"})


def page(*numbers: int, link: str | None = None) -> dict[str, Any]:
    return {"value": [{"number": number} for number in numbers], **({"nextLink": link} if link else {})}


async def test_all_pages_are_read() -> None:
    # A permission on the second page is a permission.
    client = Client(page(1, 2, link="b"), page(3, link="c"), page(4))
    assert await listed(client) == ([{"number": number} for number in (1, 2, 3, 4)], True)
    assert client.requests == [("/subscriptions/1/x", "2024-01-01", {"$filter": "atScope()"}), ("b",), ("c",)]


@pytest.mark.parametrize(("count", "is_complete"), [(20, True), (21, False)])
async def test_at_most_twenty_pages_are_read(count: int, *, is_complete: bool) -> None:
    # An endless list must not stop the watch, and nothing may be concluded from a part of it.
    assert MAX_PAGES == 20
    pages = [page(number, link="next" if number < count - 1 else None) for number in range(count)]
    client = Client(*pages)
    items, complete = await listed(client)
    assert (len(items), complete, len(client.requests)) == (20, is_complete, 20)


async def test_items_that_are_not_objects_are_skipped_and_other_values_are_an_error() -> None:
    # Azure's answer is data of another party.
    assert await listed(Client({"value": [1, {"a": 2}, None]})) == ([{"a": 2}], True)
    documents: tuple[object, ...] = ({}, {"value": {}}, [], {"value": [], "nextLink": 5})
    for document in documents:
        with pytest.raises(AzureError) as wrong:
            await listed(Client(document))
        assert wrong.value.reason == "InvalidResponse"
