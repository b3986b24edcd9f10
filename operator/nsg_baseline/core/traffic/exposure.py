"""The exposure between two rule lists: exactly the connections that one lets through and the other does not.

Both lists are walked at once, over the traffic alone that a changed rule matches: nothing else can be decided
otherwise. Traffic is held as disjoint boxes, each side's addresses together with the tags that hold there, so that the
answer is exact in every world that the axioms in `tags` allow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.bounding_box import BoundingBox, Overlap
from nsg_baseline.core.traffic.boxes import BoxWriter, is_likely
from nsg_baseline.core.traffic.defaults import DEFAULT_RULES
from nsg_baseline.core.traffic.first_match import FirstMatch, Match
from nsg_baseline.core.traffic.merging import merge_pieces
from nsg_baseline.core.traffic.model import DIRECTIONS, Box, Direction, Effect, Entry, Exposure
from nsg_baseline.core.traffic.original_case import speller
from nsg_baseline.core.traffic.rule_diff import Pair, align, changed_rules, either, ordered
from nsg_baseline.core.traffic.split import split_pieces
from nsg_baseline.core.traffic.tags import TagTable
from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace

BUDGET = 4000
# Beyond this many changed rules, all the traffic between them is walked instead of theirs alone.
_MOST_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class _Asked:
    """What holds for both directions."""

    table: TagTable | None
    budget: int
    restrict: Box | None


def exposure(
    approved: Sequence[Rule] | None,
    live: Sequence[Rule] | None,
    *,
    tags: TagTable | None = None,
    budget: int = BUDGET,
    restrict: Box | None = None,
) -> Exposure:
    """Return what two lists of custom rules decide otherwise, the default rules added to both.

    Args:
        approved: The approved rules, in any order; of two of one priority the first decides. None for no NSG: the
            platform then allows everything.
        live: The live rules, alike.
        tags: Tags' addresses. Without them tags are words that the axioms in `tags` bound.
        budget: The number of pieces beyond which the walk breaks off and says so.
        restrict: Look at this part of all traffic alone.
    """
    asked = _Asked(tags, budget, restrict)
    entries: list[Entry] = []
    exact = True
    for direction in DIRECTIONS:
        found, whole = _of_direction(_whole_list(approved, direction), _whole_list(live, direction), direction, asked)
        entries += found
        exact = exact and whole
    summary = None if exact else _SUMMARY.format(budget)
    return Exposure(tuple(entries), exact, summary, None if tags is None else tags.change_number)


_SUMMARY = "the changed traffic falls into more than {:,} pieces; these are some of them, and not all are listed"


def _whole_list(rules: Sequence[Rule] | None, direction: Direction) -> list[Rule]:
    return [] if rules is None else [*ordered(rules, direction), *DEFAULT_RULES[direction]]


def _of_direction(
    approved: list[Rule], live: list[Rule], direction: Direction, asked: _Asked
) -> tuple[list[Entry], bool]:
    sequence = align(approved, live)
    extent = BoundingBox.of_rules(changed_rules(sequence), asked.table)
    if asked.restrict is not None:
        extent = extent.within(asked.restrict, asked.table)
    if extent.is_empty():
        return [], True
    meets = Overlap(extent, asked.table).meets
    sequence = [pair for pair in sequence if meets(either(pair))]
    space = TrafficSpace(extent, [either(pair) for pair in sequence], asked.restrict, asked.table)
    walk = FirstMatch(_region(sequence, space, asked.restrict), space)
    whole = walk.run(sequence, asked.budget)
    writer = BoxWriter(space, speller(rule for pair in sequence for rule in reversed(pair) if rule))
    return [_entry(found, direction, space, writer) for found in walk.found()], whole


def _region(sequence: Sequence[Pair], space: TrafficSpace, restrict: Box | None) -> list[list[Piece]]:
    """Return the traffic that may be decided otherwise, at least, as disjoint groups."""
    blocks = [piece for rule in changed_rules(sequence) for piece in space.pieces_of_rule(rule)]
    if len(blocks) > _MOST_BLOCKS:
        groups = [space.everything()]
    else:
        groups = [split_pieces([block], blocks[:place], space)[1] for place, block in enumerate(blocks)]
    if restrict is None:
        return groups
    wanted = space.pieces_of_box(restrict)
    return [split_pieces(group, wanted, space)[0] for group in groups]


def _entry(found: Match, direction: Direction, space: TrafficSpace, writer: BoxWriter) -> Entry:
    approved, live = found.approved, found.live
    opened = live is None or live.access == "Allow" or (approved is not None and approved.access == "Deny")
    effect: Effect = "Allowed" if opened else "Denied"
    boxes = writer.boxes(merge_pieces(found.pieces, space))
    return Entry(
        effect,
        direction,
        approved.name if approved else None,
        live.name if live else None,
        boxes,
        conditional=not any(map(is_likely, boxes)),
    )
