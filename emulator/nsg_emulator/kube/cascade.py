"""Cascading deletion: the objects that a deleted object owns, and the content of a deleted namespace."""

from collections import defaultdict

from .collection import Collection
from .history import Change
from .shapes import Key, Obj


class Owners:
    """An index from owners to their objects, updated with every change."""

    def __init__(self) -> None:
        """Create an empty index."""
        self._owned: defaultdict[str, dict[tuple[int, Key], Collection]] = defaultdict(dict)

    def record(self, collection: Collection, change: Change) -> None:
        """Update the index with one change."""
        place = (id(collection), change.key)
        for uid in _owners(change.before):
            self._owned[uid].pop(place, None)
        if change.type != "DELETED":
            for uid in _owners(change.object):
                self._owned[uid][place] = collection

    def left_by(self, owner: Obj) -> list[tuple[Collection, Key]]:
        """Return the objects of a deleted owner, and remove the owner from the index."""
        dependents = self._owned.pop(owner["metadata"]["uid"], {})
        return [(collection, key) for (_, key), collection in dependents.items()]


def disowned(obj: Obj, owner: Obj) -> Obj:
    """Return an object without its reference to the owner."""
    uid = owner["metadata"]["uid"]
    references = [reference for reference in obj["metadata"].get("ownerReferences", []) if reference["uid"] != uid]
    metadata = {name: part for name, part in obj["metadata"].items() if name != "ownerReferences"}
    return {**obj, "metadata": {**metadata, **({"ownerReferences": references} if references else {})}}


def _owners(obj: Obj | None) -> list[str]:
    return [reference["uid"] for reference in (obj or {"metadata": {}})["metadata"].get("ownerReferences", [])]
