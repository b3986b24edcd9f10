"""What pagers show of an incident: whether its alert is acknowledged, and whether it needs a new one. Pure.

A pager that has an acknowledged alert notifies nobody of its updates. An acknowledgement covers only what was open when
it was given, so a new alert replaces an acknowledged one when something else is open.
"""

from nsg_baseline.api.incident import IncidentEvent, IncidentStatus
from nsg_baseline.api.route import NotificationEvent

_UNCOVERED = frozenset[IncidentEvent]({"Opened", "Updated", "Escalated", "Resolved"})


def is_new_alert(status: IncidentStatus, event: NotificationEvent, received: int, reminder: int = 0) -> bool:
    """Return whether a pager has to open a new alert for a message.

    Args:
        status: The incident.
        event: The event of the message.
        received: The last revision that the pager received; 0 for none.
        reminder: The number of the reminder; 0 if it is none.
    """
    if not received or event in ("Opened", "Resolved"):
        return False
    # Only the first reminder after the end of an acknowledgement replaces the alert.
    has_ended = status.acknowledged_at is None and reminder <= 1
    return event == "Escalated" or (has_ended and _shows_acknowledgement(status, received))


def _shows_acknowledgement(status: IncidentStatus, received: int) -> bool:
    """Return whether a receiver of this revision may have an alert that is acknowledged.

    It has after the acknowledgement, and after the end of what the acknowledgement did not cover.
    """
    earlier = [change for change in status.changes if change.appeared_in <= received]
    if earlier and all(change.acknowledged for change in earlier):
        return True
    count = max(len(status.events) - (status.revision - received), 0)
    decisive = (event for event in reversed(status.events[:count]) if event == "Acknowledged" or event in _UNCOVERED)
    return next(decisive, None) == "Acknowledged" or _has_ended(status)


def _has_ended(status: IncidentStatus) -> bool:
    """Return whether the last acknowledgement was withdrawn, or is over."""
    kinds = (entry.kind for entry in reversed(status.history))
    return next((kind for kind in kinds if kind.startswith("Acknowledge")), None) == "AcknowledgementEnded"
