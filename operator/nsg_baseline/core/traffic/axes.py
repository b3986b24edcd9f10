"""Sets of ports and addresses as bit masks, over the few coordinates that the rules distinguish."""

from collections.abc import Iterable, Mapping

from nsg_baseline.core.intervals import Interval
from nsg_baseline.core.traffic.tags import PLATFORM_FAMILY

# The families follow one another on one number line.
_OFFSET = {0: 0, 4: 0, 6: 2**32, PLATFORM_FAMILY: 2**32 + 2**128}

Bounds = Mapping[int, tuple[int, int]]
"""For each family the first and last number that are relevant."""


class Axis:
    """A number line within bounds, cut at every number at which one of some ranges begins or ends.

    Bit n of a mask stands for all numbers from the nth cut up to the next.
    """

    __slots__ = ("_bounds", "_cuts", "_masks", "_places", "_within", "families", "whole")

    def __init__(self, bounds: Bounds, ranges_used: Iterable[tuple[Interval, ...]]) -> None:
        self._bounds = bounds
        cuts = {_OFFSET[family] + number for family, (first, last) in bounds.items() for number in (first, last + 1)}
        self._within = {ranges: self._clipped(ranges) for ranges in set(ranges_used)}
        for clipped in self._within.values():
            for first, last in clipped:
                cuts.add(first)
                cuts.add(last + 1)
        self._cuts = sorted(cuts)
        self._places = {number: place for place, number in enumerate(self._cuts)}
        self._masks: dict[tuple[Interval, ...], int] = {}
        # In the order of families, so that `ranges` returns sorted ranges.
        self.families = {family: self.mask((Interval(family, *bound),)) for family, bound in sorted(bounds.items())}
        self.whole = sum(self.families.values())

    def mask(self, ranges: tuple[Interval, ...]) -> int:
        """Return the mask of some ranges, as far as they are within bounds. All their ends must be cuts."""
        mask = self._masks.get(ranges)
        if mask is None:
            mask = 0
            for first, last in self._within.get(ranges) or self._clipped(ranges):
                mask |= (1 << self._places[last + 1]) - (1 << self._places[first])
            self._masks[ranges] = mask
        return mask

    def ranges(self, mask: int) -> tuple[Interval, ...]:
        """Return a mask as merged ranges."""
        ranges: list[Interval] = []
        for family, inside in self.families.items():
            rest, offset = mask & inside, _OFFSET[family]
            while rest:
                first = (rest & -rest).bit_length() - 1
                # Adding the lowest bit carries through the whole run of ones.
                end = (rest + (1 << first)) & -(rest + (1 << first))
                last = end.bit_length() - 1
                ranges.append(Interval(family, self._cuts[first] - offset, self._cuts[last] - offset - 1))
                rest &= -end
        return tuple(ranges)

    def _clipped(self, ranges: tuple[Interval, ...]) -> list[tuple[int, int]]:
        clipped: list[tuple[int, int]] = []
        for family, first, last in ranges:
            bound = self._bounds.get(family)
            if bound is not None and first <= bound[1] and last >= bound[0]:
                offset, (low, high) = _OFFSET[family], bound
                clipped.append((offset + (first if first > low else low), offset + (last if last < high else high)))  # noqa: FURB136 - min and max cost twice as much
        return clipped
