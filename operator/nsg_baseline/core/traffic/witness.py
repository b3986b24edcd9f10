"""Single connections of a rule, picked here and there: one that decides a question saves looking at all of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.tags import VIRTUAL_NETWORK
from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace

_PICKS = 12
# Far from all counts of coordinates, so that picks spread over all of them.
_STRIDE = 7919


class WitnessFacts(NamedTuple):
    """A rule and what it matches."""

    rule: Rule
    blocks: Sequence[Piece]


def makes_a_difference(
    mine: WitnessFacts, before: Iterable[WitnessFacts], after: Iterable[WitnessFacts], space: TrafficSpace
) -> bool:
    """Return whether a connection was found that a rule decides, and that rules after it would decide otherwise.

    True is certain; False says that none of those picked is one.
    """
    earlier = [block for other in before for block in other.blocks]
    later = [(block, other.rule) for other in after for block in other.blocks]
    for point in _points(mine.blocks, space):
        if any(_matches(block, point) for block in earlier):
            continue
        next_rule = next((other for block, other in later if _matches(block, point)), None)
        if next_rule is None or next_rule.access != mine.rule.access:
            return True
    return False


def _matches(block: Piece, point: Piece) -> bool:
    """Return whether a rule's block holds a point; a rule asks of words only that they hold."""
    return bool(
        block[2] & point[2]
        and block[3] & point[3]
        and block[6] & point[6]
        and block[0] & point[0]
        and block[1] & point[1]
        and not block[4] & ~point[4]
        and not block[7] & ~point[7]
    )


def _points(blocks: Sequence[Piece], space: TrafficSpace) -> Iterator[Piece]:
    """Yield connections of some blocks in which every word holds or does not."""
    worlds = _worlds(space)
    for block in blocks:
        for pick in range(_PICKS):
            source, destination = worlds[pick % len(worlds)]
            held, there = space.source.closed(block[4] | source), space.destination.closed(block[7] | destination)
            missing, absent = space.source.all_words & ~held, space.destination.all_words & ~there
            at = block[3] & space.source.room(held, missing)
            onto = block[6] & space.destination.room(there, absent)
            if at and onto:
                protocol, via, to = (_picked(mask, pick) for mask in block[:3])
                point = (protocol, via, to, _picked(at, pick), held, missing, _picked(onto, pick), there, absent)
                if space.exists(point):
                    yield point


def _picked(mask: int, pick: int) -> int:
    """Return one bit of a mask that has some."""
    start = pick * _STRIDE % mask.bit_length()
    above = mask >> start << start or mask
    return above & -above


def _worlds(space: TrafficSpace) -> list[tuple[int, int]]:
    """Return words to hold on both sides: none but the rule's own, or the virtual network's as well."""
    inside = (space.source.words.get(VIRTUAL_NETWORK, 0), space.destination.words.get(VIRTUAL_NETWORK, 0))
    return [(0, 0), inside] if any(inside) else [(0, 0)]
