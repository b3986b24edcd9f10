"""What each rule of a list still decides: nothing where earlier rules take all, nothing new where later ones agree."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.align import ordered
from nsg_baseline.core.traffic.carve import carve
from nsg_baseline.core.traffic.defaults import DEFAULT_RULES
from nsg_baseline.core.traffic.extent import Extent, Meeting
from nsg_baseline.core.traffic.model import Direction
from nsg_baseline.core.traffic.neighbours import Neighbours
from nsg_baseline.core.traffic.space import Piece, Space
from nsg_baseline.core.traffic.tags import TagTable

# A rule that falls into more pieces is said to decide something: that is so but for contrived lists.
_MOST_PIECES = 2000


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a rule decides within its list.

    Attributes:
        rule: the rule.
        hidden_by: the earlier rules that together take everything that it matches; none if something is left.
        same_as: the later rules that would decide all of what is left alike; none if it makes a difference.
    """

    rule: Rule
    hidden_by: tuple[Rule, ...] = ()
    same_as: tuple[Rule, ...] = ()


def coverage(rules: Sequence[Rule], direction: Direction, tags: TagTable | None = None) -> Iterator[Coverage]:
    """Yield for each custom rule of a direction, in the order in which they decide, what it decides."""
    custom = ordered(rules, direction)
    every = [*custom, *DEFAULT_RULES[direction]]
    neighbours = Neighbours(every)
    for place, rule in enumerate(custom):
        extent = Extent.of_rules([rule], tags)
        if extent.is_empty():
            yield Coverage(rule)
            continue
        meets = Meeting(extent, tags).meets
        met = [other for other in neighbours.of(rule) if meets(every[other])]
        near = [every[other] for other in met if other < place]
        after = [every[other] for other in met if other > place]
        yield _coverage(rule, near, after, extent, tags)


def _coverage(
    rule: Rule, near: Sequence[Rule], after: Sequence[Rule], extent: Extent, tags: TagTable | None
) -> Coverage:
    space = Space(extent, [rule, *near, *after], None, tags)
    left = _left([], space.pieces_of_rule(rule), space)
    hiding: list[Rule] = []
    for other in near:
        inside, left = carve(left, space.pieces_of_rule(other), space)
        hiding += [other] if inside else []
        if not left:
            return Coverage(rule, hidden_by=tuple(hiding))
        if len(left) > _MOST_PIECES:
            return Coverage(rule)
    return Coverage(rule, same_as=tuple(_agreeing(rule, left, after, space)))


def _left(known: list[Piece], blocks: Sequence[Piece], space: Space) -> list[Piece]:
    """Return blocks that may overlap as disjoint pieces."""
    for block in blocks:
        fresh = [block]
        for piece in list(known):
            _, fresh = carve(fresh, [piece], space)
        known += [piece for piece in fresh if space.exists(piece)]
    return known


def _agreeing(rule: Rule, left: list[Piece], later: Iterable[Rule], space: Space) -> list[Rule]:
    agreeing: list[Rule] = []
    for other in later:
        inside, left = carve(left, space.pieces_of_rule(other), space)
        if inside and other.access != rule.access:
            return []
        agreeing += [other] if inside else []
        if not left or len(left) > _MOST_PIECES:
            break
    return [] if left else agreeing
