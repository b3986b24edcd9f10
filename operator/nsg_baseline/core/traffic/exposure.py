"""The exposure between two rule lists: exactly the connections that one allows and the other does not.

Both lists are evaluated at once, and only for the traffic that a changed rule matches, because no other traffic can be
decided differently. Traffic is represented as disjoint boxes with addresses and the tags that apply to them. The result
is therefore exact for all addresses of tags that the axioms in `tags` allow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.bounding_box import BoundingBox, Overlap
from nsg_baseline.core.traffic.boxes import BoxWriter
from nsg_baseline.core.traffic.defaults import DEFAULT_RULES
from nsg_baseline.core.traffic.first_match import FirstMatch, Match
from nsg_baseline.core.traffic.likely import is_likely
from nsg_baseline.core.traffic.merging import merge_pieces
from nsg_baseline.core.traffic.model import DIRECTIONS, Box, Direction, Effect, Entry, Exposure, NamedTag
from nsg_baseline.core.traffic.original_case import Speller, speller
from nsg_baseline.core.traffic.rule_diff import Pair, align, changed_rules, either, ordered
from nsg_baseline.core.traffic.split import split_pieces
from nsg_baseline.core.traffic.tags import TagTable, resolve
from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace

BUDGET = 4000
# With more pieces of changed rules, all traffic within their bounding box is evaluated instead of only theirs.
_MOST_PIECES = 64
_SUMMARY = "the changed traffic falls into more than {:,} pieces; these are some of them, and not all are listed"


@dataclass(frozen=True, slots=True)
class _Options:
    """The parameters of an exposure that are the same for both directions."""

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
    """Return the traffic that two lists of custom rules decide differently, with the default rules added to both.

    Args:
        approved: The approved rules, in any order; of two rules with one priority the first decides. None for no NSG:
            the platform then allows everything.
        live: The live rules, in the same form.
        tags: The addresses of tags. Without them tags are opaque words, limited only by the axioms in `tags`.
        budget: The maximum number of pieces. If the traffic splits into more, the result is not exact.
        restrict: Consider only this part of all traffic.
    """
    options = _Options(tags, budget, restrict)
    entries: list[Entry] = []
    exact = True
    for direction in DIRECTIONS:
        approved_list, live_list = _with_defaults(approved, direction), _with_defaults(live, direction)
        direction_entries, is_complete = _of_direction(approved_list, live_list, direction, options)
        entries += direction_entries
        exact = exact and is_complete
    summary = None if exact else _SUMMARY.format(budget)
    return Exposure(tuple(entries), exact, summary, None if tags is None else tags.change_number)


def _with_defaults(rules: Sequence[Rule] | None, direction: Direction) -> list[Rule]:
    return [] if rules is None else [*ordered(rules, direction), *DEFAULT_RULES[direction]]


def _of_direction(
    approved: list[Rule], live: list[Rule], direction: Direction, options: _Options
) -> tuple[list[Entry], bool]:
    """Return the entries of one direction, and whether they are complete."""
    sequence = align(approved, live)
    extent = BoundingBox.of_rules(changed_rules(sequence), options.table)
    if options.restrict is not None:
        extent = extent.within(options.restrict, options.table)
    if extent.is_empty():
        return [], True
    may_match = Overlap(extent, options.table).may_match
    sequence = [pair for pair in sequence if may_match(either(pair))]
    space = TrafficSpace(extent, [either(pair) for pair in sequence], options.restrict, options.table)
    evaluation = FirstMatch(_region(sequence, space, options.restrict), space)
    is_complete = evaluation.run(sequence, options.budget)
    spell = speller(rule for pair in sequence for rule in reversed(pair) if rule)
    writer = BoxWriter(space, spell)
    entries = [
        _entry(match, space, writer, direction, tuple(_named_tags(match, direction, spell, options.table)))
        for match in evaluation.matches()
    ]
    return entries, is_complete


def _region(sequence: Sequence[Pair], space: TrafficSpace, restrict: Box | None) -> list[list[Piece]]:
    """Return all traffic that may be decided differently, and possibly more, as disjoint groups of pieces."""
    pieces = [piece for rule in changed_rules(sequence) for piece in space.pieces_of_rule(rule)]
    if len(pieces) > _MOST_PIECES:
        groups = [space.everything()]
    else:
        groups = [split_pieces([piece], pieces[:index], space)[1] for index, piece in enumerate(pieces)]
    if restrict is None:
        return groups
    restricted = space.pieces_of_box(restrict)
    return [split_pieces(group, restricted, space)[0] for group in groups]


def _entry(
    match: Match, space: TrafficSpace, writer: BoxWriter, direction: Direction, tags: tuple[NamedTag, ...]
) -> Entry:
    approved, live = match.approved, match.live
    opened = live is None or live.access == "Allow" or (approved is not None and approved.access == "Deny")
    effect: Effect = "Allowed" if opened else "Denied"
    boxes = writer.boxes(merge_pieces(match.pieces, space))
    return Entry(
        effect,
        direction,
        approved.name if approved else None,
        live.name if live else None,
        boxes,
        conditional=not any(map(is_likely, boxes)),
        tags=tags,
    )


def _named_tags(match: Match, direction: Direction, spell: Speller, table: TagTable | None) -> Iterator[NamedTag]:
    """Yield the tags that the deciding rules name as all that they match on the side that is not the NSG's."""
    words: list[str] = []
    for rule in (match.approved, match.live):
        side = None if rule is None else rule.source if direction == "Inbound" else rule.destination
        if side is not None and len(side.words) == 1 and not side.ranges and not side.groups and "*" not in side.words:
            words += side.words
    yield from (NamedTag(spell(word), resolve(word, table)) for word in dict.fromkeys(words))
