"""The evidence as JSON documents: incidents, coverage, approved rules, exceptions and routes."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import Conditions, format_time
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.incident import Delivery, NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.cli.evidence.gather import Evidence, Stored
from nsg_baseline.cli.evidence.review import review_document
from nsg_baseline.cli.incidents import document

_DIGITS = 16


def incident_document(incident: NSGIncident) -> dict[str, Any]:
    """Return an incident as `nsgb incidents -o json` does, with the routes that were notified."""
    notified = [_notified(delivery) for delivery in incident.status.deliveries]
    return {**document(incident), "notified": notified}


def coverage(evidence: Evidence) -> dict[str, Any]:
    """Return what a report covers, and what could not be read."""
    return {
        "cluster": {"server": evidence.server, "id": evidence.cluster_id},
        **({"namespace": evidence.namespace} if evidence.namespace is not None else {}),
        "namespaces": evidence.namespaces,
        "gaps": list(evidence.gaps),
        "scopes": [_scope(item) for item in _ordered(evidence.scopes)],
    }


def approvals(evidence: Evidence, until: datetime) -> dict[str, Any]:
    """Return what is approved, by whom, and who is notified."""
    return {
        "baselines": [baseline_document(item, until) for item in _ordered(evidence.baselines)],
        "guardrails": [_guardrail(item, until) for item in _ordered(evidence.guardrails)],
        "routes": [_route(item) for item in _ordered(evidence.routes)],
    }


def baseline_document(item: Stored[NSGBaseline], until: datetime) -> dict[str, Any]:
    """Return a baseline: its rules, its exceptions, and who wrote it."""
    baseline, spec = item.resource, item.resource.spec
    rules = [rule.model_dump(mode="json", by_alias=True, exclude_none=True) for rule in spec.rules]
    return {
        "namespace": baseline.metadata.namespace,
        "name": baseline.metadata.name,
        "nsg": spec.target.resource_id,
        "mode": spec.mode,
        "effectiveMode": baseline.status.effective_mode,
        "suspended": spec.suspend,
        "generation": baseline.metadata.generation,
        **item.provenance.document(),
        "conditions": _conditions(baseline.status.conditions),
        "rulesDigest": rules_digest(baseline),
        "rules": rules,
        **({"review": review_document(spec.review, until)} if spec.review is not None else {}),
        "exceptions": [
            {
                "rule": exception.rule.name,
                "until": format_time(exception.until),
                "reason": exception.reason,
                "approvedBy": exception.approved_by,
                "ended": exception.until <= until,
            }
            for exception in spec.exceptions
        ],
    }


def rules_digest(baseline: NSGBaseline) -> str:
    """Return the first digits of the SHA-256 of the approved rules, by which rule sets can be compared."""
    rules = [rule.model_dump(mode="json", by_alias=True, exclude_none=True) for rule in baseline.spec.rules]
    compact = json.dumps(rules, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(compact.encode()).hexdigest()[:_DIGITS]


def _scope(item: Stored[NSGScope]) -> dict[str, Any]:
    scope, status = item.resource, item.resource.status
    spec = scope.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "name": scope.metadata.name,
        **spec,
        **item.provenance.document(),
        "conditions": _conditions(status.conditions),
        "nsgs": status.nsgs,
        "baselines": status.baselines,
        "drifted": status.drifted,
        "withoutBaseline": status.unbaselined,
        "effectiveMode": status.effective_mode,
    }


def _guardrail(item: Stored[NSGGuardrail], until: datetime) -> dict[str, Any]:
    guardrail = item.resource
    spec = guardrail.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    exceptions = [
        {**text, "ended": exception.until <= until}
        for text, exception in zip(spec.get("exceptions", ()), guardrail.spec.exceptions, strict=True)
    ]
    return {
        "name": guardrail.metadata.name,
        **spec,
        **item.provenance.document(),
        "exceptions": exceptions,
        "violating": guardrail.status.violating,
    }


def _route(item: Stored[NSGAlertRoute]) -> dict[str, Any]:
    route = item.resource
    return {
        "namespace": route.metadata.namespace,
        "name": route.metadata.name,
        "suspended": route.spec.suspend,
        "minSeverity": route.spec.min_severity,
        "kinds": list(route.spec.kinds),
        "send": list(route.spec.send),
        **item.provenance.document(),
        "conditions": _conditions(route.status.conditions),
        "channels": route.status.channels,
        "undelivered": route.status.undelivered,
    }


def _conditions(conditions: Conditions) -> list[dict[str, Any]]:
    return [condition.document() for condition in conditions]


def _notified(delivery: Delivery) -> dict[str, Any]:
    first = delivery.first_at or delivery.at
    return {
        "route": delivery.route,
        "first": format_time(first),
        "last": format_time(delivery.at),
        "revision": delivery.revision,
        "reminders": delivery.reminders,
        "channelsWithoutIt": len(delivery.pending_channels or {}),
    }


def _ordered(items: Iterable[Any]) -> list[Any]:
    return sorted(items, key=lambda item: item.resource.key)
