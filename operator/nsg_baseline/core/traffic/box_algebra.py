"""Boxes as regions of traffic: what two share, what is left of one, and few large boxes for many small ones.

For words and weights only: here no address is both Internet and VirtualNetwork (see `boxes.likely`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from nsg_baseline.core.intervals import Interval, common, merge, without
from nsg_baseline.core.traffic.model import PROTOCOLS, Box, Place
from nsg_baseline.core.traffic.tags import (
    INTERNET,
    PLATFORM,
    VIRTUAL_NETWORK,
    disjoint,
    is_group,
    lower,
    parent,
    upper,
)

# The places of one exposure come again and again.
_KEPT = 4096
_PARTS = ("protocols", "source_ports", "destination_ports", "source", "destination")


def share(one: Box, other: Box) -> Box | None:
    """Return what two boxes share; None for nothing."""
    parts = []
    for part in _PARTS:
        shared = _common(getattr(one, part), getattr(other, part))
        if not shared or (isinstance(shared, Place) and not room(shared)):
            return None
        parts.append(shared)
    found = Box(*parts)
    return found if _exists(found) else None


def take_away(box: Box, other: Box) -> list[Box]:
    """Return what is left of a box without another, as disjoint boxes."""
    if share(box, other) is None:
        return [box]
    left: list[Box] = []
    rest = box
    for part in _PARTS:
        left += [_with(rest, part, outside) for outside in _outside(getattr(rest, part), getattr(other, part))]
        rest = _with(rest, part, _common(getattr(rest, part), getattr(other, part)))
    return [one for one in left if _exists(one)]


@dataclass
class Patience:
    """How many more steps may be taken before a better answer is given up."""

    steps: int

    def spend(self, steps: int) -> bool:
        """Take some steps; say whether they were left."""
        self.steps -= steps
        return self.steps >= 0


def rest_of(box: Box, others: Iterable[Box], patience: Patience) -> list[Box] | None:
    """Return what is left of a box without others, as disjoint boxes; None when patience ran out."""
    left = [box]
    for other in others:
        if not patience.spend(len(left)):
            return None
        left = [piece for one in left for piece in take_away(one, other)]
    return left


def hull(boxes: Sequence[Box]) -> Box:
    """Return the smallest box that holds some boxes."""
    return Box(
        protocols=_ordered({name for box in boxes for name in box.protocols}),
        source_ports=merge(one for box in boxes for one in box.source_ports),
        destination_ports=merge(one for box in boxes for one in box.destination_ports),
        source=_hull([box.source for box in boxes]),
        destination=_hull([box.destination for box in boxes]),
    )


def largest(boxes: Sequence[Box], patience: Patience, beside: Sequence[Box] = ()) -> list[Box] | None:
    """Return boxes that may overlap, each as large as fits into all of them, and none that the others hold.

    They may reach into boxes `beside` these. The answer is None when patience ran out.
    """
    whole = hull(boxes)
    room = [*boxes, *beside]
    found: list[Box] = []
    for seed in boxes:
        if rest_of(seed, found, patience) != []:
            found.append(_grown(seed, whole, room, patience))
        if patience.steps < 0:
            return None
    for one in list(found):
        others = [each for each in found if each is not one]
        if others and rest_of(one, others, patience) == []:
            found = others
    return found if patience.steps >= 0 else None


def kinds(boxes: Iterable[Box]) -> list[list[Box]]:
    """Return boxes apart that no box can hold together: ordinary traffic, and each kind of the platform's own."""
    groups: dict[tuple[str, ...], list[Box]] = {}
    for box in boxes:
        tags = (*box.source.tags, *box.destination.tags)
        groups.setdefault(tuple(tag for tag in tags if tag.lower() in PLATFORM), []).append(box)
    return list(groups.values())


@lru_cache(_KEPT)
def room(place: Place) -> tuple[Interval, ...]:
    """Return the addresses at which a place's words can hold; none when they contradict each other."""
    held, missing = {tag.lower() for tag in place.tags}, {tag.lower() for tag in place.not_tags}
    held |= {above for tag in held if (above := parent(tag)) is not None}
    if held & missing or any(disjoint(one, other) for one in held for other in held if one < other):
        return ()
    if INTERNET in held and any(tag == VIRTUAL_NETWORK or is_group(tag) for tag in held):
        return ()
    ranges = place.ranges
    for tag in held - set(PLATFORM):
        ranges = common(ranges, upper(tag, None))
    for tag in missing:
        ranges = without(ranges, lower(tag))
    return ranges


def _grown(seed: Box, whole: Box, boxes: Sequence[Box], patience: Patience) -> Box:
    for wider in _wider(seed, whole):
        candidate = wider(seed)
        if candidate != seed and rest_of(candidate, boxes, patience) == []:
            seed = candidate
        if patience.steps < 0:
            break
    return seed


def _wider(seed: Box, whole: Box) -> Iterator[Any]:
    """Yield ways to widen a box, each one step."""
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
        tags=tuple(one for one in place.tags if one != tag),
        not_tags=tuple(one for one in place.not_tags if one != tag),
    )


def _hull(places: Sequence[Place]) -> Place:
    first = places[0]
    return Place(
        ranges=merge(one for place in places for one in place.ranges),
        tags=tuple(tag for tag in first.tags if all(tag in place.tags for place in places)),
        not_tags=tuple(tag for tag in first.not_tags if all(tag in place.not_tags for place in places)),
    )


def _common(one: Any, other: Any) -> Any:
    if one == other:
        return one
    if isinstance(one, Place):
        return _common_place(one, other)
    if one and isinstance(one[0], str):
        return tuple(name for name in one if name in other)
    return common(one, other)


@lru_cache(_KEPT)
def _common_place(one: Place, other: Place) -> Place:
    tags, not_tags = {*one.tags, *other.tags}, {*one.not_tags, *other.not_tags}
    return Place(common(one.ranges, other.ranges), tuple(sorted(tags)), tuple(sorted(not_tags)))


def _outside(one: Any, other: Any) -> Iterator[Any]:
    if isinstance(one, Place):
        yield from _outside_place(one, other)
    elif one and isinstance(one[0], str):
        yield tuple(name for name in one if name not in other)
    else:
        yield without(one, other)


def _outside_place(one: Place, other: Place) -> Iterator[Place]:
    rest = one
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
    return bool(
        box.protocols
        and box.source_ports
        and box.destination_ports
        and _meet(room(box.source), room(box.destination), box)
    )


def _meet(source: tuple[Interval, ...], destination: tuple[Interval, ...], box: Box) -> bool:
    """Say whether both sides have an address of one family; the platform's own traffic is of either."""
    if any(tag.lower() in PLATFORM for tag in (*box.source.tags, *box.destination.tags)):
        return bool(source and destination)
    return bool({one.family for one in source} & {one.family for one in destination})


def _with(box: Box, part: str, value: Any) -> Box:
    return replace(box, **{part: value})


def _ordered(names: set[str]) -> tuple[str, ...]:
    return tuple(name for name in PROTOCOLS if name in names)
