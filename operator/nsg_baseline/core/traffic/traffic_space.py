"""Blocks of traffic as masks over the coordinates that occur, and what can exist among them."""

from collections.abc import Iterable, Iterator, Sequence

from nsg_baseline.core.ids import fold
from nsg_baseline.core.intervals import Interval
from nsg_baseline.core.rules import Addresses, Ports, Rule
from nsg_baseline.core.traffic.axes import Axis, Bounds
from nsg_baseline.core.traffic.bounding_box import BoundingBox
from nsg_baseline.core.traffic.model import EVERYWHERE, Box, Place
from nsg_baseline.core.traffic.rule_semantics import (
    WITH_PORTS,
    port_word,
    ports,
    protocol_bits,
    protocol_word,
    protocols,
)
from nsg_baseline.core.traffic.tags import (
    PLATFORM,
    PLATFORM_FAMILY,
    TagTable,
    disjoint,
    lower,
    parent,
    resolve,
    ruled_out,
    upper,
)

Piece = tuple[int, int, int, int, int, int, int, int, int]
"""Masks of protocols, source and destination ports; then for each side of addresses, of the words that hold, and of
those that do not. A piece with a protocol without ports has all ports."""

Part = tuple[int, int, int]
"""One side of a piece: addresses, words that hold, words that do not."""


class Side:
    """The addresses and the opaque words of one side of all connections."""

    __slots__ = ("_excluded", "_implied", "_lower", "_rooms", "_table", "_upper", "axis", "ordinary", "words")

    def __init__(
        self, bounds: Bounds, ranges: Iterable[tuple[Interval, ...]], words: Iterable[str], table: TagTable | None
    ) -> None:
        extents = {word: resolve(word, table) for word in words}
        self._table = table
        self.words = {word: 1 << place for place, word in enumerate(w for w, exact in extents.items() if exact is None)}
        used = [*ranges, *(exact for exact in extents.values() if exact is not None)]
        limits = [limit for word in self.words for limit in (upper(word, table), lower(word))]
        self.axis = Axis(bounds, [*used, *limits])
        self.ordinary = self.axis.mask(EVERYWHERE)
        self._upper = [self.axis.mask(upper(word, table)) for word in self.words]
        self._lower = [self.axis.mask(lower(word)) for word in self.words]
        self._implied = [self.words.get(parent(word) or "", 0) for word in self.words]
        regions = [(word, bit) for word, bit in self.words.items() if "." in word]
        self._excluded = [
            sum(bit for other, bit in regions if other != word and disjoint(word, other)) for word in self.words
        ]
        self._rooms: dict[tuple[int, int], int] = {}

    def alternatives(self, side: Addresses) -> list[tuple[int, int]]:
        """Return what a rule's side matches, as addresses and words that hold there; any one suffices."""
        mask = self.axis.mask(side.ranges)
        found: list[tuple[int, int]] = []
        for word in (*side.words, *side.groups):
            bit = self.words.get(word)
            if bit is None:
                mask |= self.axis.mask(resolve(word, self._table) or ())
            else:
                found.append((self.ordinary, bit))
        return [(mask, 0), *found] if mask else found

    def part(self, place: Place) -> Part:
        """Return a place."""
        mask, held, missing = self.axis.mask(place.ranges), 0, 0
        for word in map(fold, place.tags):
            exact = resolve(word, self._table)
            if word in PLATFORM:
                mask = self.axis.mask(exact or ())
            elif exact is not None:
                mask &= self.axis.mask(exact)
            else:
                held |= self.words[word]
        for word in map(fold, place.not_tags):
            exact = resolve(word, self._table)
            if exact is None:
                missing |= self.words[word]
            else:
                mask &= ~self.axis.mask(exact)
        return mask, held, missing

    def room(self, held: int, missing: int) -> int:
        """Return all addresses for which some words can hold while others do not.

        The axioms are implications, exclusions and bounds of addresses. So it suffices to follow what holds upwards:
        no other word need hold.
        """
        found = self._rooms.get((held, missing))
        if found is None:
            found = self._rooms[held, missing] = self._find_room(held, missing)
        return found

    @property
    def all_words(self) -> int:
        """All words of this side."""
        return (1 << len(self.words)) - 1

    def closed(self, held: int) -> int:
        """Return words with those that hold wherever they do."""
        for place in bits(held):
            held |= self._implied[place]
        return held

    def named(self, words: int) -> list[str]:
        """Return words of a mask, folded."""
        return [word for word, bit in self.words.items() if words & bit] if words else []

    def ruled_out(self, held: int) -> tuple[Interval, ...]:
        """Return ordinary addresses, within bounds or not, at which one of some words cannot hold."""
        return ruled_out(self.named(held), self._table)

    def _find_room(self, held: int, missing: int) -> int:
        held = self.closed(held)
        if held & missing:
            return 0
        space = self.axis.whole
        for place in bits(held):
            if self._excluded[place] & held:
                return 0
            space &= self._upper[place]
        for place in bits(missing):
            space &= ~self._lower[place]
        return space


class TrafficSpace:
    """All coordinates of the traffic within an extent that some rules, and a box, tell apart."""

    __slots__ = (
        "_destination_families",
        "_protocols",
        "_source_families",
        "destination",
        "destination_ports",
        "source",
        "source_ports",
    )

    def __init__(self, extent: BoundingBox, rules: Sequence[Rule], box: Box | None, table: TagTable | None) -> None:
        boxes = [] if box is None else [box]
        self._protocols = extent.protocols
        self.source_ports = Axis(
            extent.source_ports, [*(rule.source_ports.ranges for rule in rules), *(one.source_ports for one in boxes)]
        )
        self.destination_ports = Axis(
            extent.destination_ports,
            [*(rule.destination_ports.ranges for rule in rules), *(one.destination_ports for one in boxes)],
        )
        self.source = Side(
            extent.source,
            [*(rule.source.ranges for rule in rules), *(one.source.ranges for one in boxes)],
            dict.fromkeys([*_source_words(rules), *(word for one in boxes for word in _place_words(one.source))]),
            table,
        )
        self.destination = Side(
            extent.destination,
            [*(rule.destination.ranges for rule in rules), *(one.destination.ranges for one in boxes)],
            dict.fromkeys(
                [*_destination_words(rules), *(word for one in boxes for word in _place_words(one.destination))]
            ),
            table,
        )
        self._source_families = _by_family(self.source.axis)
        self._destination_families = _by_family(self.destination.axis)

    def everything(self) -> list[Piece]:
        """Return all traffic within the extent."""
        ports_of = (self.source_ports.whole, self.destination_ports.whole)
        return [(self._protocols, *ports_of, self.source.axis.whole, 0, 0, self.destination.axis.whole, 0, 0)]

    def pieces_of_rule(self, rule: Rule) -> list[Piece]:
        """Return what a rule matches. The pieces of a rule with several words or groups overlap."""
        of = protocols(rule)
        source_ports, destination_ports = ports(rule, of)
        word = protocol_word(rule)
        also = self.destination.words[word] if word else 0
        return [
            (of, from_ports, to_ports, source, held | via, 0, destination, there | to | also, 0)
            for from_ports, via in port_alternatives(self.source_ports, source_ports, self.source)
            for to_ports, to in port_alternatives(self.destination_ports, destination_ports, self.destination)
            for source, held in self.source.alternatives(rule.source)
            for destination, there in self.destination.alternatives(rule.destination)
        ]

    def pieces_of_box(self, box: Box) -> list[Piece]:
        """Return a box: what of it has ports, and what has none."""
        of = protocol_bits(box.protocols)
        sides = (*self.source.part(box.source), *self.destination.part(box.destination))
        with_ports = (self.source_ports.mask(box.source_ports), self.destination_ports.mask(box.destination_ports))
        without = (self.source_ports.whole, self.destination_ports.whole)
        return [(of & WITH_PORTS, *with_ports, *sides), (of & ~WITH_PORTS, *without, *sides)]

    def exists(self, piece: Piece) -> bool:
        """Return whether some connection may be in a piece: in one family, where its words can hold."""
        _, _, _, source, held, missing, destination, there, absent = piece
        if held or missing:
            source &= self.source.room(held, missing)
        if there or absent:
            destination &= self.destination.room(there, absent)
        ours, theirs = self._source_families, self._destination_families
        return bool((source & ours[0] and destination & theirs[0]) or (source & ours[1] and destination & theirs[1]))


def _by_family(axis: Axis) -> tuple[int, int]:
    # The platform's traffic is of either family.
    platform = axis.families.get(PLATFORM_FAMILY, 0)
    return axis.families.get(4, 0) | platform, axis.families.get(6, 0) | platform


def port_alternatives(axis: Axis, limit: Ports, side: Side) -> list[tuple[int, int]]:
    """Return what a rule's ports match, as ports and words of their side that hold; any one suffices."""
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


def bits(mask: int) -> Iterator[int]:
    """Yield the places of a mask's bits, lowest first."""
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1
