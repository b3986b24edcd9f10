"""Which routes must be told what. Pure: what is stored decides, so that a restart neither loses nor repeats."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from nsg_baseline.api.common import Severity
from nsg_baseline.api.durations import parse
from nsg_baseline.api.incident import Delivery, IncidentEvent, NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.core.severity_policy import SEVERITIES

NotificationEvent = IncidentEvent | Literal["Reminder"]
Mark = tuple[str, str, int, int]
UNHEARD = timedelta(hours=24)
"""So long after its end is a route still told of an incident that it never heard of."""


@dataclass(frozen=True, slots=True)
class PendingDelivery:
    """One thing to tell one route: the latest state of an incident. Older revisions are not told one by one.

    `ready` is when it may be told; until then more of the kind may come. `reminder` counts reminders of a revision.
    """

    incident: NSGIncident
    event: NotificationEvent
    ready: datetime | None = None
    reminder: int = 0

    @property
    def mark(self) -> Mark:
        """What this is, whatever else changes: the incident's namespace and name, the revision, and the reminder."""
        return *self.incident.key, self.incident.status.revision, self.reminder

    def event_for(self, before: int) -> NotificationEvent:
        """Return what this is to somebody who has a revision already; 0 is none."""
        return self.event if self.event == "Reminder" else _event(self.incident, before)


def route_name(route: NSGAlertRoute) -> str:
    """Return the name by which an incident remembers a route."""
    return "/".join(route.key)


def pending_deliveries(
    route: NSGAlertRoute, incidents: Iterable[NSGIncident], operator_namespace: str, now: datetime
) -> list[PendingDelivery]:
    """Return what a route must be told, the oldest incident first."""
    if route.spec.suspend:
        return []
    heard = (one for one in incidents if _concerns(route, one, operator_namespace))
    found = (_due(route, incident, now) for incident in sorted(heard, key=lambda one: one.metadata.name))
    return [one for one in found if one is not None]


def delivery(route: NSGAlertRoute, incident: NSGIncident) -> Delivery | None:
    """Return what a route was told last of an incident."""
    name = route_name(route)
    return next((one for one in incident.status.deliveries if one.route == name and one.revision), None)


def _concerns(route: NSGAlertRoute, incident: NSGIncident, operator_namespace: str) -> bool:
    """In the operator's own namespace a route hears of everything, elsewhere of its own namespace."""
    near = route.metadata.namespace in (operator_namespace, incident.metadata.namespace)
    return near and incident.spec.kind in route.spec.kinds


def _due(route: NSGAlertRoute, incident: NSGIncident, now: datetime) -> PendingDelivery | None:
    status, known = incident.status, delivery(route, incident)
    if status.revision == 0:
        return None
    if known is not None and known.revision >= status.revision:
        return _late(incident, known) if known.pending_channels else _reminder(route, incident, known, now)
    before = known.revision if known is not None else 0
    if known is None and not (_weighs(status.severity, route.spec.min_severity) and _is_news(route, incident, now)):
        return None
    event = _event(incident, before)
    # Who asked for openings alone must hear of what began and ended before anybody could be told.
    wanted: set[str] = {event} if before or event == "Opened" else {event, "Opened"}
    if status.state == "Resolved" and status.resolution == "Remediated":
        # A restore that leaves nothing open ends the incident: subscribers of either event receive it.
        wanted.add("Remediated")
    if not wanted & set(route.spec.send):
        return _reminder(route, incident, known, now) if known is not None else None
    since = status.updated_at or status.opened_at or now
    return PendingDelivery(incident, event, since + parse(route.spec.group_wait))


def _late(incident: NSGIncident, known: Delivery) -> PendingDelivery:
    """Return what some channels of a route still lack."""
    if known.reminders:
        return PendingDelivery(incident, "Reminder", reminder=known.reminders)
    return PendingDelivery(incident, _event(incident, min((known.pending_channels or {}).values(), default=0)))


def _reminder(route: NSGAlertRoute, incident: NSGIncident, known: Delivery, now: datetime) -> PendingDelivery | None:
    """Return a reminder of what is open and that nobody acknowledged."""
    over = incident.status.state != "Open" or incident.spec.acknowledged is not None
    if over or "Reminder" not in route.spec.send or now < known.at + parse(route.spec.remind_every):
        return None
    return PendingDelivery(incident, "Reminder", reminder=known.reminders + 1)


def _event(incident: NSGIncident, before: int) -> IncidentEvent:
    if incident.status.state == "Resolved":
        return "Resolved"
    return (incident.status.event or "Updated") if before else "Opened"


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
