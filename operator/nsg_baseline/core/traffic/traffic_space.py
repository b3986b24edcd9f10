"""Pieces of traffic as masks over the coordinates that some rules distinguish, and which of them can exist."""

from collections.abc import Iterable, Iterator, Sequence

from nsg_baseline.core.ids import fold
from nsg_baseline.core.rules import Ports, Rule
from nsg_baseline.core.traffic.axes import Axis
from nsg_baseline.core.traffic.bounding_box import BoundingBox
from nsg_baseline.core.traffic.model import Box, Place
from nsg_baseline.core.traffic.rule_semantics import (
    WITH_PORTS,
    port_word,
    ports,
    protocol_bits,
    protocol_word,
    protocols,
)
from nsg_baseline.core.traffic.side import Side
from nsg_baseline.core.traffic.tags import CERTAIN, PLATFORM_FAMILY, Reading, TagTable

Piece = tuple[int, int, int, int, int, int, int, int, int]
"""Masks of protocols, source ports and destination ports, then the `Part` of the source and that of the destination.
A piece with a protocol without ports has all ports."""


class TrafficSpace:
    """All coordinates within a bounding box that some rules, and a box, distinguish."""

    __slots__ = (
        "_destination_families",
        "_protocols",
        "_source_families",
        "destination",
        "destination_ports",
        "source",
        "source_ports",
    )

    def __init__(
        self,
        extent: BoundingBox,
        rules: Sequence[Rule],
        box: Box | None,
        table: TagTable | None,
        reading: Reading = CERTAIN,
    ) -> None:
        boxes = [] if box is None else [box]
        self._protocols = extent.protocols
        self.source_ports = Axis(
            extent.source_ports, [*(rule.source_ports.ranges for rule in rules), *(box.source_ports for box in boxes)]
        )
        self.destination_ports = Axis(
            extent.destination_ports,
            [*(rule.destination_ports.ranges for rule in rules), *(box.destination_ports for box in boxes)],
        )
        self.source = Side(
            extent.source,
            [*(rule.source.ranges for rule in rules), *(box.source.ranges for box in boxes)],
            dict.fromkeys([*_source_words(rules), *(word for box in boxes for word in _place_words(box.source))]),
            table,
            reading,
        )
        self.destination = Side(
            extent.destination,
            [*(rule.destination.ranges for rule in rules), *(box.destination.ranges for box in boxes)],
            dict.fromkeys(
                [*_destination_words(rules), *(word for box in boxes for word in _place_words(box.destination))]
            ),
            table,
            reading,
        )
        self._source_families = _by_family(self.source.axis)
        self._destination_families = _by_family(self.destination.axis)

    def everything(self) -> list[Piece]:
        """Return all traffic within the bounding box."""
        all_ports = (self.source_ports.whole, self.destination_ports.whole)
        return [(self._protocols, *all_ports, self.source.axis.whole, 0, 0, self.destination.axis.whole, 0, 0)]

    def pieces_of_rule(self, rule: Rule) -> list[Piece]:
        """Return what a rule matches. The pieces of a rule with several words or groups overlap."""
        protocol_mask = protocols(rule)
        source_ports, destination_ports = ports(rule, protocol_mask)
        word = protocol_word(rule)
        protocol_bit = self.destination.words[word] if word else 0
        return [
            (
                protocol_mask,
                from_ports,
                to_ports,
                source,
                source_words | from_words,
                0,
                destination,
                destination_words | to_words | protocol_bit,
                0,
            )
            for from_ports, from_words in port_alternatives(self.source_ports, source_ports, self.source)
            for to_ports, to_words in port_alternatives(self.destination_ports, destination_ports, self.destination)
            for source, source_words in self.source.alternatives(rule.source)
            for destination, destination_words in self.destination.alternatives(rule.destination)
        ]

    def pieces_of_box(self, box: Box) -> list[Piece]:
        """Return a box as two pieces: that of the protocols with ports, and that of the others. Either may be empty."""
        protocol_mask = protocol_bits(box.protocols)
        parts = (*self.source.part(box.source), *self.destination.part(box.destination))
        box_ports = (self.source_ports.mask(box.source_ports), self.destination_ports.mask(box.destination_ports))
        all_ports = (self.source_ports.whole, self.destination_ports.whole)
        return [(protocol_mask & WITH_PORTS, *box_ports, *parts), (protocol_mask & ~WITH_PORTS, *all_ports, *parts)]

    def exists(self, piece: Piece) -> bool:
        """Return whether a piece can contain a connection: within one family, at addresses that its words allow."""
        _, _, _, source, words, not_words, destination, destination_words, destination_not_words = piece
        if words or not_words:
            source &= self.source.possible_addresses(words, not_words)
        if destination_words or destination_not_words:
            destination &= self.destination.possible_addresses(destination_words, destination_not_words)
        source_ipv4, source_ipv6 = self._source_families
        destination_ipv4, destination_ipv6 = self._destination_families
        return bool(
            (source & source_ipv4 and destination & destination_ipv4)
            or (source & source_ipv6 and destination & destination_ipv6)
        )


def _by_family(axis: Axis) -> tuple[int, int]:
    """Return the masks of IPv4 and of IPv6. Platform traffic is of either family."""
    platform = axis.families.get(PLATFORM_FAMILY, 0)
    return axis.families.get(4, 0) | platform, axis.families.get(6, 0) | platform


def port_alternatives(axis: Axis, limit: Ports, side: Side) -> list[tuple[int, int]]:
    """Return what a rule's ports match, as pairs of ports and of words of their side; any pair suffices."""
    mask = axis.mask(limit.ranges)
    words = [(axis.whole, side.words[port_word(text)]) for text in limit.words] if limit.words else []
    return [(mask, 0), *words] if mask else words


def _source_words(rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        yield from rule.source.words
        yield from rule.source.groups
        yield from map(port_word, rule.source_ports.words)


def _destination_words(rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        yield from rule.destination.words
        yield from rule.destination.groups
        yield from map(port_word, rule.destination_ports.words)
        word = protocol_word(rule)
        if word:
            yield word


def _place_words(place: Place) -> Iterator[str]:
    return map(fold, (*place.tags, *place.not_tags))
