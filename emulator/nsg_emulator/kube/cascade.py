"""What goes along with a deleted object: the objects that it owns, and a namespace's content."""

from collections import defaultdict

from .collection import Collection
from .history import Change
from .shapes import Key, Obj


class Owners:
    """Which objects name which owner, kept up with every change."""

    def __init__(self) -> None:
        """Start empty."""
        self._owned: defaultdict[str, dict[tuple[int, Key], Collection]] = defaultdict(dict)

    def record(self, collection: Collection, change: Change) -> None:
        """Keep the index up with one change."""
        place = (id(collection), change.key)
        for uid in _owners(change.before):
            self._owned[uid].pop(place, None)
        if change.type != "DELETED":
            for uid in _owners(change.object):
                self._owned[uid][place] = collection

    def left_by(self, owner: Obj) -> list[tuple[Collection, Key]]:
        """Return the objects that a deleted owner leaves, and forget the owner."""
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
