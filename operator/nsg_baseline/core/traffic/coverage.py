"""What each rule of a list still decides: nothing where earlier rules take all, nothing new where later ones agree."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.bounding_box import BoundingBox
from nsg_baseline.core.traffic.defaults import DEFAULT_RULES
from nsg_baseline.core.traffic.model import Direction
from nsg_baseline.core.traffic.rule_diff import ordered
from nsg_baseline.core.traffic.rule_index import RuleIndex
from nsg_baseline.core.traffic.split import split_pieces
from nsg_baseline.core.traffic.tags import TagTable
from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace
from nsg_baseline.core.traffic.witness import WitnessFacts, makes_a_difference

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
    # One space for all rules: its coordinates are many, but they are found once.
    space = TrafficSpace(BoundingBox.everything(), every, None, tags)
    blocks = [[block for block in space.pieces_of_rule(rule) if space.exists(block)] for rule in every]
    neighbours = RuleIndex(every)
    for place, rule in enumerate(custom):
        met = [other for other in neighbours.of(rule) if other != place and _meet(blocks[place], blocks[other])]
        near = [WitnessFacts(every[other], blocks[other]) for other in met if other < place]
        after = [WitnessFacts(every[other], blocks[other]) for other in met if other > place]
        yield _coverage(WitnessFacts(rule, blocks[place]), near, after, space)


def _meet(ours: Sequence[Piece], theirs: Sequence[Piece]) -> bool:
    return any(
        one[2] & other[2] and one[3] & other[3] and one[6] & other[6] and one[0] & other[0] and one[1] & other[1]
        for one in ours
        for other in theirs
    )


def _coverage(
    mine: WitnessFacts, near: Sequence[WitnessFacts], after: Sequence[WitnessFacts], space: TrafficSpace
) -> Coverage:
    if not mine.blocks or makes_a_difference(mine, near, after, space):
        return Coverage(mine.rule)
    left = _left([], mine.blocks, space)
    hiding: list[Rule] = []
    for other in near:
        inside, left = split_pieces(left, other.blocks, space)
        hiding += [other.rule] if inside else []
        if not left:
            return Coverage(mine.rule, hidden_by=tuple(hiding))
        if len(left) > _MOST_PIECES:
            return Coverage(mine.rule)
    return Coverage(mine.rule, same_as=tuple(_agreeing(mine.rule, left, after, space)))


def _left(known: list[Piece], blocks: Sequence[Piece], space: TrafficSpace) -> list[Piece]:
    """Return blocks that may overlap as disjoint pieces."""
    for block in blocks:
        fresh = [block]
        for piece in list(known):
            _, fresh = split_pieces(fresh, [piece], space)
        known += [piece for piece in fresh if space.exists(piece)]
    return known


def _agreeing(rule: Rule, left: list[Piece], later: Iterable[WitnessFacts], space: TrafficSpace) -> list[Rule]:
    agreeing: list[Rule] = []
    for other in later:
        inside, left = split_pieces(left, other.blocks, space)
        if inside and other.rule.access != rule.access:
            return []
        agreeing += [other.rule] if inside else []
        if not left or len(left) > _MOST_PIECES:
            break
    return [] if left else agreeing
