"""Messages about incidents, independent of the channel that sends them. Each channel renders one in its own format."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nsg_baseline.alerts.azure_links import PUBLIC, AzureLinks
from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.alerts.facts import action_lines, facts, short_place
from nsg_baseline.alerts.headline import title
from nsg_baseline.alerts.news import author, news
from nsg_baseline.alerts.next_steps import NextStep, next_steps
from nsg_baseline.alerts.pager_state import is_new_alert
from nsg_baseline.alerts.payload import alert_payload
from nsg_baseline.alerts.pending import PendingDelivery
from nsg_baseline.alerts.wording import change_name
from nsg_baseline.alerts.written_text import Line
from nsg_baseline.api.changes import ExposureStatus
from nsg_baseline.api.common import Severity, format_time
from nsg_baseline.api.incident import IncidentStatus, NSGIncident
from nsg_baseline.api.incident_changes import IncidentChange
from nsg_baseline.api.route import NotificationEvent
from nsg_baseline.core.text.exposure_lines import lines

SHOWN_CHANGES = 20
SHOWN_EXPOSURE = 5
Level = Literal["failure", "warning", "success"]
MessageEvent = NotificationEvent | Literal["Heartbeat"]


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One change: a summary, and the approved and live values with their labels."""

    summary: str
    sides: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """One message, in parts.

    Every text is one line without control characters.

    Attributes:
        key: Identifies the message. Every repeat of it has the same key.
        thread: Identifies the alert or ticket that the message belongs to.
        is_takeover: Whether it reports that a baseline of another namespace manages the NSG now.
        is_first: Whether the channel has not received anything about these incidents before.
        is_acknowledged: Whether everything that is open is acknowledged.
        is_new_alert: Whether a pager has to replace its alert, because it would notify nobody of an update.
        news: What is new or gone since the last message of the receiver; of an end, how each change ended.
        place: The subscription in a few words, for short messages.
        payload: The machine-readable form; see docs/alerts.md.
        text: The lines that a template of the route shows instead of the built-in ones; none without a template.
    """

    event: MessageEvent
    severity: Severity
    title: str
    facts: tuple[str, ...]
    key: str
    thread: str
    news: tuple[str, ...] = ()
    place: str = ""
    exposure: tuple[str, ...] = ()
    changes: tuple[ChangeLine, ...] = ()
    actions: tuple[str, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
    link: str | None = None
    is_first: bool = False
    is_acknowledged: bool = False
    is_new_alert: bool = False
    is_takeover: bool = False
    payload: Mapping[str, Any] = field(default_factory=dict)
    text: tuple[Line, ...] = ()

    @property
    def level(self) -> Level:
        """Apprise's notification type for this message."""
        is_calm = self.event == "Heartbeat" and self.severity == "info"
        if is_calm or (self.event == "Resolved" and not self.is_takeover):
            return "success"
        return "failure" if self.severity in ("critical", "high") else "warning"


def alert_message(
    delivery: PendingDelivery,
    event: NotificationEvent | None = None,
    received: int | None = None,
    links: AzureLinks = PUBLIC,
) -> AlertMessage:
    """Describe the latest revision of one incident.

    Args:
        delivery: The notification.
        event: Replaces the event of the notification.
        received: The last revision that the receiver knows, 0 for none; by default the one before.
        links: The portal and the CLI of the cloud.
    """
    event = event or delivery.event
    incident, status = delivery.incident, delivery.incident.status
    severity: Severity = status.severity or "info"
    received = max(status.revision - 1, 0) if received is None else received
    return AlertMessage(
        event=event,
        severity=severity,
        title=escape_controls(title(incident, event, delivery.open_for, received)),
        news=_escaped(news(incident, event, received)),
        facts=_escaped(facts(incident, event)),
        place=escape_controls(short_place(incident)),
        exposure=_escaped(_exposure(status, event)),
        changes=tuple(_change_lines(incident)),
        actions=_escaped(action_lines(incident)),
        next_steps=() if event == "Resolved" else tuple(next_steps(incident, event, links)),
        key=delivery.message_key,
        thread="/".join(incident.key),
        is_acknowledged=status.state == "Open" and status.acknowledged_at is not None,
        is_new_alert=is_new_alert(status, event, received, delivery.reminder),
        is_takeover=status.resolution == "TakenOver",
        link=links.link(incident.spec.nsg) if incident.spec.nsg else None,
        payload=alert_payload(event, severity, [incident]),
    )


def _exposure(status: IncidentStatus, event: NotificationEvent) -> Iterable[str]:
    """Return the traffic of an incident; of one that ended, how the traffic is decided now."""
    if event != "Resolved" or status.resolution == "TakenOver":
        return lines(status.exposure)
    return [
        f"{_ended_effect(item, status)} {item.direction.lower()}: {item.text}"
        for item in status.exposure[:SHOWN_EXPOSURE]
    ]


def _ended_effect(exposure: ExposureStatus, status: IncidentStatus) -> str:
    is_allowed = exposure.effect == "Allowed"
    if status.resolution in ("Reverted", "Remediated"):
        return "no longer allowed" if is_allowed else "allowed again"
    state = "allowed" if is_allowed else "denied"
    # Nobody looks any more at an NSG that is not watched.
    return f"{state} when last seen," if status.resolution == "TargetRemoved" else f"still {state}"


def _change_lines(incident: NSGIncident) -> list[ChangeLine]:
    status = incident.status
    are_many = len(status.changes) > 1
    shown = [_change_line(change, are_many=are_many) for change in status.changes[:SHOWN_CHANGES]]
    hidden = (status.change_count or 0) - len(shown)
    return [*shown, ChangeLine(f"and {hidden} more; see the NSGIncident")] if hidden > 0 else shown


def _change_line(change: IncidentChange, *, are_many: bool) -> ChangeLine:
    fields = f" ({', '.join(change.fields)})" if change.fields else ""
    live = "none" if change.live is None and change.kind in ("RuleDeleted", "NSGDeleted") else change.live
    sides = (("approved", change.approved), ("live", live))
    return ChangeLine(
        escape_controls(f"{change_name(change)}{fields}{_times(change) if are_many else ''}"),
        tuple((label, escape_controls(value)) for label, value in sides if value is not None),
    )


def _times(change: IncidentChange) -> str:
    """Return severity, start and author of one of several changes."""
    since = f", since {format_time(change.since)}" if change.since is not None else ""
    return f" [{change.severity.upper()}]{since}{author(change, ', ')}"


def _escaped(texts: Any) -> tuple[str, ...]:
    return tuple(map(escape_controls, texts))
