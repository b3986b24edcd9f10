"""The rules that are accepted in an NSG: approved rules, running exceptions, and rules of co-owners."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from nsg_baseline.core.nsg import ApprovedNSG
from nsg_baseline.core.rules import Rule, semantic_key
from nsg_baseline.core.tolerations import co_owner_of


@dataclass(frozen=True, slots=True)
class Classification:
    """Live rules, classified by who is responsible for them.

    Attributes:
        approved: the approved rules; a live rule replaces one of them while an exception for it runs.
        excepted: keys of the live rules under a running exception.
        tolerated: live rules of co-owners, with the owner.
    """

    approved: tuple[Rule, ...]
    excepted: frozenset[str]
    tolerated: tuple[tuple[Rule, str], ...]


def _owner(rule: Rule, approved: ApprovedNSG) -> str | None:
    return co_owner_of(rule, approved.tolerate, approved.rule_authors.get(rule.key))


def classify(approved: ApprovedNSG, live: Iterable[Rule], now: datetime) -> Classification:
    """Classify live rules by who is responsible for them."""
    running = {
        (exception.rule.key, semantic_key(exception.rule, approved.comparison))
        for exception in approved.exceptions
        if now < exception.until
    }
    names = {rule.key for rule in approved.rules}
    excepted: dict[str, Rule] = {}
    tolerated: list[tuple[Rule, str]] = []
    for rule in live:
        if (rule.key, semantic_key(rule, approved.comparison)) in running:
            excepted[rule.key] = rule
        elif rule.key not in names and (owner := _owner(rule, approved)) is not None:
            tolerated.append((rule, owner))
    not_excepted = [rule for rule in approved.rules if rule.key not in excepted]
    return Classification((*not_excepted, *excepted.values()), frozenset(excepted), tuple(tolerated))
