"""Incidents by namespace and by the routes that were notified of them, so that no route has to search all of them."""

from collections.abc import Iterable

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import NSGIncident


class RoutedIncidents:
    """An index of incidents."""

    def __init__(self) -> None:
        self._by_key: dict[ObjectKey, NSGIncident] = {}
        self._by_namespace: dict[str, dict[ObjectKey, NSGIncident]] = {}
        self._by_route: dict[str, dict[ObjectKey, NSGIncident]] = {}

    def find(self, key: ObjectKey) -> NSGIncident | None:
        """Return one incident; None if there is none."""
        return self._by_key.get(key)

    def all(self, namespace: str | None = None) -> Iterable[NSGIncident]:
        """Return the incidents of a namespace, or all."""
        return tuple((self._by_key if namespace is None else self._by_namespace.get(namespace, {})).values())

    def notified(self, route: str) -> Iterable[NSGIncident]:
        """Return the incidents that contain a record of a route."""
        return tuple(self._by_route.get(route, {}).values())

    def put(self, key: ObjectKey, incident: NSGIncident | None) -> None:
        """Store the latest state of an incident; None removes it."""
        before, names = self._by_key.get(key), _routes(incident)
        for name in _routes(before) - names:
            _remove(self._by_route, name, key)
        if incident is None:
            self._by_key.pop(key, None)
            _remove(self._by_namespace, key.namespace, key)
            return
        self._by_key[key] = incident
        self._by_namespace.setdefault(key.namespace, {})[key] = incident
        for name in names:
            self._by_route.setdefault(name, {})[key] = incident


def _routes(incident: NSGIncident | None) -> set[str]:
    return {delivery.route for delivery in incident.status.deliveries} if incident is not None else set()


def _remove(index: dict[str, dict[ObjectKey, NSGIncident]], name: str, key: ObjectKey) -> None:
    members = index.get(name, {})
    members.pop(key, None)
    if not members:
        index.pop(name, None)
