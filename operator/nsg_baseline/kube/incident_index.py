"""All incidents as models, kept beside the store: every look asks whether one is open, and hundreds may be."""

from collections.abc import Iterable

from nsg_baseline.api.incident import IncidentSpec, NSGIncident
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.kube.store import Event, Key, NamespaceEvent, Store, resource

Subject = tuple[str, str, str, str | None]


class IncidentIndex:
    """Incidents by key and by what they are about."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_key: dict[Key, NSGIncident] = {}
        self._open: dict[Subject, set[Key]] = {}
        store.listen(self._heard)
        for key in store.keys(NSGIncident):
            self._take(key)

    def all(self) -> Iterable[NSGIncident]:
        """Return all incidents, the oldest first."""
        return sorted(self._by_key.values(), key=lambda incident: (incident.metadata.name, incident.metadata.namespace))

    def open_about(self, namespace: str, spec: IncidentSpec) -> NSGIncident | None:
        """Return the open incident about the same thing; the oldest if there are several."""
        keys = self._open.get(_subject(namespace, spec))
        return self._by_key[min(keys)] if keys else None

    def about(self, namespace: str, spec: IncidentSpec) -> list[NSGIncident]:
        """Return all incidents about the same thing, open and over."""
        subject = _subject(namespace, spec)
        return [one for key, one in self._by_key.items() if _subject(key[0], one.spec) == subject]

    def ended_last(self, namespace: str, spec: IncidentSpec) -> NSGIncident | None:
        """Return the incident about the same thing that ended last."""
        over = (one for one in self.about(namespace, spec) if one.status.resolved_at is not None)
        return max(over, key=lambda one: (one.status.resolved_at, one.metadata.name), default=None)

    def _heard(self, event: Event | NamespaceEvent) -> None:
        if isinstance(event, Event) and event.kind is NSGIncident:
            self._take(event.key)

    def _take(self, key: Key) -> None:
        known = self._by_key.pop(key, None)
        if known is not None:
            self._open.get(_subject(key[0], known.spec), set()).discard(key)
        stored = self._store.find(NSGIncident, key)
        if stored is None:
            return
        try:
            incident = resource(NSGIncident, stored)
        except InvalidObject:
            # Not by our hand: somebody's edit broke it. It is nobody's outbox until it is mended.
            return
        self._by_key[key] = incident
        # One whose status was never stored, by a crash, counts as open: its next look fills it.
        if incident.status.state != "Resolved":
            self._open.setdefault(_subject(key[0], incident.spec), set()).add(key)


def _subject(namespace: str, spec: IncidentSpec) -> Subject:
    return namespace, spec.kind, "" if spec.baseline else spec.scope, spec.baseline
