"""Set operations on boxes of traffic: intersection, difference, hull, and few large boxes for many small ones.

They use the likely reading of tags (see `likely`), so they are for phrases and severities only.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from nsg_baseline.core.intervals import common, merge, without
from nsg_baseline.core.traffic.likely import can_connect, possible_addresses
from nsg_baseline.core.traffic.model import PROTOCOLS, Box, Place
from nsg_baseline.core.traffic.tags import PLATFORM

# The same places recur many times in one exposure.
_CACHE_SIZE = 4096
_PARTS = ("protocols", "source_ports", "destination_ports", "source", "destination")


def intersection(box: Box, other: Box) -> Box | None:
    """Return the traffic in both boxes; None if there is none."""
    parts = []
    for part in _PARTS:
        shared = _common(getattr(box, part), getattr(other, part))
        if not shared or (isinstance(shared, Place) and not possible_addresses(shared)):
            return None
        parts.append(shared)
    both = Box(*parts)
    return both if _exists(both) else None


def subtract(box: Box, other: Box) -> list[Box]:
    """Return the traffic in a box and not in another, as disjoint boxes."""
    if intersection(box, other) is None:
        return [box]
    pieces: list[Box] = []
    rest = box
    for part in _PARTS:
        pieces += [_with(rest, part, outside) for outside in _outside(getattr(rest, part), getattr(other, part))]
        rest = _with(rest, part, _common(getattr(rest, part), getattr(other, part)))
    return [piece for piece in pieces if _exists(piece)]


@dataclass
class StepBudget:
    """The number of steps that may still be spent on a shorter result."""

    steps: int

    def spend(self, steps: int) -> bool:
        """Subtract some steps; return whether the budget allowed them."""
        self.steps -= steps
        return self.steps >= 0


def subtract_all(box: Box, others: Iterable[Box], budget: StepBudget) -> list[Box] | None:
    """Return the traffic in a box and in none of others, as disjoint boxes; None if the budget is spent."""
    pieces = [box]
    for other in others:
        if not budget.spend(len(pieces)):
            return None
        pieces = [rest for piece in pieces for rest in subtract(piece, other)]
    return pieces


def hull(boxes: Sequence[Box]) -> Box:
    """Return the smallest box that contains some boxes."""
    return Box(
        protocols=_ordered({name for box in boxes for name in box.protocols}),
        source_ports=merge(interval for box in boxes for interval in box.source_ports),
        destination_ports=merge(interval for box in boxes for interval in box.destination_ports),
        source=_hull([box.source for box in boxes]),
        destination=_hull([box.destination for box in boxes]),
    )


def largest(boxes: Sequence[Box], budget: StepBudget, optional: Sequence[Box] = ()) -> list[Box] | None:
    """Return maximal boxes that together cover `boxes`; they may overlap, and none is covered by the others.

    They lie within `boxes` and `optional` together. The result is None if the budget is spent.
    """
    whole = hull(boxes)
    allowed = [*boxes, *optional]
    maximal: list[Box] = []
    for seed in boxes:
        if subtract_all(seed, maximal, budget) != []:
            maximal.append(_grown(seed, whole, allowed, budget))
        if budget.steps < 0:
            return None
    for box in list(maximal):
        others = [other for other in maximal if other is not box]
        if others and subtract_all(box, others, budget) == []:
            maximal = others
    return maximal if budget.steps >= 0 else None


def kinds(boxes: Iterable[Box]) -> list[list[Box]]:
    """Group boxes that one box can contain together: ordinary traffic, and each kind of platform traffic."""
    groups: dict[tuple[str, ...], list[Box]] = {}
    for box in boxes:
        tags = (*box.source.tags, *box.destination.tags)
        groups.setdefault(tuple(tag for tag in tags if tag.lower() in PLATFORM), []).append(box)
    return list(groups.values())


def _grown(seed: Box, whole: Box, allowed: Sequence[Box], budget: StepBudget) -> Box:
    """Return a box widened as far as it stays within the boxes `allowed`."""
    for wider in _wider(seed, whole):
        candidate = wider(seed)
        if candidate != seed and subtract_all(candidate, allowed, budget) == []:
            seed = candidate
        if budget.steps < 0:
            break
    return seed


def _wider(seed: Box, whole: Box) -> Iterator[Any]:
    """Yield functions that widen a box in one part each, up to `whole`."""
    for side in ("source", "destination"):
        yield lambda box, side=side: replace(box, **{side: getattr(whole, side)})
        for tag in getattr(seed, side).not_tags:
            yield lambda box, side=side, tag=tag: replace(box, **{side: _loosened(getattr(box, side), tag)})
        for tag in getattr(seed, side).tags:
            yield lambda box, side=side, tag=tag: replace(box, **{side: _loosened(getattr(box, side), tag)})
        yield lambda box, side=side: replace(
            box, **{side: replace(getattr(box, side), ranges=getattr(whole, side).ranges)}
        )
    for part in ("destination_ports", "source_ports", "protocols"):
        yield lambda box, part=part: replace(box, **{part: getattr(whole, part)})


def _loosened(place: Place, tag: str) -> Place:
    return replace(
        place,
        tags=tuple(other for other in place.tags if other != tag),
        not_tags=tuple(other for other in place.not_tags if other != tag),
    )


def _hull(places: Sequence[Place]) -> Place:
    first = places[0]
    return Place(
        ranges=merge(interval for place in places for interval in place.ranges),
        tags=tuple(tag for tag in first.tags if all(tag in place.tags for place in places)),
        not_tags=tuple(tag for tag in first.not_tags if all(tag in place.not_tags for place in places)),
    )


def _common(value: Any, other: Any) -> Any:
    """Return what two values of one part of a box share: protocols, ports or a place."""
    if value == other:
        return value
    if isinstance(value, Place):
        return _common_place(value, other)
    if value and isinstance(value[0], str):
        return tuple(name for name in value if name in other)
    return common(value, other)


@lru_cache(_CACHE_SIZE)
def _common_place(place: Place, other: Place) -> Place:
    tags, not_tags = {*place.tags, *other.tags}, {*place.not_tags, *other.not_tags}
    return Place(common(place.ranges, other.ranges), tuple(sorted(tags)), tuple(sorted(not_tags)))


def _outside(value: Any, other: Any) -> Iterator[Any]:
    """Yield disjoint values that together are one value of a part without another."""
    if isinstance(value, Place):
        yield from _outside_place(value, other)
    elif value and isinstance(value[0], str):
        yield tuple(name for name in value if name not in other)
    else:
        yield without(value, other)


def _outside_place(place: Place, other: Place) -> Iterator[Place]:
    rest = place
    for tag in other.tags:
        if tag not in rest.tags:
            yield replace(rest, not_tags=tuple(sorted({*rest.not_tags, tag})))
            rest = replace(rest, tags=tuple(sorted({*rest.tags, tag})))
    for tag in other.not_tags:
        if tag not in rest.not_tags:
            yield replace(rest, tags=tuple(sorted({*rest.tags, tag})))
            rest = replace(rest, not_tags=tuple(sorted({*rest.not_tags, tag})))
    yield replace(rest, ranges=without(rest.ranges, other.ranges))


def _exists(box: Box) -> bool:
    return bool(box.protocols and box.source_ports and box.destination_ports and can_connect(box))


def _with(box: Box, part: str, value: Any) -> Box:
    return replace(box, **{part: value})


def _ordered(names: set[str]) -> tuple[str, ...]:
    return tuple(name for name in PROTOCOLS if name in names)
