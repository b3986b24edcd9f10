"""Incidents as models, indexed by subject, because each reconcile needs the incidents about its subject."""

from collections.abc import Iterable

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.core.incident_steps import open_incident
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.kube.store import Event, NamespaceEvent, Store, resource


class IncidentIndex:
    """Incidents by key and by subject."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_key: dict[ObjectKey, NSGIncident] = {}
        self._by_subject: dict[IncidentSubject, dict[ObjectKey, NSGIncident]] = {}
        self._about_guardrails: dict[str, dict[ObjectKey, NSGIncident]] = {}
        store.listen(self._on_event)
        for key in store.keys(NSGIncident):
            self._refresh(key)

    def all(self) -> Iterable[NSGIncident]:
        """Return all incidents, sorted by name and namespace."""
        return sorted(self._by_key.values(), key=lambda incident: (incident.metadata.name, incident.metadata.namespace))

    def find(self, key: ObjectKey) -> NSGIncident | None:
        """Return one incident; None if there is none."""
        return self._by_key.get(key)

    def about(self, subject: IncidentSubject) -> tuple[NSGIncident, ...]:
        """Return all incidents about a subject, open and resolved."""
        return tuple(self._by_subject.get(subject, {}).values())

    def about_guardrails(self, scope: str) -> tuple[NSGIncident, ...]:
        """Return all incidents about guardrails in a scope, open and resolved."""
        return tuple(self._about_guardrails.get(scope, {}).values())

    def open_about(self, subject: IncidentSubject) -> NSGIncident | None:
        """Return the open incident about a subject; the oldest if there are several."""
        return open_incident(self.about(subject))

    def _on_event(self, event: Event | NamespaceEvent) -> None:
        if isinstance(event, Event) and event.kind is NSGIncident:
            self._refresh(event.key)

    def _refresh(self, key: ObjectKey) -> None:
        self._remove(key)
        stored = self._store.find(NSGIncident, key)
        if stored is None:
            return
        try:
            incident = resource(NSGIncident, stored)
        except InvalidObject:
            # An edit made it invalid. It is not updated, and no notification is sent, until it is corrected.
            return
        self._by_key[key] = incident
        self._by_subject.setdefault(_subject(incident), {})[key] = incident
        if incident.spec.guardrail is not None:
            self._about_guardrails.setdefault(incident.spec.scope, {})[key] = incident

    def _remove(self, key: ObjectKey) -> None:
        incident = self._by_key.pop(key, None)
        if incident is None:
            return
        self._about_guardrails.get(incident.spec.scope, {}).pop(key, None)
        same_subject = self._by_subject[_subject(incident)]
        del same_subject[key]
        if not same_subject:
            del self._by_subject[_subject(incident)]


def _subject(incident: NSGIncident) -> IncidentSubject:
    return IncidentSubject.of(incident.metadata.namespace, incident.spec)
