"""The objects of the operator's kinds in memory. Lists fill the store; watches and own writes update it."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import msgspec

from nsg_baseline.api.common import CONFIRM, REQUESTED_AT, ObjectKey, Resource
from nsg_baseline.api.validation import read
from nsg_baseline.kube.merging import merged_status

_INTENT_ANNOTATIONS = (REQUESTED_AT, CONFIRM)


MAX_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Unsaved:
    """The statuses that the API server may have while a newer status is in memory.

    Attributes:
        base: the last known status of the API server, as JSON.
        attempts: statuses whose write got no response, as JSON. The API server may have stored any of them.
    """

    base: bytes
    attempts: tuple[bytes, ...] = ()

    def base_before(self, remote: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the common base for a merge. A stored write of this process is not a change by others."""
        if any(msgspec.json.decode(attempt) == remote for attempt in self.attempts):
            return remote
        base: Mapping[str, Any] = msgspec.json.decode(self.base)
        return base


@dataclass(frozen=True, slots=True)
class Stored:
    """One compressed object. 5,000 baselines of 20 rules take 180 MiB as models, and few are read at a time.

    Attributes:
        uid: the uid of the object; empty before the API server created it.
        unsaved: set while the API server has not stored the latest status.
    """

    key: ObjectKey
    uid: str
    version: int
    intent: str
    packed: bytes
    unsaved: Unsaved | None = None

    @property
    def spec_version(self) -> str:
        """The version of the spec. Labels and annotations do not change it."""
        generation, _, _, spec = msgspec.json.decode(self.intent)
        return str(generation) if spec is None else msgspec.json.encode(spec).decode()

    def document(self) -> dict[str, Any]:
        """Return the object with its latest status."""
        unpacked: dict[str, Any] = msgspec.json.decode(zlib.decompress(self.packed))
        return unpacked

    def status(self) -> dict[str, Any]:
        """Return the latest status; empty if there is none."""
        status: dict[str, Any] = self.document().get("status") or {}
        return status


@dataclass(frozen=True, slots=True)
class Event:
    """A change to an object: `Intent` (spec, labels or a request annotation), `Status` (anything else) or `Gone`."""

    kind: type[Resource]
    key: ObjectKey
    what: Literal["Intent", "Status", "Gone"]


@dataclass(frozen=True, slots=True)
class NamespaceEvent:
    """A namespace was created or deleted, or its labels changed."""

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
        """Register a function that is called for each event."""
        self._listeners.append(listener)

    def keys(self, kind: type[Resource]) -> tuple[ObjectKey, ...]:
        """Return the keys of all objects of a kind."""
        return tuple(self._kinds[kind])

    def stored(self, kind: type[Resource]) -> Iterator[Stored]:
        """Yield all objects of a kind as they are stored."""
        yield from tuple(self._kinds[kind].values())

    def find(self, kind: type[Resource], key: ObjectKey) -> Stored | None:
        """Return one object as it is stored; None if it is not in the store."""
        return self._kinds[kind].get(key)

    def put(self, kind: type[Resource], document: Mapping[str, Any]) -> None:
        """Store an object that the API server sent, unless the store has the same or a newer version of it.

        An unsaved status is merged with the status that the API server sent.
        """
        new = pack(document)
        current = self._kinds[kind].get(new.key)
        if current is not None and current.uid not in ("", new.uid):
            current = None
        if current is not None and new.version <= current.version:
            return
        if current is not None and current.unsaved is not None:
            new = _merged(kind, current.status(), current.unsaved, document)
        self._replace(kind, new, current)

    def put_unsaved(self, kind: type[Resource], document: Mapping[str, Any]) -> None:
        """Store an object that the API server has not stored yet, or not with this status."""
        new = pack(document)
        current = self._kinds[kind].get(new.key)
        unsaved = current.unsaved if current is not None else None
        if unsaved is None:
            unsaved = Unsaved(msgspec.json.encode(current.status() if current is not None else {}))
        self._replace(kind, replace(new, unsaved=unsaved), current)

    def attempted(self, kind: type[Resource], key: ObjectKey, status: Mapping[str, Any]) -> None:
        """Record that the write of an unsaved status got no response."""
        current = self._kinds[kind].get(key)
        if current is not None and current.unsaved is not None:
            attempts = dict.fromkeys((*current.unsaved.attempts, msgspec.json.encode(status)))
            unsaved = replace(current.unsaved, attempts=tuple(attempts)[-MAX_ATTEMPTS:])
            self._kinds[kind][key] = replace(current, unsaved=unsaved)

    def saved(self, kind: type[Resource], key: ObjectKey, status: Mapping[str, Any]) -> None:
        """Record that the API server has stored a status, unless the latest status is another one."""
        current = self._kinds[kind].get(key)
        if current is not None and current.uid and current.status() == status:
            self._kinds[kind][key] = replace(current, unsaved=None)

    def discard(self, kind: type[Resource], key: ObjectKey) -> None:
        """Discard the unsaved status of an object, or the object if the API server has not created it."""
        current = self._kinds[kind].get(key)
        if current is None or current.unsaved is None:
            return
        if not current.uid:
            self.drop(kind, key, "")
            return
        document = {**current.document(), "status": msgspec.json.decode(current.unsaved.base)}
        self._replace(kind, pack(document), current)

    def _replace(self, kind: type[Resource], new: Stored, current: Stored | None) -> None:
        self._kinds[kind][new.key] = new
        is_status = current is not None and current.intent == new.intent
        self._publish(Event(kind, new.key, "Status" if is_status else "Intent"))

    def drop(self, kind: type[Resource], key: ObjectKey, uid: str) -> None:
        """Remove a deleted object, unless an object with another uid replaced it."""
        current = self._kinds[kind].get(key)
        if current is not None and current.uid == uid:
            del self._kinds[kind][key]
            self._publish(Event(kind, key, "Gone"))

    def keep_only(self, kind: type[Resource], uids: frozenset[str], version: int) -> None:
        """Remove the objects that a complete list of this version does not contain.

        Newer objects stay, and objects that the API server has not created yet.
        """
        for stored in self.stored(kind):
            if stored.uid and stored.uid not in uids and stored.version <= version:
                self.drop(kind, stored.key, stored.uid)

    @property
    def namespaces(self) -> Mapping[str, Mapping[str, str]]:
        """The labels of every namespace, by name."""
        return self._namespaces

    def put_namespace(self, name: str, labels: dict[str, str]) -> None:
        """Store the labels of a namespace."""
        if self._namespaces.get(name) != labels:
            self._namespaces[name] = labels
            self._publish(NamespaceEvent(name))

    def forget_namespace(self, name: str) -> None:
        """Remove a deleted namespace."""
        if self._namespaces.pop(name, None) is not None:
            self._publish(NamespaceEvent(name))

    def _publish(self, event: Event | NamespaceEvent) -> None:
        for listener in self._listeners:
            listener(event)


def _merged(kind: type[Resource], local: Mapping[str, Any], unsaved: Unsaved, document: Mapping[str, Any]) -> Stored:
    remote = document.get("status") or {}
    status = merged_status(kind, unsaved.base_before(remote), local, remote)
    merged = pack({**document, "status": status})
    if status == remote:
        return merged
    return replace(merged, unsaved=Unsaved(msgspec.json.encode(remote), unsaved.attempts))


def pack(document: Mapping[str, Any]) -> Stored:
    """Compress an object that the API server sent."""
    meta = dict(document["metadata"])
    meta.pop("managedFields", None)
    key = ObjectKey(str(meta.get("namespace") or ""), str(meta["name"]))
    annotations = meta.get("annotations") or {}
    requests = [annotations.get(name) for name in _INTENT_ANNOTATIONS]
    intent = msgspec.json.encode(
        [
            meta.get("generation"),
            requests,
            meta.get("labels"),
            document.get("spec") if "generation" not in meta else None,
        ]
    )
    packed = zlib.compress(msgspec.json.encode({**document, "metadata": meta}), level=1)
    return Stored(key, str(meta.get("uid") or ""), int(meta.get("resourceVersion") or 0), intent.decode(), packed)


def resource(kind: type[R], stored: Stored) -> R:
    """Read a stored object.

    Raises:
        InvalidObject: the object does not match its schema.
    """
    return read(kind, stored.document())
