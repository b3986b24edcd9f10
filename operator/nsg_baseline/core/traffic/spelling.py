"""Words as they are spelled on rules. The normal form folds them."""

from collections.abc import Callable, Iterator, Sequence

from nsg_baseline.core.ids import fold
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.tags import spelled

_SINGLE = ("sourceAddressPrefix", "destinationAddressPrefix")
_GROUPS = ("sourceApplicationSecurityGroups", "destinationApplicationSecurityGroups")

Speller = Callable[[str], str]


def speller(rules: Sequence[Rule]) -> Speller:
    """Return a function that gives a folded word as it is spelled on the first of some rules that has it."""
    known: dict[str, str] = {}

    def spell(word: str) -> str:
        usual = spelled(word)
        if usual is not None:
            return usual
        if not known:
            # Most changes are told in prefixes and Azure's usual words: only then are all rules read.
            known.update((fold(text), text) for rule in reversed(rules) for text in _words(rule))
        return known.get(word, word)

    return spell


def _words(rule: Rule) -> Iterator[str]:
    document = rule.document
    if rule.source.words or rule.destination.words:
        for key in _SINGLE:
            yield str(document.get(key) or "").strip()
            yield from (str(text).strip() for text in document.get(f"{key}es") or ())
    if rule.source.groups or rule.destination.groups:
        for key in _GROUPS:
            yield from (str(group.get("id", "")) for group in document.get(key) or ())
