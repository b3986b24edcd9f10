"""Whole lists into the store.

At the start, since watches do not say when they have told everything; and at intervals, since a stream can die
silently.
"""

from collections.abc import Iterable

from nsg_baseline.api.common import Resource
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.store import Store


async def sync(kube: Kube, store: Store, kinds: Iterable[type[Resource]]) -> None:
    """Make the store hold what the API server holds.

    Raises:
        KubeError: a list failed; what was read until then is in the store, and nothing was forgotten.
    """
    labels = await kube.namespaces()
    for name, found in labels.items():
        store.put_namespace(name, found)
    for name in store.namespaces.keys() - labels.keys():
        store.forget_namespace(name)
    for kind in kinds:
        await _sync_kind(kube, store, kind)


async def _sync_kind(kube: Kube, store: Store, kind: type[Resource]) -> None:
    uids: set[str] = set()
    version = "0"
    async for page, seen in kube.pages(kind):
        # All pages are of the first one's version.
        version = version if version != "0" else seen
        for item in page:
            # Items of a list come without their type.
            store.put(kind, {"apiVersion": "nsg-baseline.io/v1alpha1", "kind": kind.__name__, **item})
            uids.add(str(item["metadata"].get("uid") or ""))
    store.keep_only(kind, frozenset(uids), int(version))
