"""The part of some traffic whose sources together are the Internet, counted over all rules for a port."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from nsg_baseline.core.intervals import Interval, common
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.model import PROTOCOLS, Box
from nsg_baseline.core.traffic.sources import is_internet_wide, wide_ports

Decided = tuple[Rule | None, tuple[Box, ...], bool]
"""A rule, traffic that it decides, and whether that is all of it."""
_WITH_PORTS = ("Tcp", "Udp")


def internet_wide_part(decided: Iterable[Decided]) -> list[Decided]:
    """Return the part of decided traffic that an Internet-wide set of sources reaches."""
    parts = list(decided)
    boxes = [box for _, rule_boxes, _ in parts for box in rule_boxes]
    wide = {protocol: _wide(protocol, boxes) for protocol in PROTOCOLS}
    # What is too complex to check may be of any size.
    return [
        (rule, wide_boxes if exact else rule_boxes, exact)
        for rule, rule_boxes, exact in parts
        if (wide_boxes := tuple(part for box in rule_boxes for part in _limited(box, wide))) or not exact
    ]


def _wide(protocol: str, boxes: Iterable[Box]) -> tuple[Interval, ...]:
    """Return the ports of a protocol that Internet-wide sources reach; of a protocol without ports, all or none."""
    using = [box for box in boxes if protocol in box.protocols]
    if protocol in _WITH_PORTS:
        return wide_ports((box.destination_ports, box.source) for box in using)
    sources = [box.source for box in using]
    return using[0].destination_ports if using and is_internet_wide(sources) else ()


def _limited(box: Box, wide: dict[str, tuple[Interval, ...]]) -> Iterator[Box]:
    """Yield the part of a box with protocols and ports that are Internet-wide, as few boxes."""
    by_ports: dict[tuple[Interval, ...], list[str]] = {}
    for protocol in box.protocols:
        ports = common(box.destination_ports, wide[protocol]) if protocol in _WITH_PORTS else wide[protocol]
        if ports:
            by_ports.setdefault(ports if protocol in _WITH_PORTS else box.destination_ports, []).append(protocol)
    for ports, protocols in by_ports.items():
        yield replace(box, protocols=tuple(protocols), destination_ports=ports)
