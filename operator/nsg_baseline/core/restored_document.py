"""The NSG document that a remediation writes.

Rules of co-owners, rules under an exception, and unknown properties are written back as they were read.
"""

import copy
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from nsg_baseline.core.changes import Change
from nsg_baseline.core.intervals import merge, parse_prefix, prefixes
from nsg_baseline.core.nsg import LiveNSG

# The name is not a property. All other properties of an unknown response are written back as they were read.
_RULE_WRAPPING = frozenset({"name"})
RULE_PROPERTIES = frozenset(
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
"""The properties of a rule that a user sets."""


def restored_document(live: LiveNSG, reverted: Iterable[Change]) -> dict[str, Any]:
    """Return the NSG document in which these changes are reverted. Everything else is as it was read."""
    document = copy.deepcopy(dict(live.document))
    rules = {str(rule["name"]).lower(): rule for rule in document["properties"]["securityRules"]}
    for change in reverted:
        name = (change.rule or "").lower()
        match change.kind:
            case "RuleCreated":
                del rules[name]
            case "RuleUpdated" | "RuleDeleted":
                rules[name] = _approved_rule(change, rules.get(name))
            case "NSGUpdated":
                document["tags"] = _approved_tags(change.approved or {}, document.get("tags") or {})
            case _:
                raise AssertionError(f"{change.kind} cannot be reverted")
    document["properties"]["securityRules"] = list(rules.values())
    return document


def _approved_rule(change: Change, live: Mapping[str, Any] | None) -> dict[str, Any]:
    approved = change.approved or {}
    kept = dict(live) if live is not None else {"name": approved["name"]}
    # A description that is not compared is not a reason to write, and is kept.
    replaced = RULE_PROPERTIES if "description" in change.fields else RULE_PROPERTIES - {"description"}
    properties = {key: value for key, value in kept.get("properties", {}).items() if key not in replaced}
    filled = {key: value for key, value in approved.items() if value not in ("", [], None)}
    written = {key: value for key, value in filled.items() if key not in _RULE_WRAPPING}
    return {**kept, "properties": {**properties, **_acceptable(written)}}


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
