"""Alignment of two rule lists to one sequence, in which rules that both lists have in the same order occur once.

Only connections that a rule outside this common part matches can be decided differently; all others are skipped.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import attrgetter

from nsg_baseline.core.rules import Rule

Pair = tuple[Rule | None, Rule | None]
"""An approved and a live rule of the same effect, or a rule that only one side has at this position."""

# The name is irrelevant, and the order of a list replaces the priorities.
_effect = attrgetter("access", "protocol", "destination_ports", "source", "destination", "source_ports")


def ordered(rules: Sequence[Rule], direction: str) -> list[Rule]:
    """Return one direction's rules in the order of their priorities; rules of one priority keep their order."""
    return sorted([rule for rule in rules if rule.direction == direction], key=attrgetter("priority"))


def align(approved: Sequence[Rule], live: Sequence[Rule]) -> list[Pair]:
    """Merge two ordered lists into one sequence that keeps both orders."""
    head = _common_head(approved, live)
    tail = _common_head(approved[head:][::-1], live[head:][::-1])
    last, live_last = len(approved) - tail, len(live) - tail
    return [
        *zip(approved[:head], live[:head], strict=True),
        *_align_middle(approved[head:last], live[head:live_last]),
        *zip(approved[last:], live[live_last:], strict=True),
    ]


def _common_head(approved: Sequence[Rule], live: Sequence[Rule]) -> int:
    count = 0
    for approved_rule, live_rule in zip(approved, live, strict=False):
        if approved_rule is not live_rule and not _same_effect(approved_rule, live_rule):
            break
        count += 1
    return count


def _same_effect(rule: Rule, other: Rule) -> bool:
    """Return whether two rules have the same effect."""
    # Comparing small changes spends most of its time here, so the fields are compared without helpers.
    source, other_source = rule.source, other.source
    destination, other_destination = rule.destination, other.destination
    return (
        source.ranges == other_source.ranges
        and destination.ranges == other_destination.ranges
        and rule.destination_ports.ranges == other.destination_ports.ranges
        and rule.access == other.access
        and rule.protocol == other.protocol
        and source.words == other_source.words
        and destination.words == other_destination.words
        and rule.source_ports.ranges == other.source_ports.ranges
        and source.groups == other_source.groups
        and destination.groups == other_destination.groups
        and rule.destination_ports.words == other.destination_ports.words
        and rule.source_ports.words == other.source_ports.words
    )


def _align_middle(approved: Sequence[Rule], live: Sequence[Rule]) -> list[Pair]:
    pairs: list[Pair] = []
    approved_start, live_start = 0, 0
    for approved_index, live_index in [*_anchors(approved, live), (len(approved), len(live))]:
        pairs += [(rule, None) for rule in approved[approved_start:approved_index]]
        pairs += [(None, rule) for rule in live[live_start:live_index]]
        if approved_index < len(approved):
            pairs.append((approved[approved_index], live[live_index]))
        approved_start, live_start = approved_index + 1, live_index + 1
    return pairs


def _anchors(approved: Sequence[Rule], live: Sequence[Rule]) -> list[tuple[int, int]]:
    """Return pairs of indexes of rules with the same effect; both indexes increase from pair to pair.

    Rules are matched by name first, because most keep it, and then by effect, in the order of both lists. A rule that
    is not matched counts as changed; this costs time, and the exposure stays correct.
    """
    live_by_name = {rule.name: index for index, rule in enumerate(live)}
    matched: list[tuple[int, int]] = []
    unmatched: list[int] = []
    for index, rule in enumerate(approved):
        live_index = live_by_name.get(rule.name)
        if live_index is not None and _same_effect(rule, live[live_index]):
            matched.append((index, live_index))
            del live_by_name[rule.name]
        else:
            unmatched.append(index)
    if unmatched:
        # In reverse order, so that of several rules with one effect the first remains.
        live_by_effect = {_effect(live[index]): index for index in sorted(live_by_name.values(), reverse=True)}
        by_effect = ((index, live_by_effect.pop(_effect(approved[index]), None)) for index in unmatched)
        matched += [(index, live_index) for index, live_index in by_effect if live_index is not None]
    return _longest_increasing(sorted(matched))


def _longest_increasing(matched: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return a longest subsequence in which the second index increases like the first (patience sorting)."""
    pile_ends: list[int] = []
    pile_tops: list[int] = []
    predecessors: list[int | None] = []
    for position, (_, live_index) in enumerate(matched):
        pile = bisect_left(pile_ends, live_index)
        predecessors.append(pile_tops[pile - 1] if pile else None)
        # A slice replaces the element of an existing pile and appends that of a new one.
        pile_ends[pile : pile + 1] = [live_index]
        pile_tops[pile : pile + 1] = [position]
    increasing: list[tuple[int, int]] = []
    last = pile_tops[-1] if pile_tops else None
    while last is not None:
        increasing.append(matched[last])
        last = predecessors[last]
    return increasing[::-1]


def either(pair: Pair) -> Rule:
    """Return the live rule of a pair, or the approved rule if there is no live rule."""
    approved, live = pair
    rule = approved if live is None else live
    if rule is None:
        raise AssertionError("a pair contains at least one rule")
    return rule


def changed_rules(sequence: Iterable[Pair]) -> list[Rule]:
    """Return the rules that only one side has at their position."""
    return [either(pair) for pair in sequence if pair[0] is None or pair[1] is None]
