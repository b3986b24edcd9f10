"""The original spelling of words, which the normal form of a rule folds."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache

from nsg_baseline.core.ids import fold
from nsg_baseline.core.rules import Addresses, Rule
from nsg_baseline.core.traffic.tags import spelled

_SINGLE = ("sourceAddressPrefix", "destinationAddressPrefix")
_GROUPS = ("sourceApplicationSecurityGroups", "destinationApplicationSecurityGroups")

Speller = Callable[[str], str]


def speller(rules: Iterable[Rule]) -> Speller:
    """Return a function that maps a folded word to its spelling in the first of some rules with that word."""
    all_rules = list(rules)

    @cache
    def spell(word: str) -> str:
        usual = spelled(word)
        if usual is not None:
            return usual
        rules_with_word = (
            rule for rule in all_rules if any(word in (*side.words, *side.groups) for side in _sides(rule))
        )
        return next((text for rule in rules_with_word for text in _words(rule) if fold(text) == word), word)

    return spell


def _sides(rule: Rule) -> tuple[Addresses, Addresses]:
    return rule.source, rule.destination


def _words(rule: Rule) -> Iterator[str]:
    document = rule.document
    for key in _SINGLE:
        yield str(document.get(key) or "").strip()
        yield from (str(text).strip() for text in document.get(f"{key}es") or ())
    for key in _GROUPS:
        yield from (str(group.get("id", "")) for group in document.get(key) or ())
