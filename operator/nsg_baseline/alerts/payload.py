"""The JSON of an alert; docs/alerts.md describes it."""

from collections.abc import Sequence
from typing import Any

from nsg_baseline.alerts.pending import NotificationEvent
from nsg_baseline.api.common import Severity
from nsg_baseline.api.incident import NSGIncident

SCHEMA = "nsg-baseline.io/alert/v1"


def alert_document(event: NotificationEvent, severity: Severity, incidents: Sequence[NSGIncident]) -> dict[str, Any]:
    """Return a message for machines: what it is about, as stored, under a schema that only ever grows."""
    return {
        "schema": SCHEMA,
        "event": event,
        "severity": severity,
        "incidents": [_incident_document(one) for one in incidents],
    }


def _incident_document(incident: NSGIncident) -> dict[str, Any]:
    kept = (
        *("state", "revision", "severity", "severityReason", "openedAt", "updatedAt", "resolvedAt", "resolution"),
        *("summary", "changeCount", "changes", "exposure", "actions", "attribution", "changedBy"),
    )
    status = incident.status.document()
    return {
        "namespace": incident.metadata.namespace,
        "name": incident.metadata.name,
        **incident.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        **{key: status[key] for key in kept if key in status},
    }
