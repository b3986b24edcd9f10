"""The walk through two rule lists at once that finds who decides what on either side."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.rule_diff import Pair, either
from nsg_baseline.core.traffic.split import split_pieces
from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace


@dataclass(frozen=True, slots=True)
class Match:
    """Traffic that an approved and a live rule decide otherwise; None stands for the platform, which allows."""

    approved: Rule | None
    live: Rule | None
    pieces: list[Piece] = field(default_factory=list)


@dataclass(slots=True)
class _Group:
    """Traffic that was split off together, and the one rule that decided it, at a place of the sequence, if any did.

    `reach` holds at least all pieces: most rules meet few groups, and need not be asked about each piece.
    """

    place: int
    rule: Rule | None
    pieces: list[Piece]
    reach: Piece


class FirstMatch:
    """Traffic on its way through both lists, and what they were found to decide otherwise."""

    def __init__(self, region: Iterable[list[Piece]], space: TrafficSpace) -> None:
        self._space = space
        self._undecided = [_Group(_NOWHERE, None, pieces, _reach(pieces)) for pieces in region if pieces]
        self._approved: list[_Group] = []
        self._live: list[_Group] = []
        self._found: dict[tuple[int, int], Match] = {}
        self._size = sum(len(group.pieces) for group in self._undecided)

    def run(self, sequence: Sequence[Pair], budget: int) -> bool:
        """Walk to the end; return False when it broke off because the traffic fell into more pieces than allowed."""
        for place, pair in enumerate(sequence):
            self._step(place, pair)
            if self._size > budget:
                return False
            if not (self._undecided or self._approved or self._live):
                return True
        self._leave_to_platform()
        return True

    def found(self) -> list[Match]:
        """Return what was found, in the order of the approved, then of the live deciders."""
        return [self._found[places] for places in sorted(self._found)]

    def _step(self, place: int, pair: Pair) -> None:
        approved, live = pair
        rule = either(pair)
        block = self._space.pieces_of_rule(rule)
        if live is not None:
            for group, inside in self._take(self._approved, block):
                if group.rule is not None and group.rule.access != live.access:
                    self._add((group.place, place), group.rule, live, inside)
        if approved is not None:
            for group, inside in self._take(self._live, block):
                if group.rule is not None and group.rule.access != approved.access:
                    self._add((place, group.place), approved, group.rule, inside)
        decided = [piece for _, inside in self._take(self._undecided, block) for piece in inside]
        if decided and (live is None or approved is None):
            side = self._approved if live is None else self._live
            side.append(_Group(place, rule, decided, _reach(decided)))
            self._size += len(decided)

    def _take(self, groups: list[_Group], block: list[Piece]) -> list[tuple[_Group, list[Piece]]]:
        """Take what a rule matches out of some groups."""
        taken: list[tuple[_Group, list[Piece]]] = []
        for group in _met(groups, block):
            inside, outside = split_pieces(group.pieces, block, self._space)
            if inside:
                taken.append((group, inside))
                self._size += len(outside) - len(group.pieces)
                group.pieces = outside[:_MOST_TOGETHER]
                groups += [
                    _Group(group.place, group.rule, rest, _reach(rest)) for rest in _chunks(outside[_MOST_TOGETHER:])
                ]
        if taken:
            groups[:] = [group for group in groups if group.pieces]
        return taken

    def _leave_to_platform(self) -> None:
        for group in self._approved:
            if group.rule is not None and group.rule.access != "Allow":
                self._add((group.place, _NOWHERE), group.rule, None, group.pieces)
        for group in self._live:
            if group.rule is not None and group.rule.access != "Allow":
                self._add((_NOWHERE, group.place), None, group.rule, group.pieces)

    def _add(self, places: tuple[int, int], approved: Rule | None, live: Rule | None, pieces: list[Piece]) -> None:
        self._found.setdefault(places, Match(approved, live)).pieces.extend(pieces)
        self._size += len(pieces)


_NOWHERE = -1
# Few enough that their reach is small, many enough that asking about the reach pays.
_MOST_TOGETHER = 16


def _chunks(pieces: list[Piece]) -> Iterator[list[Piece]]:
    for begin in range(0, len(pieces), _MOST_TOGETHER):
        yield pieces[begin : begin + _MOST_TOGETHER]


def _met(groups: Iterable[_Group], block: list[Piece]) -> list[_Group]:
    """Return the groups that a rule may match something of."""
    found: list[_Group] = []
    for group in groups:
        protocols, _, to_ports, source, _, _, destination, _, _ = group.reach
        for piece in block:
            if piece[2] & to_ports and piece[3] & source and piece[6] & destination and piece[0] & protocols:
                found.append(group)
                break
    return found


def _reach(pieces: Iterable[Piece]) -> Piece:
    """Return one piece, whatever words hold, that holds all of some pieces."""
    protocols = from_ports = to_ports = source = destination = 0
    for piece in pieces:
        protocols |= piece[0]
        from_ports |= piece[1]
        to_ports |= piece[2]
        source |= piece[3]
        destination |= piece[6]
    return protocols, from_ports, to_ports, source, 0, 0, destination, 0, 0
