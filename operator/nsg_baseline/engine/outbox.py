"""The alert loops' access to Kubernetes: stored incidents and routes, Secrets, and the record of deliveries."""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Mapping
from weakref import WeakValueDictionary

from nsg_baseline.alerts.changes import ChangeFeed, Changes
from nsg_baseline.alerts.ports import OutboxError
from nsg_baseline.alerts.routed_incidents import RoutedIncidents
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import Acknowledged, Delivery, IncidentStatus, NSGIncident
from nsg_baseline.api.route import NSGAlertRoute, RouteStatus
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.core.incident_history import entry, notification_text, with_entries
from nsg_baseline.engine.approved_tags import BaselineTags
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.errors import KubeError, in_time
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Event, NamespaceEvent, resource

MAX_REQUESTS = 4
"""Concurrent requests to the API server for the routes of one namespace."""
MAX_DELIVERIES = 200
"""The maximum of the CRD."""


class KubeOutbox:
    """Implements `alerts.ports.Outbox`."""

    def __init__(self, kube: Kube, records: Records) -> None:
        self._kube = kube
        self._records = records
        self._changed = asyncio.Event()
        self._feed = ChangeFeed()
        self._incidents = RoutedIncidents()
        # As models, because each of the loops asks for its route whenever an incident changes.
        self._routes: dict[ObjectKey, NSGAlertRoute] = {}
        # Kept in memory only, and only for existing routes.
        self._secrets: dict[ObjectKey, Mapping[str, str]] = {}
        self._tags = BaselineTags(records.store)
        # A merge patch replaces the whole list: of two concurrent deliveries about one incident, one would be lost.
        self._recording: WeakValueDictionary[ObjectKey, asyncio.Lock] = WeakValueDictionary()
        self._requests: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        records.store.listen(self._on_event)
        for key in records.store.keys(NSGAlertRoute):
            self._refresh(key)
        for incident in records.incidents.all():
            self._incidents.put(incident.key, incident)

    def incidents(self, namespace: str | None = None) -> Iterable[NSGIncident]:
        """Return the incidents of a namespace, or all."""
        return self._incidents.all(namespace)

    def incident(self, key: ObjectKey) -> NSGIncident | None:
        """Return one incident; None if there is none."""
        return self._incidents.find(key)

    def notified(self, route: str) -> Iterable[NSGIncident]:
        """Return the incidents that contain a record of a route."""
        return self._incidents.notified(route)

    def routes(self) -> tuple[NSGAlertRoute, ...]:
        """Return the valid routes."""
        return tuple(self._routes.values())

    def route(self, key: ObjectKey) -> NSGAlertRoute | None:
        """Return one valid route; None if there is none."""
        return self._routes.get(key)

    async def changed(self, seconds: float) -> Changes:
        """Wait for a change of an incident or a route, at most this many seconds, and return what changed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()
        return self._feed.take()

    async def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Return a Secret's texts by key; None if it does not exist.

        While the API server is unavailable, these are the values that were read last.
        """
        key = ObjectKey(namespace, name)
        if self._records.backlog.is_unavailable and key in self._secrets:
            return self._secrets[key]
        try:
            async with self._request_of(namespace):
                values = await in_time(self._kube.secret(namespace, name))
        except KubeError as error:
            if error.is_unavailable and key in self._secrets:
                return self._secrets[key]
            raise OutboxError(str(error)) from error
        self._remember(key, values)
        return values

    def approved_tags(self, incident: NSGIncident) -> Mapping[str, str]:
        """Return the tags that the baseline of an incident approves; none if it has no baseline."""
        return self._tags.of(incident)

    async def record(self, incident: NSGIncident, delivery: Delivery) -> None:
        """Store a delivery and keep those of other routes.

        Raises:
            OutboxError: the delivery could not be stored.
        """
        routes, lock = self._routes, self._recording.setdefault(incident.key, asyncio.Lock())
        async with lock, self._request_of(delivery.route.partition("/")[0]):
            try:
                await self._records.change(incident.key, lambda status: _with_delivery(status, delivery, routes))
            except KubeError as error:
                raise OutboxError(str(error)) from error

    async def acknowledge(self, incident: NSGIncident, given: Acknowledged) -> None:
        """Write an acknowledgement into the spec of an incident, unless somebody else changes the incident meanwhile.

        Raises:
            OutboxError: it could not be written.
        """
        # The pager is asked again in a minute. A write that waits could replace a later acknowledgement.
        waits = await self._records.backlog.is_needed(NSGIncident, incident.key)
        stored = self._records.store.find(NSGIncident, incident.key)
        if waits or stored is None or resource(NSGIncident, stored).spec != incident.spec:
            return
        patch = {
            "metadata": {"resourceVersion": str(stored.version)},
            # Without the nulls, the end of an earlier acknowledgement would be that of this one.
            "spec": {"acknowledged": given.model_dump(mode="json", by_alias=True)},
        }
        try:
            await in_time(self._kube.patch(NSGIncident, incident.key, patch))
        except KubeError as error:
            raise OutboxError(str(error)) from error

    async def report(self, route: NSGAlertRoute, status: RouteStatus) -> None:
        """Store a route's status.

        Raises:
            OutboxError: the status could not be stored.
        """
        try:
            async with self._request_of(route.metadata.namespace):
                await self._records.save_status(NSGAlertRoute, route.key, status)
        except KubeError as error:
            raise OutboxError(str(error)) from error

    def _request_of(self, namespace: str) -> asyncio.Semaphore:
        """Return the limit of a namespace's concurrent requests, so that many routes do not delay other namespaces."""
        return self._requests.setdefault(namespace, asyncio.Semaphore(MAX_REQUESTS))

    def _remember(self, key: ObjectKey, values: Mapping[str, str] | None) -> None:
        names = {ObjectKey(route.metadata.namespace, name) for route in self.routes() for name in _secret_names(route)}
        self._secrets = {name: secret for name, secret in self._secrets.items() if name in names and name != key}
        if values is not None:
            self._secrets[key] = values

    def _on_event(self, event: Event | NamespaceEvent) -> None:
        if isinstance(event, NamespaceEvent):
            return
        if event.kind is NSGIncident:
            self._take(event.key)
        elif event.kind is NSGAlertRoute:
            self._refresh(event.key)
            if event.what == "Status":
                # It is written by the route's own loop.
                return
            self._feed.route(event.key)
        else:
            return
        self._changed.set()

    def _take(self, key: ObjectKey) -> None:
        before, after = self._incidents.find(key), self._records.incidents.find(key)
        self._incidents.put(key, after)
        self._feed.incident(key, before, after)

    def _refresh(self, key: ObjectKey) -> None:
        self._routes.pop(key, None)
        stored = self._records.store.find(NSGAlertRoute, key)
        if stored is None:
            return
        try:
            self._routes[key] = resource(NSGAlertRoute, stored)
        except InvalidObject:
            # The API server refuses invalid objects. One that is older than the schema waits for a correction.
            return


def _stored_key(delivery: Delivery) -> ObjectKey:
    """Return the key of the route of a delivery, which may name a group of its channels."""
    namespace, name = delivery.route.split("/")[:2]
    return ObjectKey(namespace, name)


def _secret_names(route: NSGAlertRoute) -> set[str]:
    spec = route.spec
    switches = spec.heartbeat.urls_from if spec.heartbeat is not None else None
    sources = (spec.urls_from, switches, *(group.urls_from for group in spec.channels))
    return {source.name for source in sources if source is not None}


def _with_delivery(status: IncidentStatus, delivery: Delivery, routes: Collection[ObjectKey]) -> IncidentStatus:
    others = tuple(entry for entry in status.deliveries if entry.route != delivery.route)
    if len(others) >= MAX_DELIVERIES:
        # Routes that were deleted must not prevent the record of those that exist.
        others = tuple(item for item in others if _stored_key(item) in routes)[-MAX_DELIVERIES + 1 :]
    recorded = status.model_copy(update={"deliveries": (*others, delivery)})
    before = next((entry for entry in status.deliveries if entry.route == delivery.route), None)
    if before is not None and (before.revision, before.reminders) == (delivery.revision, delivery.reminders):
        return recorded
    text = notification_text(delivery.route, delivery.revision, delivery.reminders)
    return with_entries(recorded, entry(recorded, "Notified", text, delivery.at))
