"""The smallest box that contains all traffic of the changed rules. Rules outside it cannot affect the exposure."""

from collections.abc import Iterable
from dataclasses import dataclass

from nsg_baseline.core.ids import fold
from nsg_baseline.core.intervals import ALL_PORTS, Interval
from nsg_baseline.core.rules import Addresses, Ports, Rule
from nsg_baseline.core.traffic.axes import Bounds
from nsg_baseline.core.traffic.model import EVERYWHERE, Box, Place
from nsg_baseline.core.traffic.rule_semantics import ALL_PROTOCOLS, WITH_PORTS, ports, protocol_bits, protocols
from nsg_baseline.core.traffic.tags import ALL_FAMILIES, PLATFORM, TagTable, resolve, upper

Ranges = tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """For each part of a connection the bounds of the relevant traffic. They may be wider than necessary."""

    protocols: int
    source_ports: Bounds
    destination_ports: Bounds
    source: Bounds
    destination: Bounds

    @classmethod
    def of_rules(cls, rules: Iterable[Rule], table: TagTable | None) -> "BoundingBox":
        """Return the bounding box of everything that some rules may match."""
        protocols_by_rule = [(rule, protocols(rule)) for rule in rules]
        limits = [ports(rule, protocol_mask) for rule, protocol_mask in protocols_by_rule]
        all_protocols = 0
        for _, protocol_mask in protocols_by_rule:
            all_protocols |= protocol_mask
        return cls(
            all_protocols,
            _hull(_port_reach(source) for source, _ in limits),
            _hull(_port_reach(destination) for _, destination in limits),
            _hull(ranges for rule, _ in protocols_by_rule for ranges in _reach(rule.source, table)),
            _hull(ranges for rule, _ in protocols_by_rule for ranges in _reach(rule.destination, table)),
        )

    @classmethod
    def everything(cls) -> "BoundingBox":
        """Return the bounding box of all traffic."""
        every_port, every_place = _hull([ALL_PORTS]), _hull([ALL_FAMILIES])
        return cls(ALL_PROTOCOLS, every_port, every_port, every_place, every_place)

    def within(self, box: Box, table: TagTable | None) -> "BoundingBox":
        """Return the part of this bounding box that a box may contain."""
        box_protocols = protocol_bits(box.protocols)
        limited = not box_protocols & ~WITH_PORTS
        return BoundingBox(
            self.protocols & box_protocols,
            _overlap(self.source_ports, _hull([box.source_ports if limited else ALL_PORTS])),
            _overlap(self.destination_ports, _hull([box.destination_ports if limited else ALL_PORTS])),
            _within_place(self.source, box.source, table),
            _within_place(self.destination, box.destination, table),
        )

    def is_empty(self) -> bool:
        """Return whether the bounding box contains nothing."""
        parts = (self.protocols, self.source_ports, self.destination_ports, self.source, self.destination)
        return not all(parts)


class Overlap:
    """Decides which rules may match something within a bounding box. A negative result is certain."""

    __slots__ = ("_destination", "_extent", "_source", "_table")

    def __init__(self, extent: BoundingBox, table: TagTable | None) -> None:
        self._extent = extent
        self._table = table
        self._source: dict[str, bool] = {}
        self._destination: dict[str, bool] = {}

    def may_match(self, rule: Rule) -> bool:
        """Return whether a rule may match something within the bounding box."""
        # This runs for every rule, and loops are faster than any().
        extent = self._extent
        protocol_mask = protocols(rule) & extent.protocols
        if not protocol_mask:
            return False
        if not protocol_mask & ~WITH_PORTS:
            low, high = extent.destination_ports[0]
            for _, first, last in rule.destination_ports.ranges:
                if first <= high and last >= low:
                    break
            else:
                if not rule.destination_ports.words:
                    return False
        return self._side_may_match(rule.source, extent.source, self._source) and self._side_may_match(
            rule.destination, extent.destination, self._destination
        )

    def _side_may_match(self, side: Addresses, bounds: Bounds, words: dict[str, bool]) -> bool:
        if side.groups or _any_overlaps(side.ranges, bounds):
            return True
        for word in side.words:
            may_match = words.get(word)
            if may_match is None:
                may_match = words[word] = _any_overlaps(_word_reach(word, self._table), bounds)
            if may_match:
                return True
        return False


def _any_overlaps(ranges: Ranges, bounds: Bounds) -> bool:
    for family, first, last in ranges:
        bound = bounds.get(family)
        if bound is not None and first <= bound[1] and last >= bound[0]:
            return True
    return False


def _port_reach(limit: Ports) -> Ranges:
    return ALL_PORTS if limit.words else limit.ranges


def _reach(side: Addresses, table: TagTable | None) -> Iterable[Ranges]:
    yield side.ranges
    for word in side.words:
        yield _word_reach(word, table)
    if side.groups:
        yield EVERYWHERE


def _word_reach(word: str, table: TagTable | None) -> Ranges:
    exact = resolve(word, table)
    return upper(word, table) if exact is None else exact


def _within_place(bounds: Bounds, place: Place, table: TagTable | None) -> Bounds:
    words = [fold(tag) for tag in place.tags]
    if not any(word in PLATFORM for word in words):
        bounds = _overlap(bounds, _hull([place.ranges]))
    for word in words:
        bounds = _overlap(bounds, _hull([_word_reach(word, table)]))
    return bounds


def _hull(sets: Iterable[Ranges]) -> Bounds:
    bounds: dict[int, tuple[int, int]] = {}
    for ranges in sets:
        for family, first, last in ranges:
            low, high = bounds.get(family, (first, last))
            bounds[family] = (min(low, first), max(high, last))
    return bounds


def _overlap(bounds: Bounds, other: Bounds) -> Bounds:
    common = {
        family: (max(bounds[family][0], low), min(bounds[family][1], high))
        for family, (low, high) in other.items()
        if family in bounds
    }
    return {family: (low, high) for family, (low, high) in common.items() if low <= high}
