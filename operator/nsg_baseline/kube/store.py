"""What the API server holds of the four kinds, in memory: filled by lists, kept up by watches and own writes."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

from nsg_baseline.api.common import CONFIRM, REQUESTED_AT, ObjectKey, Resource
from nsg_baseline.api.validation import read

_HEARD_ANNOTATIONS = (REQUESTED_AT, CONFIRM)


@dataclass(frozen=True, slots=True)
class Stored:
    """One object, packed: 5,000 baselines of 20 rules would be 180 MiB as models, and few are read at a time."""

    key: ObjectKey
    uid: str
    version: int
    intent: str
    packed: bytes

    def document(self) -> dict[str, Any]:
        """Return the object as the API server holds it."""
        unpacked: dict[str, Any] = msgspec.json.decode(zlib.decompress(self.packed))
        return unpacked


@dataclass(frozen=True, slots=True)
class Event:
    """Something changed. `Intent` is what users say (spec, annotations that order something, labels); else status."""

    kind: type[Resource]
    key: ObjectKey
    what: Literal["Intent", "Status", "Gone"]


@dataclass(frozen=True, slots=True)
class NamespaceEvent:
    """A namespace came, went or has other labels."""

    name: str


R = TypeVar("R", bound=Resource)
Listener = Callable[[Event | NamespaceEvent], None]


class Store:
    """Objects by kind and key. An older version never replaces a newer one."""

    def __init__(self, kinds: Iterable[type[Resource]]) -> None:
        self._kinds: dict[type[Resource], dict[ObjectKey, Stored]] = {kind: {} for kind in kinds}
        self._listeners: list[Listener] = []
        self._namespaces: dict[str, dict[str, str]] = {}

    def listen(self, listener: Listener) -> None:
        """Call a function at every change."""
        self._listeners.append(listener)

    def keys(self, kind: type[Resource]) -> tuple[ObjectKey, ...]:
        """Return the keys of all objects of a kind."""
        return tuple(self._kinds[kind])

    def stored(self, kind: type[Resource]) -> Iterator[Stored]:
        """Yield all objects of a kind as they are stored."""
        yield from tuple(self._kinds[kind].values())

    def find(self, kind: type[Resource], key: ObjectKey) -> Stored | None:
        """Return one object as it is stored."""
        return self._kinds[kind].get(key)

    def put(self, kind: type[Resource], document: Mapping[str, Any]) -> None:
        """Take an object over, unless a newer version of it is known."""
        new = pack(document)
        known = self._kinds[kind].get(new.key)
        same = known is not None and known.uid == new.uid
        if known is not None and same and new.version <= known.version:
            return
        self._kinds[kind][new.key] = new
        self._tell(
            Event(kind, new.key, "Status" if known is not None and same and known.intent == new.intent else "Intent")
        )

    def drop(self, kind: type[Resource], key: ObjectKey, uid: str) -> None:
        """Forget an object that was deleted, unless another of its name took its place."""
        known = self._kinds[kind].get(key)
        if known is not None and known.uid == uid:
            del self._kinds[kind][key]
            self._tell(Event(kind, key, "Gone"))

    def keep_only(self, kind: type[Resource], uids: frozenset[str], version: int) -> None:
        """After a full list of this version: forget what it lacks and what is not newer."""
        for known in self.stored(kind):
            if known.uid not in uids and known.version <= version:
                self.drop(kind, known.key, known.uid)

    @property
    def namespaces(self) -> Mapping[str, Mapping[str, str]]:
        """The labels of every namespace by its name."""
        return self._namespaces

    def put_namespace(self, name: str, labels: dict[str, str]) -> None:
        """Take a namespace's labels over."""
        if self._namespaces.get(name) != labels:
            self._namespaces[name] = labels
            self._tell(NamespaceEvent(name))

    def forget_namespace(self, name: str) -> None:
        """Forget a namespace that was deleted."""
        if self._namespaces.pop(name, None) is not None:
            self._tell(NamespaceEvent(name))

    def _tell(self, event: Event | NamespaceEvent) -> None:
        for listener in self._listeners:
            listener(event)


def pack(document: Mapping[str, Any]) -> Stored:
    """Pack an object as the API server sent it."""
    meta = dict(document["metadata"])
    meta.pop("managedFields", None)
    key = ObjectKey(str(meta.get("namespace") or ""), str(meta["name"]))
    annotations = meta.get("annotations") or {}
    heard = [annotations.get(name) for name in _HEARD_ANNOTATIONS]
    intent = msgspec.json.encode(
        [meta.get("generation"), heard, meta.get("labels"), document.get("spec") if "generation" not in meta else None]
    )
    packed = zlib.compress(msgspec.json.encode({**document, "metadata": meta}), level=1)
    return Stored(key, str(meta.get("uid") or ""), int(meta.get("resourceVersion") or 0), intent.decode(), packed)


def resource(kind: type[R], stored: Stored) -> R:
    """Read a stored object.

    Raises:
        InvalidObject: it contradicts its schema.
    """
    return read(kind, stored.document())
