"""Writes statuses and incidents, only if they differ from the stored objects.

While the API server is unavailable, writes change only the store in memory, and wait in the backlog.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from nsg_baseline.api.common import ObjectKey, Resource, StatusShape
from nsg_baseline.api.incident import IncidentStatus, NSGIncident
from nsg_baseline.core.incident_names import incident_name
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.kube.backlog import Backlog
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.documents import merge_patch
from nsg_baseline.kube.errors import KubeError, in_time
from nsg_baseline.kube.events import event
from nsg_baseline.kube.incident_index import IncidentIndex
from nsg_baseline.kube.merging import merged_incident
from nsg_baseline.kube.store import Store, Stored, resource
from nsg_baseline.kube.sync import sync_kind, sync_namespaces

_NOT_FOUND, _CONFLICT = 404, 409
_CONFLICTS = 2
"""Number of conflicting writes after which the last attempt is made."""


async def _always() -> bool:
    return True


class Records:
    """Reads from the store and writes to the API server. Each write also updates the store at once.

    `may_save` returns whether this replica may write to the API server, and waits until this is known. If it may not,
    or if the API server does not respond, the methods do not raise: the write waits in `backlog`.
    """

    def __init__(self, kube: Kube, store: Store, may_save: Callable[[], Awaitable[bool]] = _always) -> None:
        self._kube = kube
        self.store = store
        self.backlog = Backlog(kube, store, may_save)
        self.incidents = IncidentIndex(store)

    async def save_status(self, kind: type[Resource], key: ObjectKey, status: StatusShape) -> bool:
        """Store a status and return whether it differed from the stored status.

        Raises:
            KubeError: the API server refused the status.
        """
        waits = await self.backlog.is_needed(kind, key)
        stored = self.store.find(kind, key)
        if stored is None:
            return False
        patch = merge_patch(stored.status(), status.document())
        if not patch:
            return False
        if not waits:
            try:
                self.store.put(kind, await in_time(self._kube.patch_status(kind, key, patch)))
            except KubeError as error:
                self._lost(error)
            else:
                return True
        self._keep(kind, key, status.document(), attempted=not waits)
        return True

    async def update_incident(self, incident: NSGIncident, status: IncidentStatus) -> NSGIncident:
        """Store an incident's next state and return the incident as stored.

        `status` was computed from `incident`. Deliveries, actions and callers stored since then are kept.

        Raises:
            KubeError: the API server refused the status.
        """
        await self.change(incident.key, lambda stored: merged_incident(incident.status, status, stored))
        stored = self.store.find(NSGIncident, incident.key)
        return resource(NSGIncident, stored) if stored is not None else incident

    async def change(self, key: ObjectKey, change: Callable[[IncidentStatus], IncidentStatus | None]) -> None:
        """Apply a change to an incident's stored status. `change` returns the new status; None changes nothing.

        After a conflicting write the change is applied to the new status, with three attempts in total.

        Raises:
            KubeError: the API server refused the status.
        """
        conflicts, unanswered = 0, False
        while True:
            waits = await self.backlog.is_needed(NSGIncident, key)
            stored = self.store.find(NSGIncident, key)
            after = change(resource(NSGIncident, stored).status) if stored is not None else None
            if stored is None or after is None or not merge_patch(stored.status(), after.document()):
                return
            if waits:
                self._keep(NSGIncident, key, after.document(), attempted=unanswered)
                return
            try:
                await self._patch_incident(stored, after)
            except KubeError as error:
                unanswered = error.status != _CONFLICT
                conflicts += error.status == _CONFLICT
                if conflicts > _CONFLICTS or unanswered:
                    self._lost(error)
                else:
                    await self._reread(key)
            else:
                return

    async def forget(self, incident: NSGIncident) -> None:
        """Delete an incident.

        Raises:
            KubeError: the incident could not be deleted. The deletion is not retried automatically.
        """
        if await self.backlog.is_needed(NSGIncident, incident.key):
            raise KubeError("Unreachable", "incidents are deleted only while the API server is available")
        await in_time(self._kube.delete(NSGIncident, incident.key))
        self.store.drop(NSGIncident, incident.key, incident.metadata.uid)

    async def post_event(
        self, about: Resource, reason: str, message: str, now: datetime, *, warning: bool = True, name: str = ""
    ) -> None:
        """Post a Kubernetes event about an object. If an event of the given name exists, nothing is posted.

        Raises:
            KubeError: the API server refused the event.
        """
        document = event(about, type(about).__name__, reason, message, now, warning=warning, name=name)
        if not await self.backlog.is_needed():
            try:
                await in_time(self._kube.post_event(document))
            except KubeError as error:
                if error.status != _CONFLICT or not name:
                    self._lost(error)
                else:
                    return
            else:
                return
        self.backlog.keep_event(document)

    async def create_incident(self, subject: IncidentSubject, nsg: str | None, opened_at: datetime) -> NSGIncident:
        """Create an incident without a status and return it.

        Raises:
            KubeError: the API server refused the incident.
        """
        unique = f"{subject.namespace}/{subject.name}"
        name = incident_name(subject.kind, subject.name, unique, opened_at)
        document = {
            "apiVersion": "nsg-baseline.io/v1alpha1",
            "kind": "NSGIncident",
            "metadata": {"name": name, "namespace": subject.namespace},
            "spec": subject.spec(nsg).model_dump(by_alias=True, exclude_none=True, mode="json"),
        }
        if not await self.backlog.is_needed():
            try:
                self.store.put(NSGIncident, await self._created(document, ObjectKey(subject.namespace, name)))
            except KubeError as error:
                self._lost(error)
            else:
                return NSGIncident.model_validate(document)
        if self.store.find(NSGIncident, ObjectKey(subject.namespace, name)) is None:
            self.backlog.keep(NSGIncident, document)
        return NSGIncident.model_validate(document)

    async def read_again(self, kind: type[Resource], key: ObjectKey) -> None:
        """Read an object from the API server into the store; remove it if it does not exist.

        Raises:
            KubeError: the object could not be read.
        """
        self._require_available()
        stored = self.store.find(kind, key)
        try:
            self.store.put(kind, await in_time(self._kube.get(kind, key)))
        except KubeError as error:
            if error.status != _NOT_FOUND:
                raise
            if stored is not None:
                self.store.drop(kind, key, stored.uid)

    async def list_again(self, kind: type[Resource]) -> None:
        """List the objects of a kind from the API server into the store.

        Raises:
            KubeError: the list failed.
        """
        self._require_available()
        await in_time(sync_kind(self._kube, self.store, kind))

    async def list_namespaces_again(self) -> None:
        """List the namespaces from the API server into the store.

        Raises:
            KubeError: the list failed.
        """
        self._require_available()
        await in_time(sync_namespaces(self._kube, self.store))

    def _require_available(self) -> None:
        if self.backlog.is_unavailable:
            raise KubeError("Unreachable", "the API server is unavailable")

    def is_saved(self, incident: NSGIncident) -> bool:
        """Return whether the API server has stored an incident's status."""
        stored = self.store.find(NSGIncident, incident.key)
        return stored is None or stored.unsaved is None

    async def _created(self, document: Mapping[str, Any], key: ObjectKey) -> dict[str, Any]:
        try:
            return await in_time(self._kube.create(NSGIncident, document))
        except KubeError as error:
            # Another leader, or this operator before a restart, created it in the same second.
            if error.status != _CONFLICT:
                raise
        return await in_time(self._kube.get(NSGIncident, key))

    async def _patch_incident(self, stored: Stored, status: IncidentStatus) -> None:
        patch = merge_patch(stored.status(), status.document())
        request = self._kube.patch_status(NSGIncident, stored.key, patch, stored.version)
        self.store.put(NSGIncident, await in_time(request))

    async def _reread(self, key: ObjectKey) -> None:
        try:
            self.store.put(NSGIncident, await in_time(self._kube.get(NSGIncident, key)))
        except KubeError as error:
            self._lost(error)

    def _lost(self, error: KubeError) -> None:
        """Continue in memory after a request without a response. Raise the error if the API server refused it."""
        if not error.is_unavailable:
            raise error
        self.backlog.lost(error)

    def _keep(self, kind: type[Resource], key: ObjectKey, status: Mapping[str, Any], *, attempted: bool) -> None:
        """Store a status in memory. `attempted`: it was sent to the API server without a response."""
        stored = self.store.find(kind, key)
        if stored is None:
            return
        self.backlog.keep(kind, {**stored.document(), "status": status})
        if attempted:
            self.store.attempted(kind, key, status)
