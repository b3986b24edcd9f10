"""A resync: the store equals the API server afterwards, also when objects change during the list."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey, Resource
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.store import Store
from nsg_baseline.kube.sync import sync


def item(name: str, version: int) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "team-web", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata, "spec": {}}


class ListOnlyKube:
    """An API server with scripted pages. During the list, a watch delivers `created` to the store."""

    def __init__(self, store: Store, pages: list[tuple[list[dict[str, Any]], str]]) -> None:
        self.store = store
        self.scripted = pages
        self.created: list[dict[str, Any]] = []
        self.error: KubeError | None = None
        self.labels: dict[str, dict[str, str]] = {"team-web": {}}

    async def namespaces(self) -> dict[str, dict[str, str]]:
        return self.labels

    async def pages(self, kind: type[Resource]) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        for page in self.scripted:
            yield page
            for document in self.created:
                self.store.put(kind, document)
        if self.error is not None:
            raise self.error


@pytest.fixture
def store() -> Store:
    return Store([NSGBaseline])


async def resync(store: Store, server: ListOnlyKube) -> set[str]:
    await sync(cast("Kube", server), store, [NSGBaseline])
    return {key.name for key in store.keys(NSGBaseline)}


async def test_an_object_created_during_the_list_is_kept(store: Store) -> None:
    # The list does not contain it. Without the version check, the resync would remove a new baseline.
    server = ListOnlyKube(store, [([item("web", 5)], "10"), ([item("db", 6)], "12")])
    server.created = [item("new", 11)]
    assert await resync(store, server) == {"web", "db", "new"}


async def test_an_object_missing_from_the_list_is_removed(store: Store) -> None:
    # Its deletion was missed. The version of the first page counts.
    store.put(NSGBaseline, item("gone", 10))
    server = ListOnlyKube(store, [([item("web", 5)], "10"), ([], "12")])
    assert await resync(store, server) == {"web"}


async def test_a_failed_list_removes_nothing(store: Store) -> None:
    # What a broken list did not reach is unknown, not deleted.
    store.put(NSGBaseline, item("old", 4))
    server = ListOnlyKube(store, [([item("web", 5)], "10")])
    server.error = KubeError("Timeout", "no answer")
    with pytest.raises(KubeError):
        await resync(store, server)
    assert {key.name for key in store.keys(NSGBaseline)} == {"old", "web"}


async def test_items_get_their_type_and_namespaces_follow_the_list(store: Store) -> None:
    # The items of a list have no apiVersion and kind, and validation needs both.
    store.put_namespace("gone", {})
    server = ListOnlyKube(store, [([item("web", 5)], "10")])
    await resync(store, server)
    stored = store.find(NSGBaseline, ObjectKey("team-web", "web"))
    assert stored is not None
    document = stored.document()
    assert (document["apiVersion"], document["kind"]) == ("nsg-baseline.io/v1alpha1", "NSGBaseline")
    assert store.namespaces == {"team-web": {}}
