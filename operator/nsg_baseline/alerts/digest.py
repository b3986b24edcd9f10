"""Digests: one message about several incidents, the most severe first."""

from collections import Counter
from collections.abc import Sequence

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.alerts.facts import subscriptions
from nsg_baseline.alerts.headline import headline, title
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.next_steps import NextStep
from nsg_baseline.alerts.payload import alert_payload
from nsg_baseline.alerts.pending import PendingDelivery, digest_key
from nsg_baseline.alerts.subject import severity_label, subject_of
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NotificationEvent
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.severity import worst
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.phrasing import cut

SHOWN_INCIDENTS = 50
SHOWN_GROUPS = 10
LINE_LENGTH = 300


def digest_message(deliveries: Sequence[PendingDelivery], key: str | None = None) -> AlertMessage:
    """Describe several incidents in one message. A message that is sent again keeps its `key`."""
    key = key or digest_key(deliveries)
    ordered = sorted(deliveries, key=lambda delivery: (_rank(delivery.incident), delivery.incident.metadata.name))
    incidents = [delivery.incident for delivery in ordered]
    severity = worst(incident.status.severity or "info" for incident in incidents) or "info"
    are_resolved = all(delivery.event == "Resolved" for delivery in ordered)
    event: NotificationEvent = "Resolved" if are_resolved else "Updated"
    listed = [title(delivery.incident, delivery.event, delivery.open_for) for delivery in ordered[:SHOWN_INCIDENTS]]
    hidden = len(ordered) - len(listed)
    if hidden > 0:
        listed.append(f"and {hidden} more")
    return AlertMessage(
        event=event,
        severity=severity,
        title=escape_controls(_title(incidents, are_resolved=are_resolved)),
        facts=tuple(map(escape_controls, _facts(incidents))),
        exposure=tuple(cut(escape_controls(line), LINE_LENGTH) for line in listed),
        next_steps=(NextStep("All incidents", "nsgb incidents -A", "Command"),),
        key=key,
        thread=key,
        payload=alert_payload(event, severity, incidents),
    )


def _title(incidents: Sequence[NSGIncident], *, are_resolved: bool) -> str:
    first = incidents[0]
    prefix = "RESOLVED" if are_resolved else f"[{severity_label(first)}]"
    if _is_same_change(incidents):
        return f"{prefix} {len(incidents)} NSGs: {headline(first)}"
    return f"{prefix} {len(incidents)} incidents, including {subject_of(first)}: {headline(first)}"


def _facts(incidents: Sequence[NSGIncident]) -> list[str]:
    lines = [f"The same change in all {len(incidents)} NSGs"] if _is_same_change(incidents) else []
    groups = Counter(NSGId.parse(incident.spec.nsg).resource_group for incident in incidents if incident.spec.nsg)
    names = [f"{group} ({count})" for group, count in sorted(groups.items(), key=lambda item: (-item[1], item[0]))]
    if names:
        more = f" and {len(names) - SHOWN_GROUPS} more" if len(names) > SHOWN_GROUPS else ""
        lines.append(f"Resource groups: {', '.join(names[:SHOWN_GROUPS])}{more}")
    named = sorted({subscription for incident in incidents for subscription in subscriptions(incident)})
    if named:
        more = f" and {len(named) - SHOWN_GROUPS} more" if len(named) > SHOWN_GROUPS else ""
        lines.append(f"Subscriptions: {', '.join(named[:SHOWN_GROUPS])}{more}")
    return lines


def _is_same_change(incidents: Sequence[NSGIncident]) -> bool:
    nsgs = {incident.spec.nsg for incident in incidents}
    return None not in nsgs and len(nsgs) == len(incidents) and len(set(map(headline, incidents))) == 1


def _rank(incident: NSGIncident) -> int:
    return SEVERITIES.index(incident.status.severity or "info")
