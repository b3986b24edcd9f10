"""The likely reading of boxes: what is left of them if VirtualNetwork contains no public address (see `tags`).

Severities, texts, lint and guardrails use this reading. The boxes of an exposure stay exact in the certain reading.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from itertools import combinations

from nsg_baseline.core.intervals import Interval, common, without
from nsg_baseline.core.traffic.model import EVERYWHERE, Box, Place
from nsg_baseline.core.traffic.tags import LIKELY, NOT_PUBLIC, PLATFORM, PUBLIC, disjoint, lower, parent, upper

# The same places recur many times in one exposure.
_CACHE_SIZE = 4096


def likely(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """Return the likely part of boxes, in the shortest form: without tags that follow from the rest of a place."""
    return tuple(likely_box for box in boxes if (likely_box := _likely_box(box)) is not None)


def is_likely(box: Box) -> bool:
    """Return whether a box contains any traffic in the likely reading."""
    # This is part of every exposure, and most boxes have no tags.
    if not (box.source.tags or box.source.not_tags or box.destination.tags or box.destination.not_tags):
        return True
    return _likely_box(box) is not None


@lru_cache(_CACHE_SIZE)
def possible_addresses(place: Place) -> tuple[Interval, ...]:
    """Return the addresses of a place to which its tags can apply; none if the tags contradict each other."""
    present, absent = {tag.lower() for tag in place.tags}, {tag.lower() for tag in place.not_tags}
    present |= {implied for tag in present if (implied := parent(tag)) is not None}
    if present & absent or any(disjoint(*pair) for pair in combinations(sorted(present), 2)):
        return ()
    ranges = place.ranges
    for tag in present - set(PLATFORM):
        ranges = common(ranges, upper(tag, None, LIKELY))
    for tag in absent:
        ranges = without(ranges, lower(tag, LIKELY))
    return ranges


def can_connect(box: Box) -> bool:
    """Return whether both sides have an address of one family in the likely reading."""
    source, destination = possible_addresses(box.source), possible_addresses(box.destination)
    # Platform traffic is of either family.
    if any(tag.lower() in PLATFORM for tag in (*box.source.tags, *box.destination.tags)):
        return bool(source and destination)
    return bool({interval.family for interval in source} & {interval.family for interval in destination})


def _likely_box(box: Box) -> Box | None:
    if not can_connect(box):
        return None
    source, destination = _shortest(box.source), _shortest(box.destination)
    if source is box.source and destination is box.destination:
        return box
    return replace(box, source=source, destination=destination)


@lru_cache(_CACHE_SIZE)
def _shortest(place: Place) -> Place:
    """Return the likely part of a place that is not empty, without tags that follow from the rest of it."""
    if not (place.tags or place.not_tags) or any(tag.lower() in PLATFORM for tag in place.tags):
        return place
    for tag in place.not_tags:
        without_tag = replace(place, not_tags=tuple(other for other in place.not_tags if other != tag))
        if not possible_addresses(replace(without_tag, tags=(*place.tags, tag))):
            place = without_tag
    for tag in place.tags:
        without_tag = replace(place, tags=tuple(other for other in place.tags if other != tag))
        if not possible_addresses(replace(without_tag, not_tags=(*place.not_tags, tag))):
            place = without_tag
    return _widest(place)


def _widest(place: Place) -> Place:
    """Return a place in terms of its tags alone if its addresses are all to which they can apply."""
    possible = possible_addresses(place)
    if not (place.tags or place.not_tags):
        by_ranges = {PUBLIC: Place(tags=("Internet",)), NOT_PUBLIC: Place(not_tags=("Internet",))}
        return by_ranges.get(possible, place)
    whole = replace(place, ranges=EVERYWHERE)
    return whole if possible_addresses(whole) == possible else place
