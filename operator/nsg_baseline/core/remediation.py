"""The remediation: the NSG document that makes live match approved, or the reason why it must not be written.

A remediation is a filter over changes. Everything else is written back as it was read: rules of co-owners, rules
under an exception, and unknown properties.
"""

import copy
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nsg_baseline.api.baseline import BaselineSpec, Revertable
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.changes import Change, fingerprint
from nsg_baseline.core.intervals import merge, parse_prefix, prefixes
from nsg_baseline.core.nsg import LiveNSG
from nsg_baseline.core.text.phrasing import listed

# The name is not a property. All other properties of an unknown response are written back as they were read.
_RULE_WRAPPING = frozenset({"name"})
_KNOWN = frozenset(
    {
        "description",
        "priority",
        "direction",
        "access",
        "protocol",
        *(
            f"{side}{part}"
            for side in ("source", "destination")
            for part in ("AddressPrefix", "AddressPrefixes", "ApplicationSecurityGroups", "PortRange", "PortRanges")
        ),
    }
)


CONTESTED_AFTER = 3
CONTESTED_WITHIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RemediationPolicy:
    """What may be written: the kinds of change to revert, and how many at once without a confirmation."""

    revert: frozenset[Revertable]
    max_changes: int
    confirmed: str | None = None


@dataclass(frozen=True, slots=True)
class Remediation:
    """One write: the whole NSG document, to be sent only if the NSG's etag is still `etag`."""

    document: Mapping[str, Any]
    etag: str
    reverted: tuple[Change, ...]
    plan_hash: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a remediation is not written."""

    reason: str
    message: str


def policy(spec: BaselineSpec, confirmed: str | None) -> RemediationPolicy:
    """Return what a baseline lets the operator write."""
    return RemediationPolicy(frozenset(spec.enforcement.revert), spec.enforcement.max_changes, confirmed)


def plan(live: LiveNSG | None, changes: Iterable[Change], policy: RemediationPolicy) -> Remediation | Blocked | None:
    """Return the remediation for the changes of an NSG, why it is blocked, or None if nothing is to be reverted."""
    changes = tuple(changes)
    if live is None:
        return Blocked("NSGDeleted", "the NSG does not exist; it is never re-created") if changes else None
    reverted = tuple(change for change in changes if _revertable(change, policy))
    if not reverted:
        return None
    hashed = _hash(live.id.key, reverted)
    if len(reverted) > policy.max_changes and policy.confirmed != hashed:
        confirm = f"annotate the baseline with nsg-baseline.io/confirm={hashed} to go on"
        return Blocked(
            "TooManyChanges", f"{len(reverted)} changes, more than maxChanges {policy.max_changes}; {confirm}"
        )
    document = _reverted(live, reverted)
    return _priority_conflict(document) or Remediation(document, live.etag, reverted, hashed)


def plan_hash(nsg: str, changes: Iterable[Change], policy: RemediationPolicy) -> str | None:
    """Return the hash that confirms the remediation for the changes of an NSG; None if nothing is to be reverted."""
    reverted = [change for change in changes if _revertable(change, policy)]
    return _hash(nsg.lower(), reverted) if reverted else None


def _hash(nsg: str, reverted: Iterable[Change]) -> str:
    # Over both sides: a confirmation covers what is removed and what replaces it.
    return fingerprint(nsg, sorted([change.fingerprint, fingerprint(change.approved)] for change in reverted))


def _revertable(change: Change, policy: RemediationPolicy) -> bool:
    # A co-owner's rule may be reported for its exposure, but it still belongs to the co-owner.
    if change.tolerated_by is not None:
        return False
    # An association is a property of the subnet or the network interface; the operator does not write those.
    if change.kind == "NSGUpdated" and not all(name.startswith("tags.") for name in change.fields):
        return False
    return change.kind in policy.revert


def _reverted(live: LiveNSG, reverted: Iterable[Change]) -> dict[str, Any]:
    document = copy.deepcopy(dict(live.document))
    rules = {str(rule["name"]).lower(): rule for rule in document["properties"]["securityRules"]}
    for change in reverted:
        name = (change.rule or "").lower()
        match change.kind:
            case "RuleCreated":
                del rules[name]
            case "RuleUpdated" | "RuleDeleted":
                rules[name] = _approved_rule(change.approved or {}, rules.get(name))
            case "NSGUpdated":
                document["tags"] = _approved_tags(change.approved or {}, document.get("tags") or {})
            case _:
                raise AssertionError(f"{change.kind} cannot be reverted")
    document["properties"]["securityRules"] = list(rules.values())
    return document


def _approved_rule(approved: Mapping[str, Any], live: Mapping[str, Any] | None) -> dict[str, Any]:
    kept = dict(live) if live is not None else {"name": approved["name"]}
    unknown = {key: value for key, value in kept.get("properties", {}).items() if key not in _KNOWN}
    filled = {key: value for key, value in approved.items() if value not in ("", [], None)}
    properties = {key: value for key, value in filled.items() if key not in _RULE_WRAPPING}
    return {**kept, "properties": {**unknown, **_acceptable(properties)}}


def _acceptable(properties: dict[str, Any]) -> dict[str, Any]:
    """Mask host bits and merge overlapping prefixes: ARM refuses both."""
    for side in ("source", "destination"):
        singular, plural = f"{side}AddressPrefix", f"{side}AddressPrefixes"
        if singular in properties:
            properties[singular] = _masked(properties[singular])
        if plural in properties:
            properties[plural] = _merged(properties[plural])
    return properties


def _masked(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False)) if "/" in text and parse_prefix(text) is not None else text


def _merged(texts: list[str]) -> list[str]:
    ranges = [parse_prefix(text) for text in texts]
    intervals = [interval for interval in ranges if interval is not None]
    tags = [text for text, interval in zip(texts, ranges, strict=True) if interval is None]
    return [prefix for interval in merge(intervals) for prefix in prefixes(interval)] + tags


def _approved_tags(approved: Mapping[str, Any], live: Mapping[str, str]) -> dict[str, str]:
    approved_tags = approved["tags"]
    folded = {key.lower() for key in approved_tags}
    return {**{key: value for key, value in live.items() if key.lower() not in folded}, **approved_tags}


def _priority_conflict(document: Mapping[str, Any]) -> Blocked | None:
    rule_by_slot: dict[tuple[str, int], str] = {}
    for rule in document["properties"]["securityRules"]:
        slot = str(rule["properties"]["direction"]).lower(), int(rule["properties"]["priority"])
        if slot in rule_by_slot:
            rules = f"{rule_by_slot[slot]} and {rule['name']}"
            message = f"{rules} would both have priority {slot[1]} {slot[0]}; change the priority of one of them"
            return Blocked("PriorityTaken", message)
        rule_by_slot[slot] = rule["name"]
    return None


def contested(incidents: Iterable[NSGIncident], now: datetime) -> Blocked | None:
    """Block if another writer keeps changing the NSG: it was restored three times within an hour and changed again.

    `incidents` are all incidents about one baseline.
    """
    incidents = tuple(incidents)
    restores = [
        action
        for incident in incidents
        for action in incident.status.actions
        if action.kind == "Remediated" and now - action.at < CONTESTED_WITHIN
    ]
    if len(restores) < CONTESTED_AFTER:
        return None
    changed_by = (caller for incident in incidents for caller in incident.status.changed_by)
    callers = dict.fromkeys(f"{'' if caller.certain else 'possibly '}{caller.name}" for caller in changed_by)
    writers = listed(list(callers)[:3]) if callers else "an unknown writer"
    message = f"restored {len(restores)} times within an hour and changed again by {writers}; stop that writer"
    return Blocked("Contested", f"{message}, or approve the change")
