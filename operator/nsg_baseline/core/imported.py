"""Baselines made from what is live: the way in for an NSG that nobody declared yet."""

from collections.abc import Mapping
from typing import Any

from nsg_baseline.core.intervals import port_text
from nsg_baseline.core.nsg import LiveNSG
from nsg_baseline.core.rules import Rule

_SIDES = ("source", "destination")


def manifest(live: LiveNSG, namespace: str, name: str, mode: str = "Alert") -> dict[str, Any]:
    """Return an NSGBaseline that approves exactly what is live."""
    rules = sorted(live.rules, key=lambda rule: (rule.direction, rule.priority, rule.key))
    spec = {"target": {"resourceId": str(live.id)}, "mode": mode, "rules": [rule_document(rule) for rule in rules]}
    return {
        "apiVersion": "nsg-baseline.io/v1alpha1",
        "kind": "NSGBaseline",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def rule_document(rule: Rule) -> dict[str, Any]:
    """Return a rule with the fields that mean something, in the order in which people read them."""
    document = rule.document
    fields: dict[str, Any] = {"name": rule.name}
    if rule.description:
        fields["description"] = rule.description[:140]
    fields |= {
        "priority": rule.priority,
        "direction": rule.direction,
        "access": rule.access,
        "protocol": rule.protocol,
    }
    for side in _SIDES:
        fields |= _addresses(document, side)
        fields |= _ports(document, rule, side)
    return fields


def _addresses(document: Mapping[str, Any], side: str) -> dict[str, Any]:
    groups = document.get(f"{side}ApplicationSecurityGroups") or ()
    if groups:
        return {f"{side}ApplicationSecurityGroups": [{"id": group["id"]} for group in groups]}
    return _one_or_many(document, f"{side}AddressPrefix", f"{side}AddressPrefixes")


def _ports(document: Mapping[str, Any], rule: Rule, side: str) -> dict[str, Any]:
    ports = rule.source_ports if side == "source" else rule.destination_ports
    if len(ports.ranges) == 1 and not ports.words:
        return {f"{side}PortRange": port_text(ports.ranges[0])}
    return _one_or_many(document, f"{side}PortRange", f"{side}PortRanges")


def _one_or_many(document: Mapping[str, Any], singular: str, plural: str) -> dict[str, Any]:
    values = [
        str(value) for value in (document.get(singular), *(document.get(plural) or ())) if value not in (None, "")
    ]
    values = list(dict.fromkeys(values))
    return {singular: values[0]} if len(values) == 1 else {plural: values}
