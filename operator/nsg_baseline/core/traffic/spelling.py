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

    def spell(word: str) -> str:
        usual = spelled(word)
        if usual is not None:
            return usual
        return next((text for rule in rules for text in _words(rule) if fold(text) == word), word)

    return spell


def _words(rule: Rule) -> Iterator[str]:
    document = rule.document
    for key in _SINGLE:
        yield str(document.get(key) or "").strip()
        yield from (str(text).strip() for text in document.get(f"{key}es") or ())
    for key in _GROUPS:
        yield from (str(group.get("id", "")) for group in document.get(key) or ())
