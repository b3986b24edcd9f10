"""Comparison of a rule with the form in which a known writer writes it."""

from collections.abc import Mapping
from typing import Any

from nsg_baseline.api.baseline import Comparison
from nsg_baseline.core.intervals import Interval, parse_ports, parse_prefix
from nsg_baseline.core.rules import Addresses, Rule, differing_fields, normalise

FROM_100 = range(100, 200)
"""Priorities of writers that use the first free ones from 100 on; observed priorities are 100 to 109."""
_PRIVATE = tuple(
    network
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
    if (network := parse_prefix(text)) is not None
)
_ANY = Addresses(words=("*",))
_STRICT = Comparison()


def written_as(rule: Rule, document: Mapping[str, Any]) -> bool:
    """Return whether a rule is an allow rule with the meaning of a document, at any priority.

    Its description is that of the document or empty: templates that declare the writer's rules often have none.
    """
    full_document = {
        "access": "Allow",
        "sourcePortRange": "*",
        **document,
        "name": rule.name,
        "priority": rule.priority,
    }
    expected = normalise(full_document)
    same_description = rule.description.lower() in ("", expected.description.lower())
    return same_description and not differing_fields(expected, rule, _STRICT)


def any_source(rule: Rule) -> bool:
    """Return whether a rule matches every source."""
    return rule.source == _ANY


def is_private(addresses: Interval) -> bool:
    """Return whether a range lies within one private network, as the ranges of most virtual networks do."""
    return any(
        addresses.family == network.family and network.first <= addresses.first and addresses.last <= network.last
        for network in _PRIVATE
    )


def spelled(rule: Rule, singular: str, plural: str) -> tuple[str, ...]:
    """Return the values of a field as they are written; the normal form of a rule does not keep the spelling."""
    values = (rule.document.get(singular), *(rule.document.get(plural) or ()))
    return tuple(str(value).strip() for value in values if value not in (None, ""))


def lone_addresses(rule: Rule) -> tuple[Interval, ...]:
    """Return the destination if it contains only single addresses, each as a separate entry; else nothing."""
    # The normal form merges adjacent addresses into one range, so it cannot answer this.
    prefixes = [parse_prefix(text) for text in spelled(rule, "destinationAddressPrefix", "destinationAddressPrefixes")]
    single = [prefix for prefix in prefixes if prefix is not None and prefix.first == prefix.last]
    return tuple(single) if len(single) == len(prefixes) and not rule.destination.groups else ()


def lone_ports(rule: Rule) -> tuple[int, ...]:
    """Return the destination ports if they contain only single ports, each as a separate entry; else nothing."""
    ranges = [parse_ports(text) for text in spelled(rule, "destinationPortRange", "destinationPortRanges")]
    single = [ports.first for ports in ranges if ports is not None and ports.first == ports.last]
    return tuple(single) if len(single) == len(ranges) else ()
