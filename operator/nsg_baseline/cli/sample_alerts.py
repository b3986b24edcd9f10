"""Alerts about things that did not happen, to show what templates make of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nsg_baseline.alerts.digest import digest_message
from nsg_baseline.alerts.message import AlertMessage, alert_message
from nsg_baseline.alerts.pending import PendingDelivery
from nsg_baseline.api.incident import IncidentKind, IncidentSpec, IncidentStatus, NSGIncident
from nsg_baseline.api.route import NotificationEvent

_SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
_NSG = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/rg-web/providers/Microsoft.Network/networkSecurityGroups/web"
_BEGIN, _END = "2026-11-25T15:34:13Z", "2026-11-25T16:04:13Z"
_SSH = "1000 Inbound Allow Tcp from Internet to * port 22"
_EXPOSURE = {
    "effect": "Allowed",
    "direction": "Inbound",
    "text": "TCP 22 from Internet to any",
    "approvedRule": "DenyAllInBound",
    "liveRule": "open-ssh",
}
_AUTHOR = {
    "name": "jo@example.com",
    "kind": "User",
    "client": "the Azure CLI",
    "address": "203.0.113.7",
    "operation": "Write",
    "certain": True,
    "at": _BEGIN,
    "correlationId": "00000000-0000-0000-0000-000000000000",
}
_CHANGE = {"rule": "open-ssh", "severity": "critical", "live": _SSH, "since": _BEGIN}
_STATUS: dict[str, Any] = {
    "state": "Open",
    "revision": 1,
    "event": "Opened",
    "severity": "critical",
    "highestSeverity": "critical",
    "severityReason": "rule open-ssh opens TCP 22 to the Internet",
    "openedAt": _BEGIN,
    "updatedAt": _BEGIN,
    "summary": "RuleCreated open-ssh",
    "changeCount": 1,
}
_DRIFT = {
    "changes": [{"kind": "RuleCreated", **_CHANGE}],
    "exposure": [_EXPOSURE],
    "attribution": "Found",
    "changedBy": [_AUTHOR],
    "effectiveMode": "Alert",
}
_OF_KIND: dict[IncidentKind, tuple[dict[str, str], dict[str, Any]]] = {
    "Drift": ({"baseline": "web", "nsg": _NSG}, _DRIFT),
    "Unbaselined": (
        {"subscription": _SUBSCRIPTION},
        {
            "changes": [{"kind": "NSGCreated", "nsg": _NSG, "severity": "high"}],
            "severity": "high",
            "severityReason": "NSG web has no baseline",
        },
    ),
    "WatchLost": (
        {"subscription": _SUBSCRIPTION},
        {
            "changes": [],
            "changeCount": 0,
            "severity": "high",
            "severityReason": "drift is not detected",
            "summary": "the scope cannot be read: Forbidden",
        },
    ),
    "Guardrail": (
        {"guardrail": "no-ssh", "subscription": _SUBSCRIPTION},
        {"changes": [{"kind": "GuardrailViolated", "nsg": _NSG, **_CHANGE}], "exposure": [_EXPOSURE]},
    ),
}
_RESOLVED = {"state": "Resolved", "event": "Resolved", "revision": 2, "resolvedAt": _END, "resolution": "Reverted"}


@dataclass(frozen=True, slots=True)
class Sample:
    """An alert, and what it is about."""

    name: str
    kind: IncidentKind
    message: AlertMessage


def samples() -> Iterator[Sample]:
    """Yield an alert of each kind, an end, and a digest."""
    for kind in _OF_KIND:
        yield Sample(f"{kind}, Opened", kind, alert_message(_delivery(kind, "Opened")))
    yield Sample("Drift, Resolved", "Drift", alert_message(_delivery("Drift", "Resolved", _RESOLVED)))
    digest = digest_message([_delivery("Drift", "Opened"), _delivery("Drift", "Opened", {"severity": "low"}, "mail")])
    yield Sample("Drift, a digest of two", "Drift", digest)


def _delivery(
    kind: IncidentKind, event: NotificationEvent, update: Mapping[str, Any] | None = None, name: str = "web"
) -> PendingDelivery:
    about, parts = _OF_KIND[kind]
    spec = {"kind": kind, "scope": "production", **about}
    if "nsg" in about:
        spec |= {"baseline": name, "nsg": _NSG.replace("/web", f"/{name}")}
    incident = NSGIncident.model_validate(
        {
            "metadata": {"name": f"{name}-20261125-153413-c99dea", "namespace": "team-web"},
            "spec": IncidentSpec.model_validate(spec),
            "status": IncidentStatus.model_validate({**_STATUS, **parts, **(update or {})}),
        }
    )
    return PendingDelivery(incident, event)
