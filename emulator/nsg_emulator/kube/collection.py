"""All objects of one resource type, with their versions. `Resource` validates before it stores here."""

import itertools
from collections.abc import Callable, Iterable, Iterator

from .fields import Owner, Ownership
from .history import Change, History
from .shapes import Key, Obj


class Collection:
    """The objects of one resource type, shared by all its API versions."""

    def __init__(self, clock: Iterator[int], born: int = 0, history: int = 1000) -> None:
        """Create an empty collection.

        Args:
            clock: yields the next resourceVersion; all collections of a store share it.
            born: the current version of the store. A watch from an older version gets 410.
            history: number of changes that are kept.
        """
        self._clock = clock
        self.objects: dict[Key, Obj] = {}
        self.owners: dict[Key, Ownership] = {}
        self.creators: dict[Key, Owner] = {}
        self.history = History(history, born)
        self.hooks: list[Callable[[Change], None]] = []

    def rehearsal(self) -> "Collection":
        """Return a copy for dry runs, whose changes are not visible."""
        twin = Collection(itertools.count(self.history.forgotten + 1))
        twin.objects, twin.owners, twin.creators = dict(self.objects), dict(self.owners), dict(self.creators)
        return twin

    def get(self, key: Key) -> Obj | None:
        """Return an object; None if it does not exist."""
        return self.objects.get(key)

    def in_order(self, objects: Iterable[tuple[Key, Obj]] | None = None) -> list[tuple[Key, Obj]]:
        """Return keys and objects in the order of etcd: by namespace, then by name."""
        return sorted(self.objects.items() if objects is None else objects, key=lambda pair: pair[0])

    def put(self, key: Key, obj: Obj) -> Obj:
        """Store an object under a new resourceVersion and return it."""
        before = self.objects.get(key)
        return self._commit(Change(*self._stamp(obj, key, "ADDED" if before is None else "MODIFIED"), before))

    def remove(self, key: Key, last: Obj) -> Obj:
        """Remove an object; watchers receive `last`, its final state."""
        before = self.objects[key]
        return self._commit(Change(*self._stamp(last, key, "DELETED"), before))

    def _stamp(self, obj: Obj, key: Key, change: str) -> tuple[int, str, Key, Obj]:
        version = next(self._clock)
        return version, change, key, {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}

    def _commit(self, change: Change) -> Obj:
        if change.type == "DELETED":
            del self.objects[change.key]
            self.owners.pop(change.key, None)
            self.creators.pop(change.key, None)
        else:
            self.objects[change.key] = change.object
        self.history.add(change)
        for hook in self.hooks:
            hook(change)
        return change.object
