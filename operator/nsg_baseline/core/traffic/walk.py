"""The walk through two rule lists at once that finds who decides what on either side."""

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class _Pending:
    """Traffic that one side alone has decided: by the rule at a place of the sequence."""

    place: int
    rule: Rule
    pieces: list[Piece]


class Walk:
    """Traffic on its way through both lists, and what they were found to decide otherwise."""

    def __init__(self, region: Sequence[Piece], space: Space) -> None:
        self._space = space
        self._undecided = list(region)
        self._approved: list[_Pending] = []
        self._live: list[_Pending] = []
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
        block = self._space.pieces_of_rule(either(pair))
        if live is not None:
            self._approved = self._settle(self._approved, place, live, block, mirrored=False)
        if approved is not None:
            self._live = self._settle(self._live, place, approved, block, mirrored=True)
        inside, self._undecided = carve(self._undecided, block, self._space)
        if inside and live is None and approved is not None:
            self._approved.append(_Pending(place, approved, inside))
        if inside and approved is None and live is not None:
            self._live.append(_Pending(place, live, inside))

    def _settle(
        self, pending: list[_Pending], place: int, rule: Rule, block: list[Piece], *, mirrored: bool
    ) -> list[_Pending]:
        """Let a rule of the other side decide; return what it leaves."""
        left: list[_Pending] = []
        for item in pending:
            inside, outside = carve(item.pieces, block, self._space)
            if inside and item.rule.access != rule.access:
                if mirrored:
                    self._add((place, item.place), rule, item.rule, inside)
                else:
                    self._add((item.place, place), item.rule, rule, inside)
            if outside:
                left.append(_Pending(item.place, item.rule, outside))
        return left

    def _leave_to_platform(self) -> None:
        for item in self._approved:
            if item.rule.access != "Allow":
                self._add((item.place, _NOWHERE), item.rule, None, item.pieces)
        for item in self._live:
            if item.rule.access != "Allow":
                self._add((_NOWHERE, item.place), None, item.rule, item.pieces)

    def _add(self, places: tuple[int, int], approved: Rule | None, live: Rule | None, pieces: list[Piece]) -> None:
        self._found.setdefault(places, Found(approved, live)).pieces.extend(pieces)

    def _size(self) -> int:
        pending = sum(len(item.pieces) for side in (self._approved, self._live) for item in side)
        return len(self._undecided) + pending + sum(len(found.pieces) for found in self._found.values())


_NOWHERE = -1
