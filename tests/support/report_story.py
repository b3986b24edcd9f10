"""The evidence of a realistic month: drift that was widened, restored and acknowledged, an outage, and approvals."""

from datetime import timedelta
from typing import Any

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import API_VERSION, Resource
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import read
from nsg_baseline.cli.evidence.gather import Evidence, Stored
from nsg_baseline.cli.evidence.provenance import provenance
from nsg_baseline.cli.evidence.report import Report
from tests.support.alerts import GROUP, NSG, START, stamp

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
SINCE, UNTIL = START - timedelta(days=20), START + timedelta(days=10)
_ME = {"apiVersion": API_VERSION}
RULE: dict[str, Any] = {
    "name": "allow-https",
    "priority": 100,
    "direction": "Inbound",
    "access": "Allow",
    "protocol": "Tcp",
    "sourceAddressPrefix": "Internet",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "443",
}


def after(**units: float) -> str:
    return stamp(START + timedelta(**units))


def stored(kind: type[Any], name: str, namespace: str = "", **parts: Any) -> Stored[Any]:
    """Return an object; `edited` are the managers that wrote its spec, `annotations` its annotations."""
    edits = [
        {"manager": manager, "operation": "Apply", "time": time, "fieldsV1": {"f:spec": {}}}
        for manager, time in parts.pop("edited", ())
    ]
    status_writer = {"manager": "nsgb", "time": after(days=5), "subresource": "status", "fieldsV1": {"f:status": {}}}
    metadata = {"name": name, "generation": 1, "creationTimestamp": after(days=-90)}
    metadata |= {"namespace": namespace} if namespace else {}
    metadata |= {"annotations": parts.pop("annotations", {}), "labels": parts.pop("labels", {})}
    full = {**metadata, "managedFields": [*edits, status_writer]}
    resource: Resource = read(kind, {**_ME, "kind": kind.__name__, "metadata": metadata, **parts})
    return Stored(resource, provenance(full))


def condition(kind: str, status: str, reason: str, message: str = "", at: str = "") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": at or after(days=-30),
    }


def scopes() -> tuple[Stored[NSGScope], ...]:
    blind = condition("Ready", "False", "Forbidden", "no permission to list NSGs", after(days=9, hours=20))
    return (
        stored(
            NSGScope,
            "production",
            edited=[("kustomize-controller", after(days=-60))],
            labels={
                "kustomize.toolkit.fluxcd.io/name": "network",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            },
            spec={
                "subscriptionId": SUBSCRIPTION,
                "allowedNamespaces": {"names": ["team-web", "team-data"]},
                "maxMode": "Enforce",
                "unbaselined": {"ignoreResourceGroups": ["MC_*"]},
            },
            status={"conditions": [condition("Ready", "True", "Succeeded")], "nsgs": 14, "baselines": 12, "drifted": 1},
        ),
        stored(
            NSGScope,
            "staging",
            edited=[("kubectl-client-side-apply", after(days=-80))],
            spec={
                "subscriptionId": "22222222-2222-2222-2222-222222222222",
                "resourceGroups": ["rg-stage", "rg-stage-data"],
                "suspendEnforcement": True,
            },
            status={"conditions": [blind], "nsgs": 3},
        ),
    )


def baselines() -> tuple[Stored[NSGBaseline], ...]:
    exception = {
        "rule": {**RULE, "name": "vendor-access-for-the-migration-of-the-order-database", "priority": 210},
        "until": after(days=1),
        "reason": "INC-4242",
        "approvedBy": "chris@example.com",
    }
    review = {"everyDays": 180, "lastReviewed": after(days=-200), "by": "security@example.com"}
    return (
        stored(
            NSGBaseline,
            "web",
            "team-web",
            edited=[("argocd-controller", after(hours=2)), ("kubectl-edit", after(days=-40))],
            annotations={"nsg-baseline.io/commit": "9fceb02d0ae598e95dc970b74767f19372d61af8"},
            spec={
                "target": {"resourceId": NSG},
                "rules": [RULE],
                "mode": "Enforce",
                "exceptions": [exception],
                "review": review,
            },
            status={
                "effectiveMode": "Enforce",
                "conditions": [condition("Compliant", "True", "InOrder", at=after(hours=3))],
            },
        ),
        stored(
            NSGBaseline,
            "legacy-database-frontend-with-a-long-name",
            "team-data",
            edited=[("kubectl-edit", after(days=12))],
            annotations={"nsg-baseline.io/ticket": "CHG-77"},
            spec={"target": {"resourceId": NSG.replace("/web", "/db")}, "rules": [], "suspend": True},
        ),
    )


def guardrails() -> tuple[Stored[NSGGuardrail], ...]:
    never = {"direction": "Inbound", "protocols": ["Tcp"], "source": "Internet", "destination": "*", "ports": ["22"]}
    exception = {"resourceId": f"{NSG}-jump", "until": after(days=60), "reason": "CHG-9", "approvedBy": "sam"}
    return (stored(NSGGuardrail, "no-ssh", spec={"never": [never], "exceptions": [exception]}),)


def routes() -> tuple[Stored[NSGAlertRoute], ...]:
    spec = {"urlsFrom": {"name": "pager", "key": "urls"}, "minSeverity": "high"}
    delivering = [condition("Ready", "True", "Delivered")]
    return (
        stored(
            NSGAlertRoute,
            "pager",
            "nsg-baseline-system",
            edited=[("helm", after(days=-70))],
            spec=spec,
            status={"channels": 2, "conditions": delivering},
        ),
        stored(NSGAlertRoute, "chat", "team-web", spec={**spec, "suspend": True}),
    )


def delivery(first: str, last: str, **more: Any) -> dict[str, Any]:
    return {"route": "nsg-baseline-system/pager", "revision": 3, "firstAt": first, "at": last, **more}


def incident(name: str, kind: str = "Drift", nsg: str = NSG, **status: Any) -> Stored[NSGIncident]:
    about = {"Drift": {"baseline": "web", "nsg": nsg}, "WatchLost": {}}[kind]
    scope = {"Drift": "production", "WatchLost": "staging"}[kind]
    base: dict[str, Any] = {"state": "Resolved", "revision": 4, "event": "Resolved", "severity": "low"}
    spec = {"kind": kind, "scope": scope, **about}
    return stored(NSGIncident, name, "team-web", spec=spec, status={**base, **status})


def incidents() -> tuple[Stored[NSGIncident], ...]:
    entry = {"severity": "critical"}
    return (
        incident(
            "web-20260301-030000-c99dea",
            highestSeverity="critical",
            severityReason="ping allows ICMP from the virtual network",
            openedAt=after(),
            updatedAt=after(hours=3),
            resolvedAt=after(hours=3),
            resolution="Approved",
            summary="RuleCreated open-ssh; RuleUpdated web_app",
            changes=[
                {
                    "kind": "RuleUpdated",
                    "rule": "web_app",
                    "severity": "low",
                    "approved": "300 Inbound Allow Tcp from 10.0.0.0/8 to * port 8443",
                    "live": "300 Inbound Allow Tcp from 10.0.0.0/8,172.16.0.0/12 to * port 8443",
                    "since": after(minutes=5),
                    "endedAt": after(hours=3),
                    "ended": "Approved",
                    "changedBy": ["jo@example.com"],
                }
            ],
            endedChanges=[
                {
                    "kind": "RuleCreated",
                    "rule": "open-ssh",
                    "severity": "critical",
                    "live": "1000 Inbound Allow Tcp from Internet to * port 22",
                    "since": after(),
                    "endedAt": after(minutes=6),
                    "ended": "Remediated",
                    "changedBy": ["jo@example.com"],
                }
            ],
            exposure=[
                {
                    "effect": "Allowed",
                    "direction": "Inbound",
                    "text": "TCP 8443 from 172.16.0.0/12 to any",
                    "approvedRule": "DenyAllInBound",
                    "liveRule": "web_app",
                }
            ],
            changedBy=[
                {
                    "name": "jo@example.com",
                    "kind": "User",
                    "client": "the Azure portal",
                    "address": "203.0.113.7",
                    "at": after(minutes=-1),
                    "operation": "Microsoft.Network/networkSecurityGroups/securityRules/write",
                    "correlationId": "c-1",
                    "certain": True,
                }
            ],
            attribution="Found",
            actions=[{"kind": "Remediated", "at": after(minutes=6), "reason": "Restored", "message": "1 rule deleted"}],
            acknowledgement={"at": after(minutes=40), "by": "alex@example.com", "note": "known rollout, CHG-81"},
            history=[
                {**entry, "at": after(), "kind": "Appeared", "text": "RuleCreated open-ssh"},
                {**entry, "at": after(minutes=1), "kind": "Notified", "text": "route nsg-baseline-system/pager"},
                {**entry, "at": after(minutes=6), "kind": "Restored", "text": "RuleCreated open-ssh"},
                {"severity": "low", "at": after(minutes=40), "kind": "Acknowledged", "text": "by alex@example.com"},
                {"severity": "low", "at": after(hours=3), "kind": "Resolved", "text": "Approved"},
            ],
            deliveries=[delivery(after(minutes=1), after(hours=3))],
        ),
        incident(
            "staging-20260301-040000-0d1c2b",
            "WatchLost",
            severity="high",
            openedAt=after(hours=1),
            resolvedAt=after(hours=2, minutes=30),
            resolution="Reverted",
            summary="NSGScope staging cannot be watched: Throttled: Azure refuses requests until 05:30",
            deliveries=[delivery(after(hours=1), after(hours=2), pendingChannels={"3f2a": 1}, reminders=2)],
        ),
        incident(
            "db-20260301-050000-77aa01",
            nsg=f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/order-database-subnet-west-europe-blue-01",
            state="Open",
            event="Opened",
            severity="medium",
            openedAt=after(hours=2),
            summary="RuleDeleted deny-all <script>alert(1)</script>",
            changes=[
                {"kind": "RuleDeleted", "rule": "=HYPERLINK()", "severity": "medium", "approved": "4096 Inbound Deny"}
            ],
        ),
    )


def evidence(**parts: Any) -> Evidence:
    """Return the evidence of the story, with other parts if given."""
    whole: dict[str, Any] = {
        "server": "https://cluster.example.com:6443",
        "cluster_id": "0b8f6f0e-5f0c-4a55-9d2e-0d6f1a2b3c4d",
        "namespace": None,
        "incidents": incidents(),
        "scopes": scopes(),
        "baselines": baselines(),
        "guardrails": guardrails(),
        "routes": routes(),
        "gaps": (),
    }
    return Evidence(**{**whole, **parts})


def story(until: Any = UNTIL, **parts: Any) -> Report:
    """Return the report of the story."""
    gathered = evidence(**parts)
    return Report(tuple(item.resource for item in gathered.incidents), SINCE, until, until, gathered)
