"""The least block of traffic that holds every change, so that rules which do not meet it are not looked at again."""

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
    """For each part of a connection the bounds within which changes matter: at least all of them, at times more."""

    protocols: int
    source_ports: Bounds
    destination_ports: Bounds
    source: Bounds
    destination: Bounds

    @classmethod
    def of_rules(cls, rules: Iterable[Rule], table: TagTable | None) -> "BoundingBox":
        """Return the extent of all that some rules may match."""
        found = [(rule, protocols(rule)) for rule in rules]
        limits = [ports(rule, of) for rule, of in found]
        every = 0
        for _, of in found:
            every |= of
        return cls(
            every,
            _hull(_port_reach(source) for source, _ in limits),
            _hull(_port_reach(destination) for _, destination in limits),
            _hull(one for rule, _ in found for one in _reach(rule.source, table)),
            _hull(one for rule, _ in found for one in _reach(rule.destination, table)),
        )

    @classmethod
    def everything(cls) -> "BoundingBox":
        """Return the extent of all traffic."""
        every_port, every_place = _hull([ALL_PORTS]), _hull([ALL_FAMILIES])
        return cls(ALL_PROTOCOLS, every_port, every_port, every_place, every_place)

    def within(self, box: Box, table: TagTable | None) -> "BoundingBox":
        """Return the part of this extent that a box may hold."""
        wanted = protocol_bits(box.protocols)
        limited = not wanted & ~WITH_PORTS
        return BoundingBox(
            self.protocols & wanted,
            _overlap(self.source_ports, _hull([box.source_ports if limited else ALL_PORTS])),
            _overlap(self.destination_ports, _hull([box.destination_ports if limited else ALL_PORTS])),
            _within_place(self.source, box.source, table),
            _within_place(self.destination, box.destination, table),
        )

    def is_empty(self) -> bool:
        """Return whether nothing is within."""
        parts = (self.protocols, self.source_ports, self.destination_ports, self.source, self.destination)
        return not all(parts)


class Overlap:
    """Tells which rules may match something within an extent. A no is certain."""

    __slots__ = ("_destination", "_extent", "_source", "_table")

    def __init__(self, extent: BoundingBox, table: TagTable | None) -> None:
        self._extent = extent
        self._table = table
        self._source: dict[str, bool] = {}
        self._destination: dict[str, bool] = {}

    def meets(self, rule: Rule) -> bool:
        """Return whether a rule may match something within. Every rule is asked: hence loops instead of any()."""
        extent = self._extent
        of = protocols(rule) & extent.protocols
        if not of:
            return False
        if not of & ~WITH_PORTS:
            low, high = extent.destination_ports[0]
            for _, first, last in rule.destination_ports.ranges:
                if first <= high and last >= low:
                    break
            else:
                if not rule.destination_ports.words:
                    return False
        return self._side_meets(rule.source, extent.source, self._source) and self._side_meets(
            rule.destination, extent.destination, self._destination
        )

    def _side_meets(self, side: Addresses, bounds: Bounds, words: dict[str, bool]) -> bool:
        if side.groups or _any_meets(side.ranges, bounds):
            return True
        for word in side.words:
            met = words.get(word)
            if met is None:
                met = words[word] = _any_meets(_word_reach(word, self._table), bounds)
            if met:
                return True
        return False


def _any_meets(ranges: Ranges, bounds: Bounds) -> bool:
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


def _hull(many: Iterable[Ranges]) -> Bounds:
    found: dict[int, tuple[int, int]] = {}
    for ranges in many:
        for family, first, last in ranges:
            low, high = found.get(family, (first, last))
            found[family] = (min(low, first), max(high, last))
    return found


def _overlap(one: Bounds, other: Bounds) -> Bounds:
    both = {
        family: (max(one[family][0], low), min(one[family][1], high))
        for family, (low, high) in other.items()
        if family in one
    }
    return {family: (low, high) for family, (low, high) in both.items() if low <= high}
