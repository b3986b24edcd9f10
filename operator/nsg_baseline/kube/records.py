"""Writes statuses and incidents, only if they differ from the stored objects."""

from collections.abc import Callable
from datetime import datetime

from nsg_baseline.api.common import ObjectKey, Resource, StatusShape
from nsg_baseline.api.incident import IncidentStatus, NSGIncident
from nsg_baseline.core.incident_names import incident_name
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.incidents import SHOWN_ACTIONS
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.documents import merge_patch
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.events import event
from nsg_baseline.kube.incident_index import IncidentIndex
from nsg_baseline.kube.store import Store, resource

_CONFLICT = 409


class Records:
    """Reads from the store and writes to the API server. Each write also updates the store at once."""

    def __init__(self, kube: Kube, store: Store) -> None:
        self._kube = kube
        self.store = store
        self.incidents = IncidentIndex(store)

    async def save_status(self, kind: type[Resource], key: ObjectKey, status: StatusShape) -> bool:
        """Store a status and return whether it differed from the stored status.

        Raises:
            KubeError: the status could not be stored.
        """
        stored = self.store.find(kind, key)
        if stored is None:
            return False
        patch = merge_patch(stored.document().get("status") or {}, status.document())
        if not patch:
            return False
        self.store.put(kind, await self._kube.patch_status(kind, key, patch))
        return True

    async def update_incident(self, incident: NSGIncident, status: IncidentStatus) -> NSGIncident:
        """Store an incident's next state and return the incident as stored.

        `status` was computed from `incident`. Deliveries, actions and callers stored since then are kept.

        Raises:
            KubeError: the status could not be stored.
        """
        await self.change(incident.key, lambda stored: _merged(incident.status, status, stored))
        stored = self.store.find(NSGIncident, incident.key)
        return resource(NSGIncident, stored) if stored is not None else incident

    async def change(self, key: ObjectKey, change: Callable[[IncidentStatus], IncidentStatus | None]) -> None:
        """Apply a change to an incident's stored status. `change` returns the new status; None changes nothing.

        After a conflicting write the change is applied to the new status, with three attempts in total.

        Raises:
            KubeError: the status could not be stored.
        """
        for last in (False, False, True):
            stored = self.store.find(NSGIncident, key)
            after = change(resource(NSGIncident, stored).status) if stored is not None else None
            if stored is None or after is None:
                return
            patch = merge_patch(stored.document().get("status") or {}, after.document())
            if not patch:
                return
            try:
                self.store.put(NSGIncident, await self._kube.patch_status(NSGIncident, key, patch, stored.version))
            except KubeError as error:
                if error.status != _CONFLICT or last:
                    raise
                self.store.put(NSGIncident, await self._kube.get(NSGIncident, key))
            else:
                return

    async def forget(self, incident: NSGIncident) -> None:
        """Delete an incident.

        Raises:
            KubeError: the incident could not be deleted.
        """
        await self._kube.delete(NSGIncident, incident.key)
        self.store.drop(NSGIncident, incident.key, incident.metadata.uid)

    async def tell(
        self, about: Resource, reason: str, message: str, now: datetime, *, warning: bool = True, name: str = ""
    ) -> None:
        """Post a Kubernetes event about an object. If an event of the given name exists, nothing is posted.

        Raises:
            KubeError: the event could not be posted.
        """
        document = event(about, type(about).__name__, reason, message, now, warning=warning, name=name)
        try:
            await self._kube.post_event(document)
        except KubeError as error:
            if error.status != _CONFLICT or not name:
                raise

    async def create_incident(self, subject: IncidentSubject, nsg: str | None, opened_at: datetime) -> NSGIncident:
        """Create an incident without a status and return it.

        Raises:
            KubeError: the incident could not be created.
        """
        unique = f"{subject.namespace}/{subject.name}"
        name = incident_name(subject.kind, subject.name, unique, opened_at)
        document = {
            "apiVersion": "nsg-baseline.io/v1alpha1",
            "kind": "NSGIncident",
            "metadata": {"name": name, "namespace": subject.namespace},
            "spec": subject.spec(nsg).model_dump(by_alias=True, exclude_none=True, mode="json"),
        }
        try:
            self.store.put(NSGIncident, await self._kube.create(NSGIncident, document))
        except KubeError as error:
            # Another leader, or this operator before a restart, created it in the same second.
            if error.status != _CONFLICT:
                raise
            self.store.put(NSGIncident, await self._kube.get(NSGIncident, ObjectKey(subject.namespace, name)))
        return NSGIncident.model_validate(document)


def _merged(base: IncidentStatus, status: IncidentStatus, stored: IncidentStatus) -> IncidentStatus:
    """Return a status computed from `base`, with the deliveries, actions and callers that others stored since."""
    updates: dict[str, object] = {"deliveries": stored.deliveries}
    if stored.actions != base.actions:
        new_actions = [action for action in status.actions if action not in (*base.actions, *stored.actions)]
        updates["actions"] = (*stored.actions, *new_actions)[-SHOWN_ACTIONS:]
    if stored.revision > base.revision:
        # Two changes with the same revision would be notified only once.
        updates["revision"] = stored.revision + status.revision - base.revision
    if stored.changed_by != base.changed_by and status.changed_by == base.changed_by:
        updates |= {"changed_by": stored.changed_by, "attribution": stored.attribution}
    return status.model_copy(update=updates)
