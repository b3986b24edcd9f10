"""The remedy: the NSG document that would make live match approved, or the reason why it must not be written.

A remedy is a filter over changes. Everything that is not a reverted change travels through untouched: rules of
co-owners, rules under an exception, properties that nobody here knows.
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

# Set by Azure, refused or ignored in a request; the rest of an unknown answer goes back as it came.
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
    """Why a remedy is not written."""

    reason: str
    message: str


def policy(spec: BaselineSpec, confirmed: str | None) -> RemediationPolicy:
    """Return what a baseline lets the operator write."""
    return RemediationPolicy(frozenset(spec.enforcement.revert), spec.enforcement.max_changes, confirmed)


def plan(live: LiveNSG | None, changes: Iterable[Change], policy: RemediationPolicy) -> Remediation | Blocked | None:
    """Return the remedy for some changes of an NSG, a reason to hold, or None when nothing is to be reverted."""
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
    """Return the mark of the remedy for some changes of an NSG, by which it can be confirmed; None for no remedy."""
    reverted = [change for change in changes if _revertable(change, policy)]
    return _hash(nsg.lower(), reverted) if reverted else None


def _hash(nsg: str, reverted: Iterable[Change]) -> str:
    # Over both sides: a confirmation is for what goes and for what comes in its place.
    return fingerprint(nsg, sorted([change.fingerprint, fingerprint(change.approved)] for change in reverted))


def _revertable(change: Change, policy: RemediationPolicy) -> bool:
    # What a co-owner wrote may be reported for its exposure, and is the co-owner's all the same.
    if change.tolerated_by is not None:
        return False
    # An attachment is a property of the subnet or the network interface, and not written here.
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
    ours = {key: value for key, value in approved.items() if key not in _RULE_WRAPPING and value not in ("", [], None)}
    return {**kept, "properties": {**unknown, **_acceptable(ours)}}


def _acceptable(properties: dict[str, Any]) -> dict[str, Any]:
    """Mask host bits and merge overlapping prefixes: ARM refuses both."""
    for side in ("source", "destination"):
        one, many = f"{side}AddressPrefix", f"{side}AddressPrefixes"
        if one in properties:
            properties[one] = _masked(properties[one])
        if many in properties:
            properties[many] = _merged(properties[many])
    return properties


def _masked(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False)) if "/" in text and parse_prefix(text) is not None else text


def _merged(texts: list[str]) -> list[str]:
    ranges = [parse_prefix(text) for text in texts]
    known = [interval for interval in ranges if interval is not None]
    words = [text for text, interval in zip(texts, ranges, strict=True) if interval is None]
    return [prefix for interval in merge(known) for prefix in prefixes(interval)] + words


def _approved_tags(approved: Mapping[str, Any], live: Mapping[str, str]) -> dict[str, str]:
    wanted = approved["tags"]
    folded = {key.lower() for key in wanted}
    return {**{key: value for key, value in live.items() if key.lower() not in folded}, **wanted}


def _priority_conflict(document: Mapping[str, Any]) -> Blocked | None:
    holders: dict[tuple[str, int], str] = {}
    for rule in document["properties"]["securityRules"]:
        slot = str(rule["properties"]["direction"]).lower(), int(rule["properties"]["priority"])
        if slot in holders:
            both = f"{holders[slot]} and {rule['name']}"
            return Blocked(
                "PriorityTaken", f"{both} would both have priority {slot[1]} {slot[0]}; one of them must move"
            )
        holders[slot] = rule["name"]
    return None


def contested(incidents: Iterable[NSGIncident], now: datetime) -> Blocked | None:
    """Say that somebody else owns an NSG too: it was put back three times within an hour, and changed again.

    `incidents` are all about one baseline.
    """
    found = list(incidents)
    recent = [
        action
        for one in found
        for action in one.status.actions
        if action.kind == "Remediated" and now - action.at < CONTESTED_WITHIN
    ]
    if len(recent) < CONTESTED_AFTER:
        return None
    names = dict.fromkeys(who.name for one in found for who in one.status.changed_by)
    other = f"{listed(list(names)[:3])} on the other" if names else "somebody unknown on the other"
    return Blocked(
        "Contested",
        f"put back {len(recent)} times within an hour and changed again: the baseline on one side, {other}; "
        "let one of them give way",
    )
