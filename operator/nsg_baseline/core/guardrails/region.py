"""The connections of a clause as boxes, and back to the words of the clause.

The clause is read as `tags` and this module describe, so that users need not exclude what cannot happen:

- Public addresses are Internet and outside the virtual network, as in the likely reading. Private addresses are within
  it.
- `*` includes no platform traffic; its tags (AzurePlatformDNS and others) name it.
"""

from collections.abc import Iterable
from dataclasses import replace

from nsg_baseline.api.guardrail_clause import Clause, NeverClause
from nsg_baseline.core.intervals import ALL_PORTS, Interval, common, merge, parse_ports, parse_prefix
from nsg_baseline.core.traffic.model import ANYWHERE, EVERYWHERE, PROTOCOLS, Box, Place
from nsg_baseline.core.traffic.tags import LOAD_BALANCER, NOT_PUBLIC, PLATFORM, PUBLIC, VIRTUAL_NETWORK, is_service_tag

_NETWORK = "VirtualNetwork"
_WITH_PORTS = ("Tcp", "Udp")


def region(clause: Clause) -> tuple[Box, ...]:
    """Return all connections of a clause as disjoint boxes."""
    ports = _ports(clause.ports)
    inbound = clause.direction == "Inbound"
    source, destination = (_far(clause.source), _near(clause, clause.destination))
    if not inbound:
        source, destination = _near(clause, clause.source), _far(clause.destination)
    protocols = _protocols(clause, ports)
    return tuple(
        Box(protocols, ALL_PORTS, ports, source_place, destination_place)
        for source_place in source
        for destination_place in destination
    )


def in_words_of(clause: Clause, boxes: Iterable[Box]) -> tuple[Box, ...]:
    """Return boxes within the region of a clause without the limits that every connection of the clause has."""
    inbound = clause.direction == "Inbound"
    source = _limit(clause, clause.source, near=not inbound)
    destination = _limit(clause, clause.destination, near=inbound)
    return tuple(
        replace(
            box, source=_without_limit(box.source, source), destination=_without_limit(box.destination, destination)
        )
        for box in boxes
    )


def is_public(place: Place) -> bool:
    """Return whether a far place of a region contains only public addresses."""
    tags = [tag.lower() for tag in place.tags]
    if tags:
        return all(is_service_tag(tag) and tag not in (LOAD_BALANCER, *PLATFORM) for tag in tags)
    return common(place.ranges, PUBLIC) == place.ranges


def has_platform_traffic(box: Box) -> bool:
    """Return whether a box is platform traffic, which the default rules do not match."""
    return any(tag.lower() in PLATFORM for tag in (*box.source.tags, *box.destination.tags))


def _limit(clause: Clause, text: str, *, near: bool) -> tuple[Interval, ...]:
    """Return the addresses of a side that the region limits by VirtualNetwork, although the clause does not name it."""
    prefix = parse_prefix(text)
    if prefix is not None:
        return common((prefix,), NOT_PUBLIC)
    return EVERYWHERE if near and text == "*" and not isinstance(clause, NeverClause) else ()


def _without_limit(place: Place, limit: tuple[Interval, ...]) -> Place:
    if not limit or not any(tag.lower() == VIRTUAL_NETWORK for tag in place.tags):
        return replace(place, ranges=_canonical(place))
    rest = tuple(tag for tag in place.tags if tag.lower() != VIRTUAL_NETWORK)
    return replace(place, ranges=common(place.ranges, limit), tags=rest)


def _canonical(place: Place) -> tuple[Interval, ...]:
    """Return the addresses of a place with those that its tags rule out anyway, if that makes the list no longer."""
    if place.ranges == EVERYWHERE or not any(is_service_tag(tag.lower()) for tag in place.tags):
        return place.ranges
    wider = merge((*place.ranges, *NOT_PUBLIC))
    return wider if len(wider) <= len(place.ranges) else place.ranges


def _protocols(clause: Clause, ports: tuple[Interval, ...]) -> tuple[str, ...]:
    if "*" not in clause.protocols:
        return tuple(name for name in PROTOCOLS if name in clause.protocols)
    return PROTOCOLS if ports == ALL_PORTS else _WITH_PORTS


def _ports(texts: Iterable[str]) -> tuple[Interval, ...]:
    return merge(interval for text in texts if (interval := parse_ports(text)) is not None)


def _near(clause: Clause, text: str) -> list[Place]:
    """Return the side of the NSG.

    What must be allowed is allowed to the virtual network; there is nothing else behind an NSG. What must not be
    allowed includes public addresses, because a virtual network can have some.
    """
    if text == "*":
        return [ANYWHERE] if isinstance(clause, NeverClause) else [Place(tags=(_NETWORK,))]
    prefix = parse_prefix(text)
    return [Place(tags=(text,))] if prefix is None else _of_prefix(prefix)


def _far(text: str) -> list[Place]:
    prefix = parse_prefix(text)
    if text == "*":
        return [ANYWHERE]
    return [Place(tags=(text,))] if prefix is None else _of_prefix(prefix)


def _of_prefix(prefix: Interval) -> list[Place]:
    """Return a prefix: its private addresses are within the virtual network."""
    public, private = common((prefix,), PUBLIC), common((prefix,), NOT_PUBLIC)
    return [*([Place(public)] if public else []), *([Place(private, (_NETWORK,))] if private else [])]
