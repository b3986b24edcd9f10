"""What changed among incidents and routes, and which routes a change concerns. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import Delivery, NSGIncident


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since the last time.

    Attributes:
        routes: The routes that were created, edited or deleted. Their status does not count.
        incidents: The incidents that changed, each with the names of the routes that it concerns: of those whose record
            changed, if nothing else did. None means all routes that cover the incident.
    """

    routes: frozenset[ObjectKey] = frozenset()
    incidents: Mapping[ObjectKey, frozenset[str] | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Return whether there is any change."""
        return bool(self.routes or self.incidents)


class ChangeFeed:
    """Collects changes until they are taken."""

    def __init__(self) -> None:
        self._routes: set[ObjectKey] = set()
        self._incidents: dict[ObjectKey, frozenset[str] | None] = {}

    def route(self, key: ObjectKey) -> None:
        """Add a route that was created, edited or deleted."""
        self._routes.add(key)

    def incident(self, key: ObjectKey, before: NSGIncident | None, after: NSGIncident | None) -> None:
        """Add a change of an incident; None before it was created and after it was deleted."""
        names = concerned_routes(before, after)
        earlier = self._incidents.get(key, frozenset())
        self._incidents[key] = None if names is None or earlier is None else names | earlier

    def take(self) -> Changes:
        """Return the changes since the last call."""
        changes = Changes(frozenset(self._routes), self._incidents)
        self._routes, self._incidents = set(), {}
        return changes


def concerned_routes(before: NSGIncident | None, after: NSGIncident | None) -> frozenset[str] | None:
    """Return the names of the routes that a change of an incident concerns; None for all that cover it."""
    if before is None or after is None or _content(before) != _content(after):
        return None
    old, new = _records(before), _records(after)
    return frozenset(name for name in {*old, *new} if old.get(name) != new.get(name))


def _content(incident: NSGIncident) -> object:
    """Return what a route's notifications are about: all except the records of the routes, and the history of them."""
    return incident.spec, incident.status.model_copy(update={"deliveries": (), "history": ()})


def _records(incident: NSGIncident) -> dict[str, Delivery]:
    return {delivery.route: delivery for delivery in incident.status.deliveries}
