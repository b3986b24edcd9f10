"""All resources of the API with one version counter, without network and tasks."""

import itertools
from collections.abc import Iterator, Sequence
from functools import partial

from . import builtin, events
from .cascade import Owners, disowned
from .collection import Collection
from .crds import established, kinds_of
from .errors import ApiError, no_resource, not_found
from .history import Change
from .kinds import Kind
from .resource import Resource, Write
from .shapes import Obj, Validator
from .times import timestamp


class Store:
    """The state of one API server."""

    def __init__(self, validators: Sequence[Validator] = (), history: int = 1000) -> None:
        """Create a store with the built-in kinds and namespaces.

        Args:
            validators: further validation of custom resources.
            history: number of changes that each collection keeps.
        """
        self._counter = itertools.count(1)
        self._validators, self._history = tuple(validators), history
        self.version = 0
        self.resources: dict[tuple[str, str, str], Resource] = {}
        self._collections: dict[tuple[str, str], Collection] = {}
        self._owners = Owners()
        for kind in builtin.BUILT_IN:
            self.serve(kind)
        for name in builtin.NAMESPACES:
            self.find("", "v1", "namespaces").create("", {"metadata": {"name": name}}, Write("kube-apiserver"))

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        self.version = next(self._counter)
        return self.version

    @property
    def namespaces(self) -> Collection:
        """The collection of namespaces."""
        return self._collections["", "namespaces"]

    def serve(self, kind: Kind) -> Resource:
        """Serve a kind. Objects of a kind that was served before are kept."""
        collection = self._collection(kind)
        if kind is events.NEW_EVENT:
            resource = Resource(kind, collection, read=events.to_new, write=events.to_core)
        elif kind.custom:
            resource = Resource(kind, collection, self._validators, *_as_version(kind.api_version))
        else:
            resource = Resource(kind, collection)
        self.resources[kind.group, kind.version, kind.plural] = resource
        return resource

    def find(self, group: str, version: str, plural: str) -> Resource:
        """Return a served resource.

        Raises:
            ApiError: 404 if the resource is not served.
        """
        try:
            return self.resources[group, version, plural]
        except KeyError:
            raise no_resource() from None

    def find_kind(self, api_version: str, kind: str) -> Resource:
        """Return the resource for an apiVersion and kind.

        Raises:
            ApiError: 404 if the kind is not served.
        """
        for resource in self.resources.values():
            if (resource.kind.api_version, resource.kind.kind) == (api_version, kind):
                return resource
        raise ApiError(404, "NotFound", f'no matches for kind "{kind}" in version "{api_version}"')

    def require_namespace(self, name: str, kind: Kind, new: str) -> None:
        """Check that a namespace accepts a new object of a kind and name.

        Raises:
            ApiError: 404 if the namespace does not exist, 403 if it is being deleted.
        """
        namespace = self.namespaces.get(("", name))
        if namespace is None:
            raise not_found(builtin.NAMESPACE, name)
        if "deletionTimestamp" in namespace["metadata"]:
            raise _terminating(name, kind, new)

    def orphan(self, owner: Obj) -> None:
        """Remove the references to an owner before its deletion, so that its dependents are kept."""
        for collection, key in self._owners.left_by(owner):
            if (obj := collection.get(key)) is not None:
                collection.put(key, disowned(obj, owner))

    def compact(self) -> None:
        """Drop the history, like compaction in etcd: older watches and continue tokens get 410."""
        for collection in self._collections.values():
            collection.history.forget()

    def _collection(self, kind: Kind) -> Collection:
        group = "" if kind is events.NEW_EVENT else kind.group
        if (group, kind.plural) not in self._collections:
            collection = Collection(self, self.version, self._history)
            collection.hooks.append(partial(self._follow, kind, collection))
            self._collections[group, kind.plural] = collection
        return self._collections[group, kind.plural]

    def _follow(self, kind: Kind, collection: Collection, change: Change) -> None:
        """Do the work of the controllers of a real cluster after a change."""
        self._owners.record(collection, change)
        if change.type == "DELETED":
            self._collect(change.object)
        if kind is builtin.CRD:
            self._follow_crd(change)
        elif (
            kind is builtin.NAMESPACE and "deletionTimestamp" in change.object["metadata"] and change.type != "DELETED"
        ):
            self._empty(change.object["metadata"]["name"])
        if change.type == "DELETED" and (namespace := change.key[0]):
            self._release(namespace)

    def _collect(self, owner: Obj) -> None:
        """Delete the dependents of a deleted object that have no other owner."""
        for collection, key in self._owners.left_by(owner):
            obj = collection.get(key)
            if obj is None:
                continue
            remaining = disowned(obj, owner)
            if "ownerReferences" in remaining["metadata"]:
                collection.put(key, remaining)
            else:
                self._resource_of(collection).delete(key)

    def _empty(self, namespace: str) -> None:
        for collection in list(self._collections.values()):
            for key in [key for key in collection.objects if key[0] == namespace]:
                if key in collection.objects:  # the deletion of an owner may have removed it already
                    self._resource_of(collection).delete(key)
        self._release(namespace)

    def _release(self, name: str) -> None:
        """Remove a namespace that is being deleted once it is empty."""
        namespace = self.namespaces.get(("", name))
        if namespace is None or "deletionTimestamp" not in namespace["metadata"]:
            return
        if not any(key[0] == name for collection in self._collections.values() for key in collection.objects):
            self.namespaces.remove(("", name), {**namespace, "spec": {}})

    def _follow_crd(self, change: Change) -> None:
        crd = change.object
        names = (crd["spec"]["group"], crd["spec"]["names"]["plural"])
        for slot in [slot for slot in self.resources if (slot[0], slot[2]) == names]:
            del self.resources[slot]
        if change.type == "DELETED":
            self._drop(names)
            return
        for kind in kinds_of(crd):
            self.serve(kind)
        status = established(crd, timestamp())
        if crd.get("status", {}).get("acceptedNames") != status["acceptedNames"]:
            self._collections[builtin.CRD.group, builtin.CRD.plural].put(change.key, {**crd, "status": status})

    def _drop(self, names: tuple[str, str]) -> None:
        """Delete the objects of a deleted definition."""
        collection = self._collections.pop(names, None)
        for key, obj in list(collection.objects.items()) if collection else []:
            if collection is not None and key in collection.objects:
                collection.remove(key, obj)

    def _resource_of(self, collection: Collection) -> Resource:
        return next(resource for resource in self.resources.values() if resource.collection is collection)


def _as_version(api_version: str) -> tuple[partial[Obj], partial[Obj]]:
    convert = partial(_converted, api_version)
    return convert, convert


def _converted(api_version: str, obj: Obj) -> Obj:
    return obj if obj["apiVersion"] == api_version else {**obj, "apiVersion": api_version}


def _terminating(namespace: str, kind: Kind, name: str) -> ApiError:
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    details = {"name": name, "kind": kind.plural, "causes": [cause]}
    return ApiError(403, "Forbidden", f'{kind.title} "{name}" is forbidden: {why}', details)
