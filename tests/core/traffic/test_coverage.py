"""Coverage against exposure: a rule that decides nothing, or nothing new, can be removed; any other cannot."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.core.rules import Rule, normalise
from nsg_baseline.core.traffic.coverage import Coverage, coverage
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.model import Direction, Exposure
from tests.support.rule_shorthand import arm_rule
from tests.support.traffic_rules import COMMON, STRANGE, pair

NOTHING = Exposure()
SEEDS = st.integers(0, 2**32)


def _covered(rules: list[Rule]) -> list[Coverage]:
    return [covered for direction in get_args(Direction) for covered in coverage(rules, direction)]


def _is_likely_nothing(rules: list[Rule], others: list[Rule]) -> bool:
    """Return whether two lists differ only where VirtualNetwork contains public addresses."""
    return all(entry.conditional for entry in exposure(rules, others).entries)


@given(SEEDS, st.sampled_from((COMMON, STRANGE)))
def test_a_rule_is_superfluous_exactly_if_removing_it_exposes_nothing(seed: int, pools: object) -> None:
    # The advice to remove a rule must be safe, and must be given for every rule for which it is safe.
    rules = list(map(normalise, pair(seed, pools, most=8)[0]))  # type: ignore[arg-type]  # one of the two above
    for covered in _covered(rules):
        without = [rule for rule in rules if rule is not covered.rule]
        superfluous = bool(covered.hidden_by or covered.same_as)
        matches_nothing = not superfluous and _is_likely_nothing([], [covered.rule])
        if superfluous:
            assert _is_likely_nothing(rules, without)
        elif not matches_nothing:
            assert not _is_likely_nothing(rules, without)


@given(SEEDS)
def test_a_hidden_rule_decides_nothing_with_either_access(seed: int) -> None:
    # A hidden rule is more than superfluous: with the other access it still changes nothing.
    rules = list(map(normalise, pair(seed, most=8)[0]))
    for covered in _covered(rules):
        if covered.hidden_by:
            other = {**covered.rule.document, "access": "Deny" if covered.rule.access == "Allow" else "Allow"}
            turned = [normalise(other) if rule is covered.rule else rule for rule in rules]
            assert _is_likely_nothing(rules, turned)


def test_the_rules_that_hide_another_are_named_in_their_order() -> None:
    # Two halves hide the rule together, so the reader has to check both.
    texts = ["100 low deny tcp * -> *:0-1000", "110 high deny tcp * -> *:1001-65535", "120 all allow tcp * -> *:*"]
    last = _covered([normalise(arm_rule(text)) for text in texts])[-1]
    assert [rule.name for rule in last.hidden_by] == ["low", "high"]


def test_a_default_rule_can_make_a_rule_superfluous() -> None:
    # Azure allows this traffic by default.
    (covered,) = _covered([normalise(arm_rule("110 b allow * VirtualNetwork -> VirtualNetwork:*"))])
    assert [rule.name for rule in covered.same_as] == ["AllowVnetInBound"]
