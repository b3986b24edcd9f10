"""Valid objects of all kinds, with every field that users may set."""

import copy
from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]
Place = Sequence[int | str]

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-web/providers/Microsoft.Network"
NSG = f"{GROUP}/networkSecurityGroups/web"

RULES: list[Document] = [
    {
        "name": "allow-https",
        "description": "the shop",
        "priority": 100,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "Tcp",
        "sourceAddressPrefix": "Internet",
        "sourceAddressPrefixes": [],
        "sourcePortRange": "*",
        "sourcePortRanges": [],
        "destinationAddressPrefix": "",
        "destinationApplicationSecurityGroups": [{"id": f"{GROUP}/applicationSecurityGroups/shop"}],
        "destinationPortRange": "443-444",
    },
    {
        "name": "deny_rest",
        "priority": 4096,
        "direction": "Outbound",
        "access": "Deny",
        "protocol": "*",
        "sourceAddressPrefixes": ["10.0.0.0/8", "192.168.0.1"],
        "sourcePortRanges": ["0-1023", "8080"],
        "destinationAddressPrefixes": ["2001:db8::/32"],
        "destinationPortRange": "65535",
    },
]

SPECS: dict[str, Document] = {
    "NSGScope": {
        "subscriptionId": SUBSCRIPTION,
        "resourceGroups": ["rg-web", "rg-(blue)"],
        "identity": {"clientId": SUBSCRIPTION, "tenantId": SUBSCRIPTION},
        "interval": "1m30s",
        "allowedNamespaces": {"names": ["team-web"], "maxBaselinesPerNamespace": 100},
        "maxMode": "Enforce",
        "suspendEnforcement": True,
        "unbaselined": {"mode": "Alert", "ignoreResourceGroups": ["MC_*"], "ignoreNames": ["tmp-?"]},
    },
    "NSGBaseline": {
        "target": {"resourceId": NSG},
        "mode": "Enforce",
        "suspend": False,
        "rules": RULES,
        "tags": {"env": "prod"},
        "associations": {
            "subnets": [f"{GROUP}/virtualNetworks/hub/subnets/web"],
            "networkInterfaces": [f"{GROUP}/networkInterfaces/web-0"],
        },
        "tolerate": [{"preset": "AKS"}, {"name": "corp-*", "direction": "Inbound", "access": "Deny"}],
        "exceptions": [
            {"rule": RULES[0], "until": "2026-12-01T00:00:00Z", "reason": "INC-42", "approvedBy": "jo@example.com"}
        ],
        "review": {"everyDays": 180, "lastReviewed": "2026-06-01T00:00:00Z", "by": "jo@example.com"},
        "comparison": {"descriptions": True, "anyEqualsAllAddresses": True},
        "rolloutGrace": "30m",
        "enforcement": {"revert": ["RuleCreated", "NSGUpdated"], "only": "Openings", "delay": "0s", "maxChanges": 10},
    },
    "NSGGuardrail": {
        "description": "administration goes through Bastion",
        "match": {
            "scopes": ["production"],
            "resourceGroups": ["rg-*"],
            "names": ["*"],
            "tags": {"env": "prod"},
        },
        "exclude": {"scopes": ["lab"], "resourceGroups": ["MC_*"], "names": ["bastion-*"]},
        "never": [
            {
                "direction": "Inbound",
                "protocols": ["Tcp", "Udp"],
                "source": "Internet",
                "destination": "*",
                "ports": ["22", "3389", "5985-5986"],
                "sourceSize": "InternetWide",
            }
        ],
        "always": [
            {"direction": "Inbound", "protocols": ["Tcp"], "source": "GatewayManager", "ports": ["65200-65535"]},
            {"direction": "Outbound", "protocols": ["Udp"], "source": "10.0.0.0/8", "destination": "AzurePlatformDNS"},
        ],
        "severity": "critical",
        "exceptions": [
            {"resourceId": NSG, "until": "2026-12-01T00:00:00Z", "reason": "INC-42", "approvedBy": "jo@example.com"}
        ],
    },
    "NSGAlertRoute": {
        "urlsFrom": {"name": "chat-urls", "key": "urls"},
        "channels": [
            {
                "name": "pager",
                "urlsFrom": {"name": "chat-urls", "key": "pager"},
                "match": {"minSeverity": "critical", "kinds": ["Drift"], "tags": {"owner": "team-*"}},
            },
            {"name": "team-chat", "urlsFrom": {"name": "chat-urls", "key": "chat"}, "match": {"maxSeverity": "high"}},
        ],
        "minSeverity": "low",
        "kinds": ["Drift", "WatchLost"],
        "send": ["Opened", "Resolved"],
        "groupWait": "10s",
        "remindEvery": "24h",
        "maxMessagesPerHour": 30,
        "templates": {"title": "{{ incident.name }}", "body": "{% if alert %}\nx\n{% endif %}\n"},
        "heartbeat": {"at": "08:00", "urlsFrom": {"name": "switches", "key": "urls"}},
        "acknowledgements": "Poll",
        "suspend": False,
    },
    "NSGIncident": {
        "kind": "Drift",
        "scope": "prod",
        "baseline": "web",
        "guardrail": "no-ssh",
        "nsg": NSG,
        "acknowledged": {"by": "jo", "note": "on it"},
    },
}

REMOVED = object()
CLUSTER_SCOPED = ("NSGScope", "NSGGuardrail")


def good(kind: str, name: str = "web") -> Document:
    """Return a good object with every field set."""
    namespace = {} if kind in CLUSTER_SCOPED else {"namespace": "default"}
    return {
        "apiVersion": "nsg-baseline.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, **namespace},
        "spec": copy.deepcopy(SPECS[kind]),
    }


def put(document: Document, place: Place, value: Any) -> Document:
    """Return a copy with another value at a place; `REMOVED` removes what is there."""
    changed = copy.deepcopy(document)
    holder: Any = changed
    for part in place[:-1]:
        holder = holder[part]
    if value is REMOVED:
        del holder[place[-1]]
    else:
        holder[place[-1]] = copy.deepcopy(value)
    return changed
