"""The notifications that a route has to send, from stored objects: a restart loses and repeats none. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from nsg_baseline.alerts.matching import is_selected
from nsg_baseline.alerts.selection import selected_since
from nsg_baseline.api.common import Severity
from nsg_baseline.api.durations import parse
from nsg_baseline.api.incident import Delivery, IncidentEvent, IncidentStatus, NSGIncident
from nsg_baseline.api.route import NotificationEvent, NSGAlertRoute
from nsg_baseline.core.changes import fingerprint
from nsg_baseline.core.incident_acknowledgement import is_acknowledged
from nsg_baseline.core.severity_policy import SEVERITIES

LATE_NOTICE = timedelta(hours=24)
"""For this long after its end, a route is notified of an incident that its selection did not include before."""

ApprovedTags = Callable[[NSGIncident], Mapping[str, str]]


class RevisionKey(NamedTuple):
    """The subject of a notification: one revision of an incident, or one reminder of that revision."""

    namespace: str
    name: str
    revision: int
    reminder: int


@dataclass(frozen=True, slots=True)
class PendingDelivery:
    """A notification of one route about the latest revision of an incident. Older revisions are skipped.

    Attributes:
        ready_at: The time until which it waits for related incidents; None if it is sent at once.
        reminder: The number of the reminder of this revision; 0 if it is not a reminder.
        open_for: How long the incident has been open, for reminders.
    """

    incident: NSGIncident
    event: NotificationEvent
    ready_at: datetime | None = None
    reminder: int = 0
    open_for: timedelta | None = None

    @property
    def key(self) -> RevisionKey:
        """The subject of the notification."""
        return RevisionKey(*self.incident.key, self.incident.status.revision, self.reminder)

    @property
    def message_key(self) -> str:
        """The key of a message about this incident alone."""
        reminder = f" reminder {self.reminder}" if self.reminder else ""
        return f"incident {'/'.join(self.incident.key)} revision {self.incident.status.revision}{reminder}"

    @property
    def is_critical(self) -> bool:
        """Whether it is sent at once, regardless of all limits."""
        return self.incident.status.severity == "critical" and self.event != "Resolved"

    def event_after(self, revision: int) -> NotificationEvent:
        """Return the event for a channel that last received this revision; 0 if it received none."""
        return self.event if self.event == "Reminder" else _event(self.incident, revision)


def digest_key(deliveries: Iterable[PendingDelivery]) -> str:
    """Return the key of one message about several incidents."""
    return f"digest {fingerprint('; '.join(sorted(delivery.message_key for delivery in deliveries)))}"


def route_name(route: NSGAlertRoute) -> str:
    """Return namespace and name of a route, as incidents record it."""
    return "/".join(route.key)


def _no_tags(_: NSGIncident) -> Mapping[str, str]:
    return {}


def pending_deliveries(
    route: NSGAlertRoute,
    incidents: Iterable[NSGIncident],
    operator_namespace: str,
    now: datetime,
    approved_tags: ApprovedTags = _no_tags,
) -> list[PendingDelivery]:
    """Return the notifications that a route has to send, the oldest incident first.

    Args:
        route: The route, or a group of its channels.
        incidents: All incidents.
        operator_namespace: The namespace whose routes cover all namespaces.
        now: The current time.
        approved_tags: Returns the tags that the baseline of an incident approves.
    """
    ordered = sorted(incidents, key=lambda incident: incident.metadata.name)
    pending = (pending_delivery(route, incident, operator_namespace, now, approved_tags) for incident in ordered)
    return [delivery for delivery in pending if delivery is not None]


def pending_delivery(
    route: NSGAlertRoute,
    incident: NSGIncident,
    operator_namespace: str,
    now: datetime,
    approved_tags: ApprovedTags = _no_tags,
) -> PendingDelivery | None:
    """Return the notification of an incident that a route has to send; None if there is none."""
    if route.spec.suspend or not is_visible(route, incident, operator_namespace):
        return None
    return _pending(route, incident, now, approved_tags)


def stored_delivery(route: NSGAlertRoute, incident: NSGIncident) -> Delivery | None:
    """Return the record of a route in an incident; None if the route was not notified yet."""
    name = route_name(route)
    return next((entry for entry in incident.status.deliveries if entry.route == name and entry.revision), None)


def is_visible(route: NSGAlertRoute, incident: NSGIncident, operator_namespace: str) -> bool:
    """Return whether a route covers an incident: the same namespace, or any for routes in the operator's namespace."""
    is_near = route.metadata.namespace in (operator_namespace, incident.metadata.namespace)
    return is_near and incident.spec.kind in route.spec.kinds


def _pending(
    route: NSGAlertRoute, incident: NSGIncident, now: datetime, approved_tags: ApprovedTags
) -> PendingDelivery | None:
    status, stored = incident.status, stored_delivery(route, incident)
    if status.revision == 0:
        return None
    if stored is not None and stored.revision >= status.revision:
        return _late(incident, stored, now) if stored.pending_channels else _reminder(route, incident, stored, now)
    if stored is None and not _is_first_for(route, incident, now, approved_tags):
        return None
    received = stored.revision if stored is not None else 0
    event = _event(incident, received)
    if not _wanted(incident, received) & set(route.spec.send):
        return _reminder(route, incident, stored, now) if stored is not None else None
    delivery = PendingDelivery(incident, event)
    if delivery.is_critical:
        return delivery
    since = status.updated_at or status.opened_at or now
    return PendingDelivery(incident, event, since + parse(route.spec.group_wait))


def _is_first_for(route: NSGAlertRoute, incident: NSGIncident, now: datetime, approved_tags: ApprovedTags) -> bool:
    """Return whether a route that knows nothing of an incident has to be notified of it."""
    if not (_is_severe(_severity(incident.status), route.spec.min_severity) and _is_news(route, incident, now)):
        return False
    matches = [route.spec.match, *(group.match for group in route.spec.channels)]
    # Most routes do not match tags, and reading them costs more than the rest.
    needs_tags = any(match is not None and match.tags for match in matches)
    tags = approved_tags(incident) if needs_tags else {}
    return all(is_selected(match, incident, tags) for match in matches)


def _wanted(incident: NSGIncident, received: int) -> set[str]:
    """Return the values of `spec.send` that select a notification for a receiver of this revision.

    An event counts even if another one followed before it was sent.
    """
    wanted: set[str] = {*_events_after(incident, received), _event(incident, received)}
    if not received:
        # An incident that ended before its first notification counts as opened, too.
        wanted.add("Opened")
    if incident.status.state == "Resolved" and incident.status.resolution == "Remediated":
        wanted.add("Remediated")
    return wanted


def _late(incident: NSGIncident, stored: Delivery, now: datetime) -> PendingDelivery:
    """Return the notification that some channels of a route have not received yet."""
    if stored.reminders:
        return PendingDelivery(incident, "Reminder", reminder=stored.reminders, open_for=_open_for(incident, now))
    return PendingDelivery(incident, _event(incident, min((stored.pending_channels or {}).values(), default=0)))


def _reminder(route: NSGAlertRoute, incident: NSGIncident, stored: Delivery, now: datetime) -> PendingDelivery | None:
    """Return the reminder of an open incident that is not acknowledged, if it is due."""
    is_over = incident.status.state != "Open" or is_acknowledged(incident.status, now)
    if is_over or "Reminder" not in route.spec.send or now < stored.at + parse(route.spec.remind_every):
        return None
    return PendingDelivery(incident, "Reminder", reminder=stored.reminders + 1, open_for=_open_for(incident, now))


def _open_for(incident: NSGIncident, now: datetime) -> timedelta | None:
    return now - incident.status.opened_at if incident.status.opened_at is not None else None


def _event(incident: NSGIncident, received: int) -> IncidentEvent:
    """Return the event for a receiver of this revision; 0 if it received none.

    Of several events since then the most urgent one counts: that it became worse must not be hidden by its attribution.
    """
    if incident.status.state == "Resolved":
        return "Resolved"
    events = _events_after(incident, received)
    if not received or "Opened" in events:
        return "Opened"
    levels = [event for event in events if event in ("Escalated", "Eased")]
    if levels[-1:] == ["Escalated"]:
        return "Escalated"
    changed = [event for event in events if event in ("Updated", "Eased", "Remediated", "Blocked")]
    latest = changed or events
    return latest[-1] if latest else "Updated"


def _events_after(incident: NSGIncident, received: int) -> list[IncidentEvent]:
    """Return the events that followed a revision, as far as they are stored."""
    status = incident.status
    count = status.revision - received
    latest = [status.event] if status.event is not None and not status.events else []
    return [*status.events, *latest][-count:] if count > 0 else latest


def _is_news(route: NSGAlertRoute, incident: NSGIncident, now: datetime) -> bool:
    """Return whether a route has to be notified of an incident for the first time.

    For an open incident, always. For a resolved one, if the route existed before its end: the operator can restore the
    rules within a second, before a message is sent. It stays news for as long as nobody has received it, however long
    the channels are down, unless the route selects other incidents since: then only for a day, because nobody wants
    the history of a month after an edit.
    """
    resolved_at, created_at = incident.status.resolved_at, route.metadata.creation_timestamp
    if incident.status.state != "Resolved" or resolved_at is None:
        return True
    if created_at is not None and created_at > resolved_at:
        return False
    since = selected_since(route)
    return now - resolved_at <= LATE_NOTICE or (since is not None and since <= resolved_at)


def reached_nobody(
    routes: Iterable[NSGAlertRoute],
    incident: NSGIncident,
    operator_namespace: str,
    now: datetime,
    approved_tags: ApprovedTags = _no_tags,
) -> bool:
    """Return whether a route still has to send an incident of which none of its channels was notified."""
    return any(
        stored_delivery(route, incident) is None
        and pending_deliveries(route, [incident], operator_namespace, now, approved_tags)
        for route in routes
    )


def _severity(status: IncidentStatus) -> Severity | None:
    """Return the severity that decides about the first notification: of an incident that ended, the highest."""
    return status.highest_severity or status.severity if status.state == "Resolved" else status.severity


def _is_severe(severity: Severity | None, minimum: Severity) -> bool:
    return severity is not None and SEVERITIES.index(severity) <= SEVERITIES.index(minimum)
