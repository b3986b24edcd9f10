"""The connections of a clause as boxes, and back to the words of the clause.

The clause is read as `tags` and this module describe, so that users need not exclude what cannot happen:

- The NSG's own side is within the virtual network.
- On the other side, public addresses are outside the virtual network, and private addresses are within it.
- `*` includes no platform traffic; its tags (AzurePlatformDNS and others) name it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from nsg_baseline.api.guardrail_clause import Clause
from nsg_baseline.core.intervals import ALL_PORTS, Interval, common, merge, parse_ports, parse_prefix
from nsg_baseline.core.traffic.model import ANYWHERE, PROTOCOLS, Box, Place
from nsg_baseline.core.traffic.tags import LOAD_BALANCER, NOT_PUBLIC, PLATFORM, PUBLIC, VIRTUAL_NETWORK, is_service_tag

_NETWORK = "VirtualNetwork"
_WITH_PORTS = ("Tcp", "Udp")


def region(clause: Clause) -> tuple[Box, ...]:
    """Return all connections of a clause as disjoint boxes."""
    ports = _ports(clause.ports)
    inbound = clause.direction == "Inbound"
    near = _near(clause.destination if inbound else clause.source)
    boxes = []
    for far in _far(clause.source if inbound else clause.destination):
        source, destination = (far, near) if inbound else (near, far)
        boxes.append(Box(_protocols(clause, ports), ALL_PORTS, ports, source, destination))
    return tuple(boxes)


def in_words_of(clause: Clause, boxes: Iterable[Box]) -> tuple[Box, ...]:
    """Return boxes within the region of a clause without the limits that every connection of the clause has."""
    inbound = clause.direction == "Inbound"
    far_text = clause.source if inbound else clause.destination
    near = "destination" if inbound else "source"
    far = "source" if inbound else "destination"
    is_prefix = parse_prefix(far_text) is not None
    shortened = []
    for box in boxes:
        near_place = _without(getattr(box, near), tags=(VIRTUAL_NETWORK,))
        far_place = _without(
            getattr(box, far),
            tags=(VIRTUAL_NETWORK,) if is_prefix else (),
            not_tags=() if far_text == "*" else (VIRTUAL_NETWORK,),
        )
        source, destination = (far_place, near_place) if inbound else (near_place, far_place)
        shortened.append(replace(box, source=source, destination=destination))
    return tuple(shortened)


def is_public(place: Place) -> bool:
    """Return whether a far place of a region is public: outside the virtual network."""
    return _NETWORK in place.not_tags


def has_platform_traffic(box: Box) -> bool:
    """Return whether a box is platform traffic, which the default rules do not match."""
    return any(tag.lower() in PLATFORM for tag in (*box.source.tags, *box.destination.tags))


def _without(place: Place, tags: tuple[str, ...] = (), not_tags: tuple[str, ...] = ()) -> Place:
    return Place(
        _canonical(place),
        tuple(tag for tag in place.tags if tag.lower() not in tags),
        tuple(tag for tag in place.not_tags if tag.lower() not in not_tags),
    )


def _canonical(place: Place) -> tuple[Interval, ...]:
    """Return the addresses of a place with those that its tags rule out anyway, if that makes the list no longer."""
    if not any(is_service_tag(tag.lower()) for tag in place.tags):
        return place.ranges
    wider = merge((*place.ranges, *NOT_PUBLIC))
    return wider if len(wider) <= len(place.ranges) else place.ranges


def _protocols(clause: Clause, ports: tuple[Interval, ...]) -> tuple[str, ...]:
    if "*" not in clause.protocols:
        return tuple(name for name in PROTOCOLS if name in clause.protocols)
    return PROTOCOLS if ports == ALL_PORTS else _WITH_PORTS


def _ports(texts: Iterable[str]) -> tuple[Interval, ...]:
    return merge(interval for text in texts if (interval := parse_ports(text)) is not None)


def _near(text: str) -> Place:
    prefix = parse_prefix(text)
    return Place(tags=(_NETWORK,)) if prefix is None else Place((prefix,), (_NETWORK,))


def _far(text: str) -> Iterator[Place]:
    prefix, word = parse_prefix(text), text.lower()
    if text == "*":
        yield ANYWHERE
    elif prefix is not None:
        if public := common((prefix,), PUBLIC):
            yield Place(public, not_tags=(_NETWORK,))
        if private := common((prefix,), NOT_PUBLIC):
            yield Place(private, (_NETWORK,))
    elif word in (VIRTUAL_NETWORK, LOAD_BALANCER, *PLATFORM):
        yield Place(tags=(text,))
    else:
        yield Place(tags=(text,), not_tags=(_NETWORK,))
