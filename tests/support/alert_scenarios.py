"""Notifications of each event as an on-call engineer receives them, built from stored incidents."""

from datetime import timedelta
from typing import Any

from nsg_baseline.alerts.digest import digest_message
from nsg_baseline.alerts.message import AlertMessage, alert_message
from nsg_baseline.alerts.pending import PendingDelivery
from nsg_baseline.api.route import NotificationEvent
from tests.support.alerts import NSG, START, incident, stamp

LATER = stamp(START + timedelta(minutes=41))
SSH: dict[str, Any] = {
    "effect": "Allowed",
    "direction": "Inbound",
    "text": "TCP 22 from Internet to any",
    "approvedRule": "DenyAllInBound",
    "liveRule": "open-ssh",
}
OPEN: dict[str, Any] = {
    "severity": "critical",
    "severityReason": "rule open-ssh opens TCP 22 to the Internet",
    "exposure": [SSH],
}
WIDENED: dict[str, Any] = {
    "severity": "high",
    "severityReason": "rule web_app opens TCP 8443 to the Internet",
    "summary": "RuleUpdated web_app",
    "changes": [
        {
            "kind": "RuleUpdated",
            "rule": "web_app",
            "severity": "high",
            "approved": "300 Inbound Allow Tcp from 10.0.0.0/8 to * port 8443",
            "live": "300 Inbound Allow Tcp from * to * port 8443",
            "fields": ["sourceAddressPrefix"],
        }
    ],
    "exposure": [{**SSH, "text": "TCP 8443 from any but 10.0.0.0/8 to any", "liveRule": "web_app"}],
}
DELETED: dict[str, Any] = {
    "severity": "medium",
    "severityReason": "the NSG no longer filters any traffic",
    "summary": "NSGDeleted",
    "changes": [{"kind": "NSGDeleted", "severity": "medium", "approved": NSG}],
    "exposure": [{**SSH, "text": "all traffic from any to any", "liveRule": None}],
}
CONFIRM = "annotate the baseline with nsg-baseline.io/confirm=4f2a91 to go on"
TOO_MANY: dict[str, Any] = {
    "kind": "Blocked",
    "reason": "TooManyChanges",
    "at": LATER,
    "message": f"12 changes, more than maxChanges 10; {CONFIRM}",
}
CONTESTED: dict[str, Any] = {
    "kind": "Blocked",
    "reason": "Contested",
    "at": LATER,
    "message": "restored 3 times within an hour and changed again by jo@example.com; stop that writer, or approve the "
    "change",
}
RESTORED: dict[str, Any] = {"kind": "Remediated", "at": LATER, "reason": "Restored"}


def _delivery(
    event: NotificationEvent,
    name: str = "web-1",
    kind: str = "Drift",
    *,
    reminder: int = 0,
    open_for: timedelta | None = None,
    **status: Any,
) -> PendingDelivery:
    return PendingDelivery(incident(name, kind=kind, **status), event, reminder=reminder, open_for=open_for)


def _unbaselined(count: int) -> dict[str, Any]:
    changes = [
        {"kind": "NSGCreated", "nsg": NSG.replace("/web", f"/nsg-{number:03}"), "severity": "high"}
        for number in range(count)
    ]
    more = f" and {count - 3} more" if count > 3 else ""
    first = "; ".join(f"NSGCreated nsg-{number:03}" for number in range(min(count, 3)))
    return {
        "severity": "high",
        "severityReason": "NSG nsg-000: rule all opens TCP 8080 to the Internet",
        "summary": first + more,
        "changeCount": count,
        "changes": changes,
        "exposure": [{**SSH, "text": "NSG nsg-000: TCP 8080 from Internet to any", "liveRule": "all"}],
    }


PING: dict[str, Any] = {
    "kind": "RuleCreated",
    "rule": "ping",
    "severity": "low",
    "live": "500 Inbound Allow Icmp from * to *",
    "since": stamp(START),
    "appearedIn": 1,
    "acknowledged": True,
}
RDP: dict[str, Any] = {
    "kind": "RuleCreated",
    "rule": "open-rdp",
    "severity": "critical",
    "appearedIn": 3,
    "since": LATER,
    "live": "900 Inbound Allow Tcp from Internet to * port 3389",
    "exposure": [{**SSH, "text": "TCP 3389 from Internet to any", "liveRule": "open-rdp"}],
}
ACKNOWLEDGED: dict[str, Any] = {
    "acknowledgement": {"at": stamp(START), "by": "jo@example.com", "note": "ping test"},
    "acknowledgedAt": stamp(START),
}
WORSE: dict[str, Any] = {
    "revision": 3,
    "severity": "critical",
    "severityReason": "rule open-rdp opens TCP 3389 to the Internet",
    "effectiveMode": "Alert",
    "acknowledgement": ACKNOWLEDGED["acknowledgement"],
    "summary": "RuleCreated open-rdp; RuleCreated ping",
    "changeCount": 2,
    "changes": [RDP, PING],
    "exposure": [*RDP["exposure"], {**SSH, "text": "ICMP from any to any", "liveRule": "ping"}],
}
END = stamp(START + timedelta(minutes=82))
EASED: dict[str, Any] = {
    "revision": 4,
    "severity": "low",
    "severityReason": "rule ping affects only ICMP",
    "summary": "RuleCreated ping",
    "changes": [PING],
    "exposure": [{**SSH, "text": "ICMP from any to any", "liveRule": "ping"}],
    "endedChanges": [{**RDP, "endedAt": END, "ended": "Reverted", "endedIn": 4}],
    **ACKNOWLEDGED,
}
BY_JO: dict[str, Any] = {
    "changedBy": [
        {
            "name": "jo@example.com",
            "kind": "User",
            "client": "the Azure CLI",
            "address": "203.0.113.7",
            "at": stamp(START),
            "operation": "write",
            "rule": "open-ssh",
            "correlationId": "c-1",
            "certain": True,
        }
    ]
}
RESOLVED: dict[str, Any] = {"state": "Resolved", "revision": 3, "resolvedAt": LATER}
GUARDRAIL: dict[str, Any] = {
    "severity": "critical",
    "severityReason": "guardrail no-ssh forbids it: SSH only through the bastion",
    "summary": "guardrail no-ssh is violated: NSG web (rg-web): rule open-ssh allows inbound TCP 22 from Internet to "
    "any",
    "changes": [
        {
            "kind": "GuardrailViolated",
            "rule": "open-ssh",
            "nsg": NSG,
            "severity": "critical",
            "live": "1000 Inbound Allow Tcp from Internet to * port 22",
        }
    ],
}
LOST: dict[str, Any] = {
    "name": "watchlost-1",
    "kind": "WatchLost",
    "severity": "high",
    "summary": "NSGScope production cannot be watched: Forbidden: the identity lacks the read permission",
    "changeCount": 0,
    "changes": [],
}
_UPDATED = {**WIDENED["changes"][0], "appearedIn": 2, "since": LATER, "exposure": WIDENED["exposure"]}
_PARTLY: dict[str, Any] = {
    **WIDENED,
    "actions": [RESTORED],
    "endedChanges": [
        {
            "kind": "RuleCreated",
            "rule": "open-ssh",
            "severity": "critical",
            "appearedIn": 1,
            "since": stamp(START),
            "endedAt": LATER,
            "ended": "Remediated",
            "endedIn": 2,
        }
    ],
}
_APPROVED: dict[str, Any] = {
    **EASED,
    "state": "Resolved",
    "resolvedAt": stamp(START + timedelta(hours=2)),
    "revision": 5,
    "resolution": "Approved",
    "highestSeverity": "critical",
    "changes": [{**PING, "endedAt": stamp(START + timedelta(hours=2)), "ended": "Approved", "endedIn": 5}],
}


def _about(number: int, **status: Any) -> PendingDelivery:
    """Return a notification about a separate NSG."""
    drift = incident(f"web-{number:02}", **status)
    spec = drift.spec.model_copy(
        update={"nsg": NSG.replace("/web", f"/web-{number:02}"), "baseline": f"web-{number:02}"}
    )
    return PendingDelivery(drift.model_copy(update={"spec": spec}), "Opened")


DELIVERIES: dict[str, list[PendingDelivery]] = {
    "opened": [_delivery("Opened", effectiveMode="Alert", **OPEN)],
    "updated": [_delivery("Updated", revision=2, **{**WIDENED, "changes": [_UPDATED]})],
    "blocked": [_delivery("Blocked", revision=2, updatedAt=LATER, **OPEN, actions=[TOO_MANY])],
    "contested": [_delivery("Blocked", revision=2, updatedAt=LATER, **OPEN, **BY_JO, actions=[CONTESTED])],
    "remediated": [_delivery("Remediated", revision=2, **_PARTLY)],
    "resolved": [_delivery("Resolved", **OPEN, **RESOLVED, resolution="Reverted")],
    "fixed": [
        _delivery(
            "Resolved",
            **OPEN,
            **{**RESOLVED, "resolvedAt": stamp(START)},
            resolution="Remediated",
            actions=[{**RESTORED, "at": stamp(START)}],
        )
    ],
    "escalated": [_delivery("Escalated", **WORSE)],
    "eased": [_delivery("Eased", **EASED)],
    "attributed": [_delivery("Attributed", revision=2, **{**OPEN, **BY_JO})],
    "acknowledged": [_delivery("Acknowledged", revision=2, **OPEN, **ACKNOWLEDGED)],
    "reopened": [_delivery("Opened", **{**OPEN, "revision": 3, "reopenCount": 1})],
    "resolved-after-easing": [_delivery("Resolved", **_APPROVED)],
    "nsg-deleted": [_delivery("Opened", name="web-2", **DELETED)],
    "one-unbaselined": [_delivery("Opened", name="unbaselined-1", kind="Unbaselined", **_unbaselined(1))],
    "300-unbaselined": [_delivery("Opened", name="unbaselined-2", kind="Unbaselined", **_unbaselined(300))],
    "watch-lost": [_delivery("Opened", **LOST)],
    "watch-lost-resolved": [_delivery("Resolved", **LOST, **RESOLVED, resolution="Reverted")],
    "guardrail": [_delivery("Opened", name="guardrail-1", kind="Guardrail", **GUARDRAIL)],
    "guardrail-resolved": [
        _delivery("Resolved", name="guardrail-1", kind="Guardrail", **GUARDRAIL, **RESOLVED, resolution="Reverted")
    ],
    "reminder": [_delivery("Reminder", reminder=2, open_for=timedelta(days=1), **OPEN)],
    "digest": [_about(number, **(OPEN if number < 2 else WIDENED)) for number in range(12)],
}
SCENARIOS: dict[str, AlertMessage] = {
    name: alert_message(deliveries[0]) if len(deliveries) == 1 else digest_message(deliveries)
    for name, deliveries in DELIVERIES.items()
}
EVENTS: dict[str, str] = {
    "Opened": "opened",
    "Updated": "updated",
    "Escalated": "escalated",
    "Eased": "eased",
    "Attributed": "attributed",
    "Remediated": "remediated",
    "Blocked": "blocked",
    "Acknowledged": "acknowledged",
    "Resolved": "resolved",
    "Reminder": "reminder",
    "Digest": "digest",
    "WatchLost": "watch-lost",
    "Unbaselined": "300-unbaselined",
    "Contested": "contested",
}
"""The 14 events that each channel with its own form must show well, each with its notification here."""
