"""The tags that the baseline of an incident approves: routes may match them."""

from collections.abc import Mapping

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.kube.store import Store, Stored, resource


class BaselineTags:
    """Reads a baseline again only after an edit, because there can be thousands of incidents."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cached: dict[ObjectKey, tuple[str, Mapping[str, str]]] = {}

    def of(self, incident: NSGIncident) -> Mapping[str, str]:
        """Return the approved tags; none if the incident has no baseline."""
        if incident.spec.baseline is None:
            return {}
        key = ObjectKey(incident.metadata.namespace, incident.spec.baseline)
        stored = self._store.find(NSGBaseline, key)
        if stored is None:
            self._cached.pop(key, None)
            return {}
        cached = self._cached.get(key)
        if cached is None or cached[0] != stored.intent:
            cached = self._cached[key] = stored.intent, _tags(stored)
        return cached[1]


def _tags(stored: Stored) -> Mapping[str, str]:
    try:
        return resource(NSGBaseline, stored).spec.tags or {}
    except InvalidObject:
        # It approves nothing until it is corrected.
        return {}
