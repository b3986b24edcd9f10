"""The state of incidents as alerts of Alertmanager, which forgets an alert that is not sent again. Pure.

The labels identify an alert. They contain nothing that changes during an incident except the severity.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from nsg_baseline.alerts.azure_links import PUBLIC, AzureLinks
from nsg_baseline.alerts.message import AlertMessage, alert_message
from nsg_baseline.alerts.pending import PendingDelivery, stored_delivery
from nsg_baseline.api.common import format_time
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.core.ids import NSGId

REFRESH_INTERVAL = timedelta(minutes=1)
"""How often open alerts are sent again: Alertmanager forgets them when it restarts."""
ENDS_AFTER = timedelta(hours=1)
"""How long an alert lasts if it is not sent again. An operator that is away for less does not resolve anything."""
RESOLVED_FOR = timedelta(minutes=15)
"""How long the end of an alert is sent again, as Prometheus does."""
_DESCRIPTION_LENGTH = 8000
_URL_CHARACTERS = ":/?#[]@!$&'()*+,;=%-._~"


def alert_states(
    incidents: Iterable[NSGIncident], now: datetime, links: AzureLinks = PUBLIC
) -> tuple[dict[str, Any], ...]:
    """Return one alert for each incident, in the format of Alertmanager's API."""
    return tuple(_alert(incident, now, links) for incident in incidents)


def to_refresh(
    route: NSGAlertRoute, channel_id: str, incidents: Iterable[NSGIncident], now: datetime
) -> list[NSGIncident]:
    """Return the incidents whose alerts a channel has received and must get again."""

    def is_due(incident: NSGIncident) -> bool:
        resolved_at = incident.status.resolved_at
        if incident.status.state == "Resolved" and (resolved_at is None or now - resolved_at > RESOLVED_FOR):
            return False
        stored = stored_delivery(route, incident)
        # Revision 0 means that the channel has not received anything about it.
        return stored is not None and (stored.pending_channels or {}).get(channel_id, stored.revision) > 0

    return [incident for incident in incidents if is_due(incident)]


def _alert(incident: NSGIncident, now: datetime, links: AzureLinks) -> dict[str, Any]:
    status = incident.status
    message = alert_message(
        PendingDelivery(incident, "Resolved" if status.state == "Resolved" else "Opened"), links=links
    )
    alert: dict[str, Any] = {"labels": dict(_labels(incident)), "annotations": _annotations(message)}
    if status.opened_at is not None:
        alert["startsAt"] = format_time(status.opened_at)
    if status.state == "Resolved":
        # It must not be before the start, nor in the future of a slow clock.
        alert["endsAt"] = format_time(max(status.opened_at or now, min(status.resolved_at or now, now)))
    else:
        alert["endsAt"] = format_time(now + ENDS_AFTER)
    return {**alert, "generatorURL": quote(message.link, safe=_URL_CHARACTERS)} if message.link else alert


def _labels(incident: NSGIncident) -> Iterator[tuple[str, str]]:
    spec = incident.spec
    yield "alertname", spec.kind if spec.kind.startswith("NSG") else f"NSG{spec.kind}"
    yield "severity", incident.status.severity or "info"
    yield "namespace", incident.metadata.namespace
    yield "incident", incident.metadata.name
    yield "scope", spec.scope
    # Alertmanager drops labels without a value.
    if spec.baseline:
        yield "baseline", spec.baseline
    if spec.nsg:
        nsg = NSGId.parse(spec.nsg)
        yield "nsg", nsg.name
        yield "resource_group", nsg.resource_group
        yield "subscription", nsg.subscription
    elif spec.subscription:
        yield "subscription", spec.subscription


def _annotations(message: AlertMessage) -> dict[str, str]:
    lines = [
        *message.news,
        *message.exposure,
        *message.facts,
        *(change.summary for change in message.changes),
        *(f"Operator: {action}" for action in message.actions),
        *(step.line for step in message.next_steps),
    ]
    return {"summary": message.title, "description": "\n".join(lines)[:_DESCRIPTION_LENGTH]}
