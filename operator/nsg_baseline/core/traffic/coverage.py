"""Coverage: whether a rule has an effect in its list, or other rules already decide all of its traffic.

It uses the likely reading of tags (see `tags`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.bounding_box import BoundingBox
from nsg_baseline.core.traffic.defaults import DEFAULT_RULES
from nsg_baseline.core.traffic.model import Direction
from nsg_baseline.core.traffic.rule_diff import ordered
from nsg_baseline.core.traffic.rule_index import RuleIndex
from nsg_baseline.core.traffic.split import split_pieces
from nsg_baseline.core.traffic.tags import LIKELY, TagTable
from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace
from nsg_baseline.core.traffic.witness import RuleMatches, makes_a_difference

# A rule that splits into more pieces counts as effective. The assumption is wrong only for contrived lists.
_MOST_PIECES = 2000


@dataclass(frozen=True, slots=True)
class Coverage:
    """The effect of a rule within its list.

    Attributes:
        rule: the rule.
        hidden_by: the earlier rules that together match all traffic of the rule; none if the rule decides something.
        same_as: the later rules that would decide the remaining traffic alike; none if the rule has an effect.
    """

    rule: Rule
    hidden_by: tuple[Rule, ...] = ()
    same_as: tuple[Rule, ...] = ()


def coverage(rules: Sequence[Rule], direction: Direction, tags: TagTable | None = None) -> Iterator[Coverage]:
    """Yield the coverage of each custom rule of a direction, in the order of their priorities."""
    custom = ordered(rules, direction)
    all_rules = [*custom, *DEFAULT_RULES[direction]]
    # One space for all rules has many coordinates, but they are computed only once.
    space = TrafficSpace(BoundingBox.everything(), all_rules, None, tags, LIKELY)
    matches = [
        RuleMatches(rule, [piece for piece in space.pieces_of_rule(rule) if space.exists(piece)]) for rule in all_rules
    ]
    candidates = RuleIndex(all_rules)
    for index, rule in enumerate(custom):
        own = matches[index]
        overlapping = [other for other in candidates.of(rule) if other != index and _overlap(own, matches[other])]
        earlier = [matches[other] for other in overlapping if other < index]
        later = [matches[other] for other in overlapping if other > index]
        yield _coverage(own, earlier, later, space)


def _overlap(matches: RuleMatches, others: RuleMatches) -> bool:
    """Return whether two rules may match the same traffic. A negative result is certain."""
    return any(
        piece[2] & other[2]
        and piece[3] & other[3]
        and piece[6] & other[6]
        and piece[0] & other[0]
        and piece[1] & other[1]
        for piece in matches.pieces
        for other in others.pieces
    )


def _coverage(
    own: RuleMatches, earlier: Sequence[RuleMatches], later: Sequence[RuleMatches], space: TrafficSpace
) -> Coverage:
    if not own.pieces or makes_a_difference(own, earlier, later, space):
        return Coverage(own.rule)
    rest = _disjoint(own.pieces, space)
    hiding: list[Rule] = []
    for other in earlier:
        inside, rest = split_pieces(rest, other.pieces, space)
        hiding += [other.rule] if inside else []
        if not rest:
            return Coverage(own.rule, hidden_by=tuple(hiding))
        if len(rest) > _MOST_PIECES:
            return Coverage(own.rule)
    return Coverage(own.rule, same_as=tuple(_agreeing(own.rule, rest, later, space)))


def _disjoint(pieces: Iterable[Piece], space: TrafficSpace) -> list[Piece]:
    """Return pieces that may overlap as disjoint pieces."""
    disjoint: list[Piece] = []
    for piece in pieces:
        rest = [piece]
        for earlier in disjoint:
            _, rest = split_pieces(rest, [earlier], space)
        disjoint += [part for part in rest if space.exists(part)]
    return disjoint


def _agreeing(rule: Rule, rest: list[Piece], later: Iterable[RuleMatches], space: TrafficSpace) -> list[Rule]:
    """Return the later rules that decide the rest of a rule's traffic; none if one of them decides differently."""
    agreeing: list[Rule] = []
    for other in later:
        inside, rest = split_pieces(rest, other.pieces, space)
        if inside and other.rule.access != rule.access:
            return []
        agreeing += [other.rule] if inside else []
        if not rest or len(rest) > _MOST_PIECES:
            break
    return [] if rest else agreeing
