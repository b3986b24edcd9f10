"""Notifications of each event as an on-call engineer receives them, built from stored incidents."""

from datetime import timedelta
from typing import Any

from nsg_baseline.alerts.digest import digest_message
from nsg_baseline.alerts.message import AlertMessage, alert_message
from nsg_baseline.alerts.pending import PendingDelivery
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
    "severityReason": "open-ssh opens TCP 22 to the Internet",
    "exposure": [SSH],
}
WIDENED: dict[str, Any] = {
    "severity": "high",
    "severityReason": "web_app opens TCP 8443 to the Internet",
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
ACTION: dict[str, Any] = {"at": LATER, "message": "12 rules differ; confirm with nsg-baseline.io/confirm: 4f2a91"}


def _message(turn: str, name: str = "web-1", kind: str = "Drift", reminder: int = 0, **status: Any) -> AlertMessage:
    return alert_message(PendingDelivery(incident(name, kind=kind, **status), turn, reminder=reminder))  # type: ignore[arg-type]  # a turn


def _unbaselined(count: int) -> dict[str, Any]:
    changes = [
        {"kind": "NSGCreated", "nsg": NSG.replace("/web", f"/nsg-{number:03}"), "severity": "high"}
        for number in range(count)
    ]
    more = f" and {count - 3} more" if count > 3 else ""
    first = "; ".join(f"NSGCreated nsg-{number:03}" for number in range(min(count, 3)))
    return {
        "severity": "high",
        "severityReason": "NSG nsg-000: all opens TCP 8080 to the Internet",
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
    "severityReason": "open-rdp opens TCP 3389 to the Internet",
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
    "severityReason": "ping affects only ICMP",
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
SCENARIOS: dict[str, AlertMessage] = {
    "opened": _message("Opened", **OPEN),
    "updated": _message("Updated", revision=2, **WIDENED),
    "blocked": _message(
        "Blocked",
        revision=2,
        updatedAt=LATER,
        **OPEN,
        actions=[{"kind": "Blocked", "reason": "TooManyChanges", **ACTION}],
    ),
    "remediated": _message(
        "Remediated", revision=2, **OPEN, actions=[{"kind": "Remediated", "at": LATER, "reason": "Restored"}]
    ),
    "resolved": _message("Resolved", **OPEN, **RESOLVED, resolution="Reverted"),
    "escalated": _message("Escalated", **WORSE),
    "eased": _message("Eased", **EASED),
    "attributed": _message("Attributed", revision=2, **{**OPEN, **BY_JO}),
    "acknowledged": _message("Acknowledged", revision=2, **OPEN, **ACKNOWLEDGED),
    "reopened": _message("Opened", **{**OPEN, "revision": 3, "reopenCount": 1}),
    "resolved-after-easing": _message(
        "Resolved",
        **{**EASED, **RESOLVED, "revision": 4, "resolution": "Approved", "highestSeverity": "critical"},
    ),
    "nsg-deleted": _message("Opened", name="web-2", **DELETED),
    "one-unbaselined": _message("Opened", name="unbaselined-1", kind="Unbaselined", **_unbaselined(1)),
    "300-unbaselined": _message("Opened", name="unbaselined-2", kind="Unbaselined", **_unbaselined(300)),
    "watch-lost": _message(
        "Opened",
        name="watchlost-1",
        kind="WatchLost",
        severity="high",
        summary="NSGScope production cannot be read: Forbidden: the identity lacks the read permission",
        changeCount=0,
        changes=[],
    ),
    "reminder": _message("Reminder", reminder=2, **OPEN),
    "digest": digest_message(
        [
            PendingDelivery(incident(f"web-{number:02}", **(OPEN if number < 2 else WIDENED)), "Opened")
            for number in range(12)
        ]
    ),
}
