"""What is in the way of a critical opening is reverted as well, and nothing more."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from nsg_baseline.core import remediation_limits
from nsg_baseline.core.nsg import parse_live
from nsg_baseline.core.remediation import Blocked, Remediation, RemediationPolicy, plan
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.verdict import judge
from tests.support.nsgs import NOW, baseline, nsg
from tests.support.rule_shorthand import arm_rule
from tests.support.rules import Document

KINDS: Any = frozenset({"RuleCreated", "RuleUpdated", "RuleDeleted"})
SMALL = RemediationPolicy(KINDS, 1)
OPENINGS = RemediationPolicy(KINDS, 10, only="Openings")
DENY, RANGE = "100 deny deny tcp Internet -> *:22", "200 range allow tcp Internet -> *:20-30"
TRIVIAL = tuple(f"{1000 + number} t{number} allow tcp 10.9.9.8 -> *:8888" for number in range(3))
PARTS = tuple(f"{500 + number} part-{number} allow tcp {11 + number}.0.0.0/13 -> *:22" for number in range(2))
USURPER = "100 usurper deny tcp 10.9.9.9 -> *:9999"


def planned(approved: Sequence[str], live: Sequence[str], policy: RemediationPolicy) -> Remediation | Blocked | None:
    documents: list[list[Document]] = [list(map(arm_rule, lines)) for lines in (approved, live)]
    current = parse_live(nsg(documents[1]))
    return plan(current, judge(baseline(documents[0]), current, NOW), policy)


def reverted(result: Remediation | Blocked | None) -> set[str | None]:
    assert isinstance(result, Remediation), result
    return {change.rule for change in result.reverted}


def test_rules_that_are_critical_only_together_are_reverted_above_max_changes() -> None:
    # Each of the two opens SSH to half a million addresses, which is high. The trivial rules protect neither.
    result = planned([], [*PARTS, *TRIVIAL], SMALL)
    assert reverted(result) == {"part-0", "part-1"}


def test_rules_that_are_not_critical_even_together_wait_for_a_confirmation() -> None:
    result = planned([], [PARTS[0], *TRIVIAL], SMALL)
    assert isinstance(result, Blocked)
    assert result.reason == "TooManyChanges"


@pytest.mark.parametrize(
    ("policy", "others"), [(SMALL, TRIVIAL), (OPENINGS, ("300 responder deny * 203.0.113.9 -> *:*",))]
)
def test_a_harmless_rule_on_the_priority_of_a_critical_one_is_removed(
    policy: RemediationPolicy, others: tuple[str, ...]
) -> None:
    # Neither maxChanges nor the wish to keep what only denies may keep SSH open; other rules stay.
    result = planned([DENY, RANGE], [USURPER, RANGE, *others], policy)
    assert reverted(result) == {"deny", "usurper"}


def test_an_approved_rule_on_the_priority_of_a_critical_one_goes_back_to_its_own() -> None:
    # The place of the moved rule has another usurper.
    web, moved = "150 web allow tcp 10.0.0.0/8 -> *:443", "100 web allow tcp 10.0.0.0/8 -> *:443"
    usurper = "150 second deny tcp 10.9.9.9 -> *:9999"
    result = planned([DENY, RANGE, web], [moved, usurper, RANGE, *TRIVIAL], SMALL)
    assert reverted(result) == {"deny", "web", "second"}


def test_rules_that_leave_no_room_for_a_critical_one_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    # Azure would refuse the write, and a full NSG would stay open.
    monkeypatch.setattr(remediation_limits, "MAX_RULES", 4)
    result = planned([DENY, RANGE], [RANGE, *TRIVIAL], SMALL)
    assert isinstance(result, Remediation)
    assert len(reverted(result)) == 2
    assert "deny" in reverted(result)
    assert {item.blocked.reason for item in result.left_out} == {"TooManyChanges"}


def test_a_rule_below_a_usurper_is_reverted_as_well_above_max_changes() -> None:
    # Without the usurper the rule below it would open, so the write with the usurper alone is blocked.
    usurper, below = "100 usurper deny tcp 10.9.9.9 -> *:22", "300 below allow tcp 10.9.9.9 -> *:22"
    result = planned([DENY, RANGE], [usurper, RANGE, below, *TRIVIAL], SMALL)
    assert reverted(result) == {"deny", "usurper", "below"}


def test_the_reason_is_that_of_the_most_severe_change() -> None:
    # maxChanges is not why the critical one stays.
    result = planned([DENY, RANGE], ["100 co-lb deny tcp 10.9.9.9 -> *:9999", RANGE, *TRIVIAL], SMALL)
    assert isinstance(result, Blocked)
    assert result.reason == "PriorityTaken"


def test_a_rule_behind_a_critical_one_is_reverted_in_the_same_write() -> None:
    # One write for each layer would soon count as contested, and the next layer would stay open for an hour.
    layers = [f"{500 + number} layer-{number} allow tcp Internet -> *:22" for number in range(4)]
    result = planned([], [*layers, *TRIVIAL], SMALL)
    assert reverted(result) == {f"layer-{number}" for number in range(4)}


def test_a_small_opening_waits_for_a_confirmation_beside_a_critical_one() -> None:
    # Else one critical rule would switch maxChanges off for all others.
    evil, few = "500 evil allow tcp Internet -> *:22", "501 few allow tcp 203.0.113.7 -> *:23"
    result = planned([], [evil, "502 second allow tcp Internet -> *:22", few, *TRIVIAL], SMALL)
    assert reverted(result) == {"evil", "second"}


def test_a_hidden_rule_does_not_protect_a_usurper_of_a_critical_rule() -> None:
    # The allow rule opens nothing while the usurper hides it, so it is not reverted as an opening. Other denies stay.
    usurper, hidden = "100 usurper deny tcp 10.9.9.9 -> *:9999", "300 hidden allow tcp 10.9.9.9 -> *:9999"
    result = planned([DENY, RANGE], [usurper, RANGE, hidden, "90 responder deny * 203.0.113.9 -> *:*"], OPENINGS)
    assert reverted(result) == {"deny", "usurper", "hidden"}


def test_a_missing_deny_does_not_protect_a_usurper_of_a_critical_rule() -> None:
    # Once the usurper is gone, the approved rule behind it would allow what the deny that was deleted has to deny.
    approved = [DENY, RANGE, "210 inner deny tcp 10.9.9.9 -> *:9999", "220 wide allow tcp 10.9.0.0/16 -> *:9999"]
    result = planned(approved, [USURPER, approved[1], approved[3]], OPENINGS)
    assert reverted(result) == {"deny", "usurper", "inner"}


def test_everything_is_reverted_if_no_smaller_write_is_certain_to_close_a_critical_opening(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What is as approved allows nothing that is not, however large the rest is.
    def unclear(*arguments: Any, **options: Any) -> Any:
        result = exposure(*arguments, **options)
        return replace(result, exact=not result.entries)

    monkeypatch.setattr(remediation_limits, "exposure", unclear)
    result = planned([DENY, RANGE], [USURPER, RANGE, "300 responder deny * 203.0.113.9 -> *:*"], OPENINGS)
    assert reverted(result) == {"deny", "usurper", "responder"}
