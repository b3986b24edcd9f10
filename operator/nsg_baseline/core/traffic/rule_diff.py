"""Two rule lists as one sequence, in which what both lists hold in the same order stands once.

Only connections that a rule outside this common part matches can be decided otherwise: everything else is skipped.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import attrgetter

from nsg_baseline.core.rules import Rule

Pair = tuple[Rule | None, Rule | None]
"""An approved and a live rule of the same effect, or one rule that only one side has there."""

# Neither name nor priority matters: what does is the order.
_effect = attrgetter("access", "protocol", "destination_ports", "source", "destination", "source_ports")


def ordered(rules: Sequence[Rule], direction: str) -> list[Rule]:
    """Return one direction's rules in the order in which they decide; rules of one priority stay as they came."""
    return sorted([rule for rule in rules if rule.direction == direction], key=attrgetter("priority"))


def align(approved: Sequence[Rule], live: Sequence[Rule]) -> list[Pair]:
    """Merge two ordered lists, keeping both orders."""
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
    for ours, theirs in zip(approved, live, strict=False):
        if ours is not theirs and not _same_effect(ours, theirs):
            break
        count += 1
    return count


def _same_effect(ours: Rule, theirs: Rule) -> bool:
    """Return whether two rules have one effect. Most of the time of a small change goes here: hence no helpers."""
    ours_to, theirs_to = ours.destination, theirs.destination
    ours_from, theirs_from = ours.source, theirs.source
    return (
        ours_from.ranges == theirs_from.ranges
        and ours_to.ranges == theirs_to.ranges
        and ours.destination_ports.ranges == theirs.destination_ports.ranges
        and ours.access == theirs.access
        and ours.protocol == theirs.protocol
        and ours_from.words == theirs_from.words
        and ours_to.words == theirs_to.words
        and ours.source_ports.ranges == theirs.source_ports.ranges
        and ours_from.groups == theirs_from.groups
        and ours_to.groups == theirs_to.groups
        and ours.destination_ports.words == theirs.destination_ports.words
        and ours.source_ports.words == theirs.source_ports.words
    )


def _align_middle(approved: Sequence[Rule], live: Sequence[Rule]) -> list[Pair]:
    pairs: list[Pair] = []
    done, live_done = 0, 0
    for ours, theirs in [*_anchors(approved, live), (len(approved), len(live))]:
        pairs += [(rule, None) for rule in approved[done:ours]]
        pairs += [(None, rule) for rule in live[live_done:theirs]]
        if ours < len(approved):
            pairs.append((approved[ours], live[theirs]))
        done, live_done = ours + 1, theirs + 1
    return pairs


def _anchors(approved: Sequence[Rule], live: Sequence[Rule]) -> list[tuple[int, int]]:
    """Return places of rules of one effect that rise on both sides.

    Rules are sought by name first, which nearly all keep, and else by effect, where the first meets the first. What
    that misses is walked as changed, and found to change nothing.
    """
    by_name = {rule.name: place for place, rule in enumerate(live)}
    met: list[tuple[int, int]] = []
    others: list[int] = []
    for place, rule in enumerate(approved):
        theirs = by_name.get(rule.name)
        if theirs is not None and _same_effect(rule, live[theirs]):
            met.append((place, theirs))
            del by_name[rule.name]
        else:
            others.append(place)
    by_effect = {_effect(live[place]): place for place in sorted(by_name.values(), reverse=True)} if others else {}
    for place in others:
        theirs = by_effect.pop(_effect(approved[place]), None)
        if theirs is not None:
            met.append((place, theirs))
    return _longest_rising(sorted(met))


def _longest_rising(met: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return a longest part in which the second number rises as the first does (patience sorting)."""
    ends: list[int] = []
    tops: list[int] = []
    before: list[int | None] = []
    for index, (_, theirs) in enumerate(met):
        pile = bisect_left(ends, theirs)
        before.append(tops[pile - 1] if pile else None)
        # A slice, so that a new pile is one more and an old one is covered.
        ends[pile : pile + 1] = [theirs]
        tops[pile : pile + 1] = [index]
    rising: list[tuple[int, int]] = []
    here: int | None = tops[-1] if tops else None
    while here is not None:
        rising.append(met[here])
        here = before[here]
    return rising[::-1]


def either(pair: Pair) -> Rule:
    """Return the rule of a pair, whichever side it is on."""
    ours, theirs = pair
    rule = ours if theirs is None else theirs
    if rule is None:
        raise AssertionError("a pair holds at least one rule")
    return rule


def changed_rules(sequence: Iterable[Pair]) -> list[Rule]:
    """Return the rules that one side alone has where they stand."""
    return [either((ours, theirs)) for ours, theirs in sequence if ours is None or theirs is None]
