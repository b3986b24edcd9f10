"""Which rules of a long list may meet a rule, found without asking each: by destination ports and by source."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from nsg_baseline.core.intervals import ALL_PORTS, Interval
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.rule_semantics import WITH_PORTS, protocols
from nsg_baseline.core.traffic.traffic_space import bits

_SHIFT = 16
# A source that is larger is not listed, and meets all.
_MOST_PARTS = 256


class RuleIndex:
    """Sets of rules as bits, by port and by the first 16 bits of IPv4. A rule that is left out surely meets nothing."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._edges = sorted({edge for rule in rules for one in _ports(rule) or () for edge in (one.first, one.last)})
        self._by_port = [0] * len(self._edges)
        self._by_part: dict[int, int] = {}
        self._any_port = self._any_source = 0
        self._all = (1 << len(rules)) - 1
        for place, rule in enumerate(rules):
            self._note(rule, 1 << place)

    def of(self, rule: Rule) -> Iterator[int]:
        """Yield the places of the rules that may meet a rule, itself among them."""
        return bits(self._sharing_ports(rule) & self._sharing_source(rule))

    def _note(self, rule: Rule, bit: int) -> None:
        ports, parts = _ports(rule), _parts(rule)
        if ports is None:
            self._any_port |= bit
        if parts is None:
            self._any_source |= bit
        for place in self._spans(ports or ()):
            self._by_port[place] |= bit
        for part in parts or ():
            self._by_part[part] = self._by_part.get(part, 0) | bit

    def _sharing_ports(self, rule: Rule) -> int:
        ports = _ports(rule)
        if ports is None:
            return self._all
        found = self._any_port
        for place in self._spans(ports):
            found |= self._by_port[place]
        return found

    def _sharing_source(self, rule: Rule) -> int:
        parts = _parts(rule)
        if parts is None:
            return self._all
        found = self._any_source
        for part in parts:
            found |= self._by_part.get(part, 0)
        return found

    def _spans(self, ports: Sequence[Interval]) -> Iterator[int]:
        # Two ranges that meet share an edge of one of them, and every edge is listed.
        for one in ports:
            yield from range(bisect_left(self._edges, one.first), bisect_right(self._edges, one.last))


def _ports(rule: Rule) -> tuple[Interval, ...] | None:
    """Return the destination ports of a rule; None where they set no limit that is known."""
    limit = rule.destination_ports
    if protocols(rule) & ~WITH_PORTS or limit.words or limit.ranges == ALL_PORTS:
        return None
    return limit.ranges


def _parts(rule: Rule) -> set[int] | None:
    """Return the first 16 bits of a rule's sources; None where they are not few IPv4 addresses alone."""
    source = rule.source
    if source.words or source.groups or any(one.family != 4 for one in source.ranges):  # noqa: PLR2004 - IP version
        return None
    spans = [range(one.first >> _SHIFT, (one.last >> _SHIFT) + 1) for one in source.ranges]
    if sum(map(len, spans)) > _MOST_PARTS:
        return None
    return {part for span in spans for part in span}
