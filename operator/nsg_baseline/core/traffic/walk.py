"""The walk through two rule lists at once that finds who decides what on either side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.align import Pair, either
from nsg_baseline.core.traffic.carve import carve
from nsg_baseline.core.traffic.space import Piece, Space


@dataclass(frozen=True, slots=True)
class Found:
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


class Walk:
    """Traffic on its way through both lists, and what they were found to decide otherwise."""

    def __init__(self, region: Iterable[list[Piece]], space: Space) -> None:
        self._space = space
        self._undecided = [_Group(_NOWHERE, None, pieces, _reach(pieces)) for pieces in region if pieces]
        self._approved: list[_Group] = []
        self._live: list[_Group] = []
        self._found: dict[tuple[int, int], Found] = {}

    def run(self, sequence: Sequence[Pair], budget: int) -> bool:
        """Walk to the end; return False when it broke off because the traffic fell into more pieces than allowed."""
        for place, pair in enumerate(sequence):
            self._step(place, pair)
            if self._size() > budget:
                return False
            if not (self._undecided or self._approved or self._live):
                return True
        self._leave_to_platform()
        return True

    def found(self) -> list[Found]:
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

    def _take(self, groups: list[_Group], block: list[Piece]) -> list[tuple[_Group, list[Piece]]]:
        """Take what a rule matches out of some groups."""
        taken: list[tuple[_Group, list[Piece]]] = []
        for group in groups:
            if not any(_meet(piece, group.reach) for piece in block):
                continue
            inside, group.pieces = carve(group.pieces, block, self._space)
            if inside:
                taken.append((group, inside))
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
        self._found.setdefault(places, Found(approved, live)).pieces.extend(pieces)

    def _size(self) -> int:
        pending = sum(len(group.pieces) for side in (self._undecided, self._approved, self._live) for group in side)
        return pending + sum(len(found.pieces) for found in self._found.values())


_NOWHERE = -1


def _meet(one: Piece, other: Piece) -> bool:
    return bool(one[2] & other[2] and one[3] & other[3] and one[6] & other[6] and one[0] & other[0])


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
