"""Fills the store from complete lists.

A list is read at the start, because a watch does not report when it has sent all objects, and at intervals, because a
watch can stop without an error.
"""

from collections.abc import Iterable

from nsg_baseline.api.common import Resource
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.store import Store


async def sync(kube: Kube, store: Store, kinds: Iterable[type[Resource]]) -> None:
    """Make the store equal to the API server.

    Raises:
        KubeError: a list failed. The pages before it are in the store, and no object of that kind was removed.
    """
    await sync_namespaces(kube, store)
    for kind in kinds:
        await sync_kind(kube, store, kind)


async def sync_namespaces(kube: Kube, store: Store) -> None:
    """Make the labels of the namespaces equal to those of the API server.

    Raises:
        KubeError: the list failed; nothing was changed.
    """
    namespaces = await kube.namespaces()
    for name, labels in namespaces.items():
        store.put_namespace(name, labels)
    for name in store.namespaces.keys() - namespaces.keys():
        store.forget_namespace(name)


async def sync_kind(kube: Kube, store: Store, kind: type[Resource]) -> None:
    """Make the objects of one kind equal to those of the API server.

    Raises:
        KubeError: the list failed. The pages before it are in the store, and no object was removed.
    """
    uids: set[str] = set()
    version = "0"
    async for page, page_version in kube.pages(kind):
        # All pages have the version of the first page.
        version = version if version != "0" else page_version
        for item in page:
            # The items of a list have no apiVersion and kind.
            store.put(kind, {"apiVersion": "nsg-baseline.io/v1alpha1", "kind": kind.__name__, **item})
            uids.add(str(item["metadata"].get("uid") or ""))
    store.keep_only(kind, frozenset(uids), int(version))
