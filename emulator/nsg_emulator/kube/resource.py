"""The verbs of the API on one kind in one version."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from . import applying, metadata
from .admission import StrictError, Strictness, decode, decode_config, validate
from .collection import Collection
from .errors import (
    ApiError,
    already_exists,
    bad_request,
    conflict,
    invalid,
    not_found,
    precondition_words,
    unsupported_media,
)
from .fields import ANYTHING, Ownership
from .kinds import Kind
from .patching import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, PATCHES, STRATEGIC_PATCH
from .schema import faults
from .shapes import Key, Obj, Validator, clone
from .times import timestamp

_OTHER_NAMESPACE = "the namespace of the provided object does not match the namespace sent on the request"
_MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


@dataclass(slots=True)
class Write:
    """The parameters of a write."""

    manager: str = "unknown"
    subresource: str = ""
    force: bool = False
    strictness: Strictness = field(default_factory=Strictness)


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind in one version. `read` and `write` convert between this version and the stored version."""

    kind: Kind
    collection: Collection
    validators: Sequence[Validator] = ()
    read: Callable[[Obj], Obj] = lambda stored: stored
    write: Callable[[Obj], Obj] = lambda obj: obj

    def rehearsal(self) -> "Resource":
        """Return the same resource with a copy of its collection, for dry runs."""
        return replace(self, collection=self.collection.rehearsal())

    def get(self, key: Key) -> Obj:
        """Return an object.

        Raises:
            ApiError: 404 if it does not exist.
        """
        stored = self.collection.get(key)
        if stored is None:
            raise not_found(self.kind, key[1])
        return self.read(stored)

    def create(self, namespace: str, body: Any, write: Write) -> Obj:
        """Store a new object under its name, or a name generated from `generateName`.

        Raises:
            ApiError: 400 if it cannot be decoded, 409 if the name exists, 422 if it is invalid.
        """
        obj = decode(self.kind, body, write.strictness)
        key = self._new_key(namespace, obj)
        if obj["metadata"].get("resourceVersion"):
            raise ApiError(500, "InternalError", "resourceVersion should not be set on objects to be created")
        if self.collection.get(key) is not None:
            raise already_exists(self.kind, key[1])
        if self.kind.status:
            obj.pop("status", None)
            # The server sets defaults at each read, so a default status exists from the start.
            obj |= _default_status(self.kind)
        obj["metadata"] = {
            **{name: part for name, part in obj["metadata"].items() if not name.startswith("deletion")},
            "name": key[1],
            **({"namespace": namespace} if self.kind.namespaced else {}),
            "uid": str(uuid.uuid4()),
            "creationTimestamp": timestamp(),
            **({"generation": 1} if self.kind.generations else {}),
        }
        obj = self.kind.prepare(obj) if self.kind.prepare else obj
        validate(self.kind, obj, None, self.validators)
        self.collection.creators[key] = (write.manager, self.kind.api_version)
        return self.read(self.collection.put(key, self.write(obj)))

    def replace(self, key: Key, body: Any, write: Write) -> Obj:
        """Replace the object or only its status.

        Raises:
            ApiError: 400 if it cannot be decoded, 404 if it does not exist, 409 if it changed since it was read, 422 if
                it is invalid.
        """
        new = self._sent(key, body, write)
        old = self.get(key)
        if self.kind.locked and not new["metadata"].get("resourceVersion"):
            fault = faults.bad("metadata.resourceVersion", 0, "must be specified for an update")
            raise invalid(self.kind, key[1], [fault], named=self.kind.title)
        return self._update(key, old, new, write)

    def patch(self, key: Key, patch: Any, content_type: str, write: Write) -> Obj:
        """Change an object by a JSON, merge or strategic merge patch.

        Raises:
            ApiError: 415 for an unsupported patch type, otherwise as `replace`.
        """
        accepted = [JSON_PATCH, MERGE_PATCH, *([] if self.kind.custom else [STRATEGIC_PATCH])]
        if content_type not in accepted:
            raise unsupported_media([*accepted, APPLY_PATCH])
        old = self.get(key)
        patched = PATCHES[content_type](old, patch)
        try:
            new = self._sent(key, patched, write, old)
        except StrictError as error:
            words = f' "" is invalid: patch: Invalid value: {faults.shown(faults.shown(patched))}: {error.why}'
            raise ApiError(422, "Invalid", words) from None
        return self._update(key, old, new, write)

    def apply(self, key: Key, body: Any, write: Write) -> tuple[Obj, bool]:
        """Merge an applied configuration (server-side apply), creating the object if it does not exist.

        Returns:
            The object, and whether it is new.

        Raises:
            ApiError: 409 if another manager owns a field with a different value; otherwise as `replace`.
        """
        config, unknown = decode_config(self.kind, body)
        applying.check_typed(self.kind, config, unknown)
        stored = self.collection.get(key)
        if stored is None and write.subresource:
            raise not_found(self.kind, key[1])
        if stored is None:
            obj = self.create(key[0], self._sent(key, config, write), write)
            owned = applying.owned_paths(self._schema, self._of_subresource(config, write))
            self.collection.creators.pop(key)
            self.collection.owners[key] = {(write.manager, ""): frozenset(owned)}
            return obj, True
        old = self.read(stored)
        owners = self.collection.owners.get(key, {})
        if creator := self.collection.creators.pop(key, None):
            owners = applying.created(self._schema, self._of_subresource(old, write), owners, creator)
        config = self._of_subresource(config, write)
        merged, owners = applying.apply(self._schema, old, config, owners, write.manager, force=write.force)
        return self._update(key, old, self._sent(key, merged, write, old), write, owners=owners), False

    def delete(self, key: Key, preconditions: Obj | None = None) -> tuple[Obj, bool]:
        """Remove an object; an object with finalizers only gets a deletion timestamp.

        Returns:
            Its last state, and whether it was removed.

        Raises:
            ApiError: 404 if it does not exist, 409 if a precondition fails.
        """
        old = self.get(key)
        for name, expected in (preconditions or {}).items():
            if expected and old["metadata"].get(name) != expected:
                why = precondition_words(name, expected, old["metadata"].get(name))
                raise conflict(self.kind, key[1], why, named=self.kind.qualified)
        if not self._must_stay(old):
            return self.read(self.collection.remove(key, self.write(old))), True
        if old["metadata"].get("deletionTimestamp"):
            return old, False
        marked = {"deletionTimestamp": timestamp(), "deletionGracePeriodSeconds": 0, **self._next_generation(old)}
        going = {**old, "metadata": {**old["metadata"], **marked}}
        going = self.kind.prepare(going) if self.kind.prepare else going
        return self.read(self.collection.put(key, self.write(going))), False

    @property
    def _schema(self) -> Obj:
        return self.kind.schema or ANYTHING

    def _new_key(self, namespace: str, obj: Obj) -> Key:
        name, start = obj["metadata"].get("name"), obj["metadata"].get("generateName")
        if not name and not start:
            raise invalid(self.kind, "", [faults.required("metadata.name", "name or generateName is required")])
        if obj["metadata"].get("namespace", namespace) != namespace and self.kind.namespaced:
            raise bad_request(_OTHER_NAMESPACE)
        return (namespace if self.kind.namespaced else "", name or f"{start}{metadata.suffix()}")

    def _sent(self, key: Key, body: Any, write: Write, old: Obj | None = None) -> Obj:
        """Decode the object that a client sends for a key. Parts that are shared with `old` are not decoded again."""
        obj = decode(self.kind, body, write.strictness, old)
        name = obj["metadata"].get("name", key[1])
        if name != key[1]:
            raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({key[1]})")
        if self.kind.namespaced and obj["metadata"].get("namespace", key[0]) != key[0]:
            raise bad_request(_OTHER_NAMESPACE)
        return obj

    def _of_subresource(self, obj: Obj, write: Write) -> Obj:
        """Return the part of an object that a request to this path can change."""
        if not self.kind.status:
            return obj
        if write.subresource == "status":
            return {name: part for name, part in obj.items() if name in ("apiVersion", "kind", "status")}
        return {name: part for name, part in obj.items() if name != "status"}

    def _update(self, key: Key, old: Obj, new: Obj, write: Write, owners: Ownership | None = None) -> Obj:
        """Store a changed object. `owners` is the ownership if the caller has computed it."""
        self._lock(key, old["metadata"], new["metadata"])
        new = self._merged_for(old, new, write)
        new["metadata"] = metadata.kept(old["metadata"], new["metadata"])
        new = self.kind.prepare(new) if self.kind.prepare else new
        if new != old:
            validate(self.kind, new, old, self.validators, write.subresource)
        self._settle_owners(key, old, new, write, owners)
        if new == old:
            return old
        if _moved(old, new, apart=("status",) if self.kind.status else ()):
            new["metadata"] |= self._next_generation(old)
        if old["metadata"].get("deletionTimestamp") and not self._must_stay(new):
            return self.read(self.collection.remove(key, self.write(new)))
        return self.read(self.collection.put(key, self.write(new)))

    def _settle_owners(self, key: Key, old: Obj, new: Obj, write: Write, owners: Ownership | None) -> None:
        """Record the owners of the fields. Status has one writer, so its owners are recorded for apply only."""
        if owners is not None:
            self.collection.owners[key] = owners
        elif not write.subresource:
            writer = (write.manager, self.kind.api_version)
            before = self.collection.owners.get(key, {})
            if (after := applying.updated(self._schema, old, new, before, writer)) is not before:
                self.collection.owners[key] = after

    def _merged_for(self, old: Obj, new: Obj, write: Write) -> Obj:
        """Keep the part that this path cannot change: status on the main path, everything else on `/status`."""
        if write.subresource == "status":
            fields = {name: part for name, part in old.items() if name != "status"}
            return {**fields, **({"status": new["status"]} if new.get("status") is not None else {})}
        if not self.kind.status:
            return dict(new)
        fields = {name: part for name, part in new.items() if name != "status"}
        return {**fields, **({"status": old["status"]} if "status" in old else {})}

    def _lock(self, key: Key, old: Obj, new: Obj) -> None:
        if new.get("resourceVersion", old["resourceVersion"]) != old["resourceVersion"]:
            raise conflict(self.kind, key[1], _MODIFIED)
        if (uid := new.get("uid", old["uid"])) != old["uid"]:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old['uid']}"
            raise conflict(self.kind, key[1], why)

    def _must_stay(self, obj: Obj) -> bool:
        return bool(obj["metadata"].get("finalizers")) or (self.kind.holds is not None and self.kind.holds(obj))

    def _next_generation(self, old: Obj) -> Obj:
        return {"generation": old["metadata"]["generation"] + 1} if self.kind.generations else {}


def _default_status(kind: Kind) -> Obj:
    declared = (kind.schema or {}).get("properties", {}).get("status", {})
    return {"status": clone(declared["default"])} if "default" in declared else {}


def _moved(old: Obj, new: Obj, apart: tuple[str, ...]) -> bool:
    """Return whether anything other than metadata (and a separate status) differs."""
    names = (old.keys() | new.keys()) - {"metadata", *apart}
    return any(old.get(name) is not new.get(name) and old.get(name) != new.get(name) for name in names)
