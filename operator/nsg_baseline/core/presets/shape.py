"""What the presets ask of a rule: to be as its writer writes it."""

from collections.abc import Mapping
from typing import Any

from nsg_baseline.api.baseline import Comparison
from nsg_baseline.core.intervals import Interval, parse_ports, parse_prefix
from nsg_baseline.core.rules import Addresses, Rule, differing_fields, normalise

FROM_100 = range(100, 200)
"""Priorities of writers that take the first free ones from 100 on; 100 to 109 were seen."""
_PRIVATE = tuple(
    found
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
    if (found := parse_prefix(text)) is not None
)
_ANY = Addresses(words=("*",))
_STRICT = Comparison()


def written_as(rule: Rule, document: Mapping[str, Any]) -> bool:
    """Return whether a rule is an allow rule with this meaning, at any priority.

    Its description is the writer's or none: templates that declare the writer's rules beforehand often leave it out.
    """
    own = {"access": "Allow", "sourcePortRange": "*", **document, "name": rule.name, "priority": rule.priority}
    expected = normalise(own)
    known = rule.description.lower() in ("", expected.description.lower())
    return known and not differing_fields(expected, rule, _STRICT)


def any_source(rule: Rule) -> bool:
    """Return whether a rule is for every source."""
    return rule.source == _ANY


def is_private(each: Interval) -> bool:
    """Return whether addresses are private ones of one network, as those of virtual networks mostly are."""
    return any(
        each.family == network.family and network.first <= each.first and each.last <= network.last
        for network in _PRIVATE
    )


def spelled(rule: Rule, singular: str, plural: str) -> tuple[str, ...]:
    """Return the values of a field as they are written, which its meaning no longer tells."""
    values = (rule.document.get(singular), *(rule.document.get(plural) or ()))
    return tuple(str(value).strip() for value in values if value not in (None, ""))


def lone_addresses(rule: Rule) -> tuple[Interval, ...]:
    """Return the destination if it contains only single addresses, each as a separate entry; else nothing."""
    # Neighbours merge into one range in the meaning, so that they look like a prefix there.
    found = [parse_prefix(text) for text in spelled(rule, "destinationAddressPrefix", "destinationAddressPrefixes")]
    alone = [each for each in found if each is not None and each.first == each.last]
    return tuple(alone) if len(alone) == len(found) and not rule.destination.groups else ()


def lone_ports(rule: Rule) -> tuple[int, ...]:
    """Return the destination ports if they contain only single ports, each as a separate entry; else nothing."""
    found = [parse_ports(text) for text in spelled(rule, "destinationPortRange", "destinationPortRanges")]
    alone = [each.first for each in found if each is not None and each.first == each.last]
    return tuple(alone) if len(alone) == len(found) else ()
