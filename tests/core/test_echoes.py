"""Rules that moved because of another one, or that have a new name: reported, and rated without that rule."""

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.nsg import parse_approved, parse_live
from nsg_baseline.core.verdict import Verdict, judge
from tests.support.nsgs import NOW, NSG, nsg
from tests.support.rule_shorthand import arm_rule

NO = "100 no deny tcp Internet -> *:22"
ALLOW = "200 al allow tcp Internet -> *:20-30"


def _judge(approved: list[str], live: list[str]) -> Verdict:
    spec = {"target": {"resourceId": NSG}, "rules": [arm_rule(text) for text in approved]}
    return judge(
        parse_approved(BaselineSpec.model_validate(spec)), parse_live(nsg(arm_rule(text) for text in live)), NOW
    )


def _changes(verdict: Verdict) -> dict[str, tuple[str, str | None]]:
    return {f"{change.kind} {change.rule}": (change.severity, change.echo) for change in verdict.changes}


def test_a_rule_that_was_renumbered_by_an_insertion_is_info() -> None:
    verdict = _judge([NO, ALLOW], ["100 evil allow tcp Internet -> *:22", "101 no deny tcp Internet -> *:22", ALLOW])
    assert _changes(verdict) == {
        "RuleCreated evil": ("critical", None),
        "RuleUpdated no": ("info", "renumbered, in the same order"),
    }
    assert verdict.reason == "rule evil opens TCP 22 to the Internet"


def test_a_renamed_rule_is_info_and_both_names_are_given() -> None:
    verdict = _judge([NO, ALLOW], [NO.replace("no deny", "no2 deny"), ALLOW])
    assert _changes(verdict) == {
        "RuleCreated no2": ("info", "no with another name"),
        "RuleDeleted no": ("info", "renamed to no2"),
    }
    assert not verdict.compliant


@pytest.mark.parametrize(
    "live",
    [
        [NO.replace("100 no", "300 no"), ALLOW],
        [NO, ALLOW.replace("200 al", "90 al")],
        [NO.replace("100 no", "200 no"), ALLOW.replace("200 al", "100 al")],
    ],
)
def test_a_rule_that_moved_past_another_is_rated_by_what_it_decides(live: list[str]) -> None:
    verdict = _judge([NO, ALLOW], live)
    assert verdict.severity == "critical"
    assert "critical" in {change.severity for change in verdict.changes}


def test_a_rule_that_moved_and_changed_is_no_echo() -> None:
    verdict = _judge([NO, ALLOW], [NO, "210 al allow tcp Internet -> *:20-31"])
    assert _changes(verdict) == {"RuleUpdated al": ("high", None)}


def test_a_deleted_rule_with_a_twin_is_not_renamed() -> None:
    twin = NO.replace("100 no", "110 twin")
    verdict = _judge([NO, twin, ALLOW], [twin, ALLOW])
    assert _changes(verdict) == {"RuleDeleted no": ("info", None)}
