"""Acknowledgements that people give in a pager: which alerts to ask about, and what an answer covers. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from nsg_baseline.alerts.channels import Channel
from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.alerts.pager_state import is_new_alert
from nsg_baseline.alerts.pending import PendingDelivery, is_visible, route_name, stored_delivery
from nsg_baseline.alerts.schemes import PAGERS
from nsg_baseline.alerts.threads import shared_thread
from nsg_baseline.api.common import format_time
from nsg_baseline.api.incident import Acknowledged, Delivery, NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.core.incident_acknowledgement import is_acknowledged, is_unrecorded
from nsg_baseline.core.incident_history import notified_revision
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.phrasing import cut

MAX_ALERTS = 20
"""The largest number of alerts that a channel is asked about each minute, the most severe first."""
CLOCK_SKEW = timedelta(minutes=5)
_NAME_LENGTH, _NOTE_LENGTH = 256, 1024
# After each of these, an earlier acknowledgement, or one that did not see it, covers nothing.
_UNSEEN = frozenset({"Escalated", "Opened"})
_INVALIDATING = frozenset({"GotWorse", "Reopened", "AcknowledgementEnded"})


def is_asked(route: NSGAlertRoute, incident: NSGIncident, operator_namespace: str, now: datetime) -> bool:
    """Return whether a route's pagers are asked about an incident: it is open, and not everything is acknowledged."""
    is_open = incident.status.state == "Open" and not is_acknowledged(incident.status, now)
    return is_open and is_visible(route, incident, operator_namespace) and stored_delivery(route, incident) is not None


def to_ask(
    route: NSGAlertRoute, channel: Channel, incidents: Iterable[NSGIncident], operator_namespace: str, now: datetime
) -> dict[str, list[NSGIncident]]:
    """Return the incidents that this channel has an alert of and that nobody has acknowledged, by key of the alert."""
    asked: dict[str, list[NSGIncident]] = {}
    for incident in sorted(incidents, key=_rank):
        if not (is_asked(route, incident, operator_namespace, now) and _received(route, channel, incident)):
            continue
        thread = shared_thread(route, channel.id, incident) or "/".join(incident.key)
        if thread in asked or len(asked) < MAX_ALERTS:
            asked.setdefault(thread, []).append(incident)
    return asked


def acknowledgement(
    route: NSGAlertRoute, channel: Channel, incident: NSGIncident, by: str, at: str, now: datetime
) -> Acknowledged | None:
    """Return what an acknowledgement of an alert means for its incident; None if it does not count.

    It covers the revision that the person saw: the last one that the channel had received at that time.
    """
    given_at, name = _time(at), cut(escape_controls(by.strip()), _NAME_LENGTH)
    if given_at is None or not name or given_at > now + CLOCK_SKEW:
        return None
    revision = min(_notified(route, incident, given_at), _received(route, channel, incident))
    if not revision or incident.status.state != "Open" or _is_void(incident, revision, given_at, now):
        return None
    note = f"in {PAGERS[channel.scheme]} at {format_time(given_at)}, through route {route_name(route)}"
    return Acknowledged(by=name, note=cut(note, _NOTE_LENGTH), revision=revision)


def record_to_repeat(route: NSGAlertRoute, channel: Channel, incident: NSGIncident, at: str) -> Delivery | None:
    """Return the record that makes the route send again what an acknowledged alert contains and nobody has seen.

    A change that was sent after the acknowledgement, but before the operator read it, updated an acknowledged alert. A
    pager notifies nobody of that. Sent again, it opens a new alert.
    """
    given_at, status, stored = _time(at), incident.status, stored_delivery(route, incident)
    recorded, received = status.acknowledgement, _received(route, channel, incident)
    if given_at is None or stored is None or recorded is None or recorded.revision is None or recorded.at < given_at:
        return None
    seen = recorded.revision
    is_unseen = any(seen < change.appeared_in <= received and not change.acknowledged for change in status.changes)
    event = PendingDelivery(incident, "Updated").event_after(seen)
    # Only if it opens a new alert: otherwise it would be sent each minute.
    if not is_unseen or stored.reminders or not is_new_alert(status, event, seen):
        return None
    return stored.model_copy(update={"pending_channels": {**(stored.pending_channels or {}), channel.id: seen}})


def _notified(route: NSGAlertRoute, incident: NSGIncident, at: datetime) -> int:
    """Return the last revision that a route had delivered at some time; 0 for none."""
    stored = stored_delivery(route, incident)
    # A long history does not contain all notifications.
    latest = stored.revision if stored is not None and stored.at <= at else 0
    return max(latest, notified_revision(incident.status.history, route_name(route), at))


def _received(route: NSGAlertRoute, channel: Channel, incident: NSGIncident) -> int:
    """Return the last revision that a channel has received; 0 for none."""
    stored = stored_delivery(route, incident)
    return (stored.pending_channels or {}).get(channel.id, stored.revision) if stored is not None else 0


def _is_void(incident: NSGIncident, revision: int, given_at: datetime, now: datetime) -> bool:
    """Return whether an acknowledgement is older than what happened since, or than another acknowledgement."""
    status = incident.status
    if status.acknowledgement is not None and status.acknowledgement.at >= given_at:
        return True
    # Somebody has acknowledged it, or has withdrawn that, which the operator has not recorded yet.
    if is_unrecorded(incident, now):
        return True
    unsent = status.revision - revision
    if unsent and _UNSEEN.intersection(status.events[-unsent:]):
        return True
    return any(item.kind in _INVALIDATING and item.at >= given_at for item in status.history)


def _rank(incident: NSGIncident) -> tuple[int, str]:
    return SEVERITIES.index(incident.status.severity or "info"), incident.metadata.name


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
