"""An index of a long list of rules by destination ports and by source, to find the rules that may overlap a rule."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from nsg_baseline.core.intervals import ALL_PORTS, Interval
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.rule_semantics import WITH_PORTS, protocols
from nsg_baseline.core.traffic.side import bits

_SHIFT = 16
# A source with more parts is not indexed and counts as overlapping every source.
_MOST_PARTS = 256


class RuleIndex:
    """Sets of rules as bit masks, by port and by the first 16 bits of IPv4 addresses.

    The result may contain rules that do not overlap, but it never misses one that does.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        ranges = [port_range for rule in rules for port_range in _ports(rule) or ()]
        self._edges = sorted({edge for port_range in ranges for edge in (port_range.first, port_range.last)})
        self._by_port = [0] * len(self._edges)
        self._by_part: dict[int, int] = {}
        self._any_port = self._any_source = 0
        self._all = (1 << len(rules)) - 1
        for index, rule in enumerate(rules):
            self._add(rule, 1 << index)

    def of(self, rule: Rule) -> Iterator[int]:
        """Yield the indexes of the rules that may overlap a rule, including its own."""
        return bits(self._sharing_ports(rule) & self._sharing_source(rule))

    def _add(self, rule: Rule, bit: int) -> None:
        ports, parts = _ports(rule), _parts(rule)
        if ports is None:
            self._any_port |= bit
        if parts is None:
            self._any_source |= bit
        for edge_index in self._spans(ports or ()):
            self._by_port[edge_index] |= bit
        for part in parts or ():
            self._by_part[part] = self._by_part.get(part, 0) | bit

    def _sharing_ports(self, rule: Rule) -> int:
        ports = _ports(rule)
        if ports is None:
            return self._all
        rule_mask = self._any_port
        for edge_index in self._spans(ports):
            rule_mask |= self._by_port[edge_index]
        return rule_mask

    def _sharing_source(self, rule: Rule) -> int:
        parts = _parts(rule)
        if parts is None:
            return self._all
        rule_mask = self._any_source
        for part in parts:
            rule_mask |= self._by_part.get(part, 0)
        return rule_mask

    def _spans(self, ports: Sequence[Interval]) -> Iterator[int]:
        # If two ranges overlap, one of them contains an edge of the other, and all edges are indexed.
        for port_range in ports:
            yield from range(bisect_left(self._edges, port_range.first), bisect_right(self._edges, port_range.last))


def _ports(rule: Rule) -> tuple[Interval, ...] | None:
    """Return the destination ports of a rule; None if they set no limit or are not known."""
    limit = rule.destination_ports
    if protocols(rule) & ~WITH_PORTS or limit.words or limit.ranges == ALL_PORTS:
        return None
    return limit.ranges


def _parts(rule: Rule) -> set[int] | None:
    """Return the first 16 bits of a rule's sources; None if the sources are not only IPv4 addresses, or too many."""
    source = rule.source
    only_ipv4 = all(interval.family == 4 for interval in source.ranges)  # noqa: PLR2004 - IP version
    if source.words or source.groups or not only_ipv4:
        return None
    spans = [range(interval.first >> _SHIFT, (interval.last >> _SHIFT) + 1) for interval in source.ranges]
    if sum(map(len, spans)) > _MOST_PARTS:
        return None
    return {part for span in spans for part in span}
