"""Which routes must be told what. Pure: what is stored decides, so that a restart neither loses nor repeats."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from nsg_baseline.api.common import Severity
from nsg_baseline.api.incident import NSGIncident, Turn
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.core.severity import SEVERITIES

UNHEARD = timedelta(hours=24)
"""So long after its end is a route still told of an incident that it never heard of."""


@dataclass(frozen=True, slots=True)
class Due:
    """One thing to tell one route: the latest state of an incident. Older revisions are not told one by one."""

    incident: NSGIncident
    turn: Turn

    @property
    def mark(self) -> tuple[str, str, int]:
        """What this is, whatever else changes: namespace and name of the incident, and the revision."""
        return *self.incident.key, self.incident.status.revision


def route_name(route: NSGAlertRoute) -> str:
    """Return the name by which an incident remembers a route."""
    return "/".join(route.key)


def due(route: NSGAlertRoute, incidents: Iterable[NSGIncident], operator_namespace: str, now: datetime) -> list[Due]:
    """Return what a route must be told, the oldest incident first."""
    if route.spec.suspend:
        return []
    heard = (one for one in incidents if _concerns(route, one, operator_namespace))
    found = (_due(route, incident, now) for incident in sorted(heard, key=lambda one: one.metadata.name))
    return [one for one in found if one is not None]


def told(route: NSGAlertRoute, incident: NSGIncident) -> int:
    """Return the revision that a route was told last; 0 for none."""
    name = route_name(route)
    return next((one.revision for one in incident.status.deliveries if one.route == name), 0)


def _concerns(route: NSGAlertRoute, incident: NSGIncident, operator_namespace: str) -> bool:
    """In the operator's own namespace a route hears of everything, elsewhere of its own namespace."""
    near = route.metadata.namespace in (operator_namespace, incident.metadata.namespace)
    return near and incident.spec.kind in route.spec.kinds


def _due(route: NSGAlertRoute, incident: NSGIncident, now: datetime) -> Due | None:
    status, before = incident.status, told(route, incident)
    if status.revision <= before or status.state is None:
        return None
    if not before and not (_weighs(status.severity, route.spec.min_severity) and _is_news(route, incident, now)):
        return None
    turn = _turn(incident, before)
    # Who asked for openings alone must hear of what began and ended before anybody could be told.
    wanted = {turn} if before or turn == "Opened" else {turn, "Opened"}
    return Due(incident, turn) if wanted & set(route.spec.send) else None


def _turn(incident: NSGIncident, before: int) -> Turn:
    if incident.status.state == "Resolved":
        return "Resolved"
    return (incident.status.turn or "Updated") if before else "Opened"


def _is_news(route: NSGAlertRoute, incident: NSGIncident, now: datetime) -> bool:
    """Say whether a route that heard nothing yet must hear of an incident.

    An open one always. One that is over, if the route was there and nobody got through while it was open: the operator
    may put a rule back within a second, and a port that stood open for that second is news all the same.
    """
    over, since = incident.status.resolved_at, route.metadata.creation_timestamp
    if incident.status.state != "Resolved" or over is None:
        return True
    return now - over <= UNHEARD and (since is None or since <= over)


def _weighs(severity: Severity | None, least: Severity) -> bool:
    return severity is not None and SEVERITIES.index(severity) <= SEVERITIES.index(least)
