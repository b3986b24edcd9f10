"""The machine-readable form of an alert; docs/alerts.md describes it."""

from collections.abc import Sequence
from typing import Any

from nsg_baseline.api.common import Severity
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NotificationEvent

SCHEMA = "nsg-baseline.io/alert/v1"
_STATUS_FIELDS = (
    *(
        "state",
        "revision",
        "severity",
        "highestSeverity",
        "severityReason",
        "openedAt",
        "updatedAt",
        "resolvedAt",
        "resolution",
    ),
    *("summary", "changeCount", "changes", "endedChanges", "exposure", "actions", "attribution", "changedBy"),
    *("acknowledgement", "acknowledgedAt"),
)


def alert_payload(event: NotificationEvent, severity: Severity, incidents: Sequence[NSGIncident]) -> dict[str, Any]:
    """Return a message as JSON: the event, the worst severity and the incidents as stored.

    Later revisions of this schema only add fields.
    """
    return {
        "schema": SCHEMA,
        "event": event,
        "severity": severity,
        "incidents": [_incident(incident) for incident in incidents],
    }


def _incident(incident: NSGIncident) -> dict[str, Any]:
    status = incident.status.document()
    return {
        "namespace": incident.metadata.namespace,
        "name": incident.metadata.name,
        **incident.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        **{name: status[name] for name in _STATUS_FIELDS if name in status},
    }
