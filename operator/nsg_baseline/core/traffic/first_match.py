"""The evaluation of two rule lists at once, which finds the traffic that they decide differently."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.rule_diff import Pair, either
from nsg_baseline.core.traffic.split import split_pieces
from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace


@dataclass(frozen=True, slots=True)
class Match:
    """Traffic that an approved and a live rule decide differently; None stands for the platform, which allows."""

    approved: Rule | None
    live: Rule | None
    pieces: list[Piece] = field(default_factory=list)


@dataclass(slots=True)
class _Group:
    """Traffic that one rule of one side decided; the other side has not decided it yet.

    Attributes:
        index: the rule's index in the sequence of pairs, or `_NO_INDEX`.
        rule: the rule; None if neither side has decided.
        pieces: the traffic, as disjoint pieces.
        bounds: a piece that contains all of them. Most rules overlap few groups, so this avoids tests of each piece.
    """

    index: int
    rule: Rule | None
    pieces: list[Piece]
    bounds: Piece


class FirstMatch:
    """The traffic that both lists, one side, or neither side has decided so far, and the differences."""

    def __init__(self, region: Iterable[list[Piece]], space: TrafficSpace) -> None:
        self._space = space
        self._undecided = [_Group(_NO_INDEX, None, pieces, _bounds(pieces)) for pieces in region if pieces]
        self._approved: list[_Group] = []
        self._live: list[_Group] = []
        self._matches: dict[tuple[int, int], Match] = {}
        self._size = sum(len(group.pieces) for group in self._undecided)

    def run(self, sequence: Sequence[Pair], budget: int) -> bool:
        """Apply all pairs; return False if the traffic splits into more pieces than the budget, which ends the run."""
        for index, pair in enumerate(sequence):
            self._step(index, pair)
            if self._size > budget:
                return False
            if not (self._undecided or self._approved or self._live):
                return True
        self._leave_to_platform()
        return True

    def matches(self) -> list[Match]:
        """Return the differences, in the order of the approved rules and then of the live rules."""
        return [self._matches[indexes] for indexes in sorted(self._matches)]

    def _step(self, index: int, pair: Pair) -> None:
        approved, live = pair
        rule = either(pair)
        block = self._space.pieces_of_rule(rule)
        if live is not None:
            for group, inside in self._take(self._approved, block):
                if group.rule is not None and group.rule.access != live.access:
                    self._add((group.index, index), group.rule, live, inside)
        if approved is not None:
            for group, inside in self._take(self._live, block):
                if group.rule is not None and group.rule.access != approved.access:
                    self._add((index, group.index), approved, group.rule, inside)
        decided = [piece for _, inside in self._take(self._undecided, block) for piece in inside]
        if decided and (live is None or approved is None):
            side = self._approved if live is None else self._live
            side.append(_Group(index, rule, decided, _bounds(decided)))
            self._size += len(decided)

    def _take(self, groups: list[_Group], block: list[Piece]) -> list[tuple[_Group, list[Piece]]]:
        """Remove what a rule matches from some groups, and return it by group."""
        taken: list[tuple[_Group, list[Piece]]] = []
        for group in _overlapping(groups, block):
            inside, outside = split_pieces(group.pieces, block, self._space)
            if inside:
                taken.append((group, inside))
                self._size += len(outside) - len(group.pieces)
                group.pieces = outside[:_MOST_TOGETHER]
                groups += [
                    _Group(group.index, group.rule, rest, _bounds(rest)) for rest in _chunks(outside[_MOST_TOGETHER:])
                ]
        if taken:
            groups[:] = [group for group in groups if group.pieces]
        return taken

    def _leave_to_platform(self) -> None:
        for group in self._approved:
            if group.rule is not None and group.rule.access != "Allow":
                self._add((group.index, _NO_INDEX), group.rule, None, group.pieces)
        for group in self._live:
            if group.rule is not None and group.rule.access != "Allow":
                self._add((_NO_INDEX, group.index), None, group.rule, group.pieces)

    def _add(self, indexes: tuple[int, int], approved: Rule | None, live: Rule | None, pieces: list[Piece]) -> None:
        self._matches.setdefault(indexes, Match(approved, live)).pieces.extend(pieces)
        self._size += len(pieces)


_NO_INDEX = -1
# With more pieces the bounds of a group become too wide, and with fewer the test of the bounds saves nothing.
_MOST_TOGETHER = 16


def _chunks(pieces: list[Piece]) -> Iterator[list[Piece]]:
    for begin in range(0, len(pieces), _MOST_TOGETHER):
        yield pieces[begin : begin + _MOST_TOGETHER]


def _overlapping(groups: Iterable[_Group], block: list[Piece]) -> list[_Group]:
    """Return the groups of which a rule may match something."""
    overlapping: list[_Group] = []
    for group in groups:
        protocols, _, to_ports, source, _, _, destination, _, _ = group.bounds
        for piece in block:
            if piece[2] & to_ports and piece[3] & source and piece[6] & destination and piece[0] & protocols:
                overlapping.append(group)
                break
    return overlapping


def _bounds(pieces: Iterable[Piece]) -> Piece:
    """Return one piece without words that contains some pieces."""
    protocols = from_ports = to_ports = source = destination = 0
    for piece in pieces:
        protocols |= piece[0]
        from_ports |= piece[1]
        to_ports |= piece[2]
        source |= piece[3]
        destination |= piece[6]
    return protocols, from_ports, to_ports, source, 0, 0, destination, 0, 0
