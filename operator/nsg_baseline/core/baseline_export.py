"""Baselines generated from live NSGs, for NSGs without a baseline."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from nsg_baseline.core.changes import fingerprint
from nsg_baseline.core.intervals import port_text
from nsg_baseline.core.nsg import LiveNSG
from nsg_baseline.core.rules import Rule

_SIDES = ("source", "destination")


def manifest(
    live: LiveNSG, namespace: str, name: str, mode: str = "Alert", *, tags: bool = False, associations: bool = False
) -> dict[str, Any]:
    """Return an NSGBaseline that approves exactly what is live.

    The attached subnets are approved, because an NSG that lost its subnet filters nothing. Network interfaces are only
    approved with `associations`: scale sets change them all the time.
    """
    rules = sorted(live.rules, key=lambda rule: (rule.direction, rule.priority, rule.key))
    spec: dict[str, Any] = {"target": {"resourceId": str(live.id)}, "mode": mode}
    spec["rules"] = [rule_document(rule) for rule in rules]
    if tags and live.tags:
        spec["tags"] = dict(sorted(live.tags.items()))
    if associations or live.subnets:
        spec["associations"] = {"subnets": sorted(live.subnets)}
    if associations:
        spec["associations"]["networkInterfaces"] = sorted(live.network_interfaces)
    return {
        "apiVersion": "nsg-baseline.io/v1alpha1",
        "kind": "NSGBaseline",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def names(nsgs: Iterable[LiveNSG]) -> list[str]:
    """Return a name for each NSG's baseline: the NSG's name if it is unique, else with its resource group or a hash."""
    ids = [nsg.id for nsg in nsgs]
    short_names = [_valid_name(nsg_id.name) for nsg_id in ids]
    short_counts = Counter(short_names)
    names_with_group = [
        short if short_counts[short] == 1 else _valid_name(f"{nsg_id.resource_group}-{nsg_id.name}")
        for nsg_id, short in zip(ids, short_names, strict=True)
    ]
    counts = Counter(names_with_group)
    return [
        name if counts[name] == 1 else f"{name}-{fingerprint(nsg_id.key)[:8]}"
        for nsg_id, name in zip(ids, names_with_group, strict=True)
    ]


def _valid_name(name: str) -> str:
    """Return the name as a valid name of a Kubernetes object."""
    return re.sub(r"[^a-z0-9.-]+|\.(?=[.-])|-(?=\.)", "-", name.lower()).strip("-.")[:200].rstrip("-.") or "nsg"


def rule_document(rule: Rule) -> dict[str, Any]:
    """Return a rule with the fields that have a value, in a fixed order that is easy to read."""
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
