"""Tolerated rules as a set: what they open beyond what is approved, and which approved rules they make ineffective.

Judged one at a time, two rules could each open half of what would be reported.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nsg_baseline.core.classification import Classification
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.severity import Rating, rank, rate, rated, worst_rating
from nsg_baseline.core.severity_policy import SeverityPolicy, SeverityReason
from nsg_baseline.core.traffic.coverage import coverage
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.model import DIRECTIONS, Entry
from nsg_baseline.core.traffic.tags import TagTable

_REPORTED = ("critical", "high")
# Reasons for which the traffic of several rules adds up.
_SUMMED: tuple[SeverityReason, ...] = ("FewToManagement", "PublicAllowed", "OutboundAllowed")
# Just-in-time access denies what is approved until somebody asks for it.
_MAY_DENY = "DefenderJIT"


@dataclass(frozen=True, slots=True)
class ReportedRule:
    """A tolerated rule that is reported, with its co-owner and the reason."""

    rule: Rule
    owner: str
    rating: Rating


def reported_rules(
    classification: Classification, policy: SeverityPolicy, tags: TagTable | None
) -> tuple[ReportedRule, ...]:
    """Return the tolerated rules that are reported although they are tolerated."""
    if not classification.tolerated:
        return ()
    everything = (*(rule for rule, _ in classification.tolerated), *classification.approved)
    entries = exposure(classification.approved, everything, tags=tags).entries
    ratings = _opening(classification, entries, policy)
    for key, rating in _ineffective(classification, everything, entries, policy, tags):
        ratings[key] = worst_rating([rating, *([ratings[key]] if key in ratings else [])], policy)
    return tuple(
        ReportedRule(rule, owner, ratings[rule.key]) for rule, owner in classification.tolerated if rule.key in ratings
    )


def _opening(classification: Classification, entries: Sequence[Entry], policy: SeverityPolicy) -> dict[str, Rating]:
    """Return the rules that open too much, alone or together."""
    opened: dict[str, list[Entry]] = {rule.key: [] for rule, _ in classification.tolerated}
    for entry in entries:
        if entry.effect == "Allowed" and (entry.live_rule or "").lower() in opened:
            opened[(entry.live_rule or "").lower()].append(entry)
    own = {key: rate(of_rule, policy) for key, of_rule in opened.items()}
    reported = {key: rating for key, rating in own.items() if rating.severity in _REPORTED}
    together = rate((entry for of_rule in opened.values() for entry in of_rule), policy)
    if reported and rank(min(reported.values(), key=rank)) <= rank(together):
        # What the others open together matters as well.
        rest = [entry for key, of_rule in opened.items() if key not in reported for entry in of_rule]
        together = rate(rest, policy)
    if together.severity in _REPORTED:
        summed = {key: together for key, rating in own.items() if key not in reported and rating.reason in _SUMMED}
        reported |= summed
    return reported


def _ineffective(
    classification: Classification,
    everything: Sequence[Rule],
    entries: Sequence[Entry],
    policy: SeverityPolicy,
    tags: TagTable | None,
) -> Iterator[tuple[str, Rating]]:
    """Yield the tolerated rules that take all traffic from an approved rule and decide it differently."""
    owners = {rule.key: owner for rule, owner in classification.tolerated}
    approved = {rule.key for rule in classification.approved}
    affected = {
        (entry.direction, (entry.approved_rule or "").lower())
        for entry in entries
        if (entry.live_rule or "").lower() in owners and (entry.approved_rule or "").lower() in approved
    }
    for direction in DIRECTIONS:
        if not any(affected_direction == direction for affected_direction, _ in affected):
            continue
        for covered in coverage(everything, direction, tags):
            if (direction, covered.rule.key) not in affected:
                continue
            for rule in covered.hidden_by:
                owner = owners.get(rule.key)
                if owner is None or rule.access == covered.rule.access:
                    continue
                if owner == _MAY_DENY and rule.access == "Deny":
                    continue
                text = f"{rule.name} makes the approved rule {covered.rule.name} ineffective"
                yield rule.key, rated(policy, "RuleIneffective", text)
