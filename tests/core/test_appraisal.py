"""Appraisal: which change decides which traffic, and what the verdict of them all is."""

from typing import Any

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.nsg import parse_approved, parse_live
from nsg_baseline.core.verdict import Verdict, judge, judge_unbaselined
from tests.support.nsgs import NOW, NSG, SUBNET, nsg
from tests.support.rule_shorthand import terse

WEB = "100 web allow tcp Internet -> *:443"
SSH = "200 ssh allow tcp Internet -> *:22"


def _judge(before: list[str], after: list[str] | None, **spec: Any) -> Verdict:
    rules = [terse(text) for text in before]
    approved = parse_approved(BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": rules, **spec}))
    return judge(approved, None if after is None else parse_live(nsg(terse(text) for text in after)), NOW)


def _weights(verdict: Verdict) -> dict[str | None, str]:
    return {change.rule: change.severity for change in verdict.changes}


def test_each_change_weighs_what_it_decides_and_all_weigh_the_heaviest() -> None:
    # Ten changes in one message: the reader must see which one matters.
    after = ["100 web allow tcp Internet -> *:8443", SSH, "300 late allow tcp Internet -> *:22"]
    verdict = _judge([WEB], after)
    assert _weights(verdict) == {"ssh": "critical", "web": "high", "late": "info"}
    assert verdict.severity == "critical"
    assert [change.rule for change in verdict.changes] == ["ssh", "web", "late"]


def test_what_two_changes_open_together_weighs_though_neither_does_alone() -> None:
    # A denial removed and an allow widened: the door is open all the same.
    halves = ["200 a allow tcp 0.0.0.0/9,11.0.0.0/9 -> *:22", "210 b allow tcp 12.0.0.0/9 -> *:22"]
    verdict = _judge([], halves)
    assert verdict.severity == "critical"


def test_a_cosmetic_change_is_info_and_still_unapproved() -> None:
    verdict = _judge([WEB], [WEB.replace("100 web", "110 web")])
    assert (verdict.severity, verdict.compliant, verdict.exposure) == ("info", False, ())


def test_a_co_owners_rule_that_opens_management_to_the_internet_is_reported_with_the_owner() -> None:
    # Tolerated is who may write, not what may be open.
    verdict = _judge([WEB], [WEB, "200 corp-ssh allow tcp * -> *:22"], tolerate=[{"name": "corp-*"}])
    (change,) = verdict.changes
    assert (change.kind, change.rule, change.tolerated_by, change.severity) == (
        "RuleCreated",
        "corp-ssh",
        "corp-*",
        "critical",
    )


@pytest.mark.parametrize("rule", ["200 corp-a allow tcp Internet -> *:8443", "200 corp-b allow tcp 10.0.0.0/8 -> *:22"])
def test_any_other_rule_of_a_co_owner_is_left_alone(rule: str) -> None:
    assert _judge([WEB], [WEB, rule], tolerate=[{"name": "corp-*"}]).compliant


def test_a_co_owners_rule_that_an_approved_one_hides_is_left_alone() -> None:
    # It opens nothing, and its owner will write it again and again.
    no = "150 no deny tcp * -> *:22"
    verdict = _judge([WEB, no], [WEB, no, "200 corp-ssh allow tcp * -> *:22"], tolerate=[{"name": "corp-*"}])
    assert verdict.compliant


def test_a_borne_rule_is_part_of_what_is_expected() -> None:
    # Traffic that a co-owner opened before is not reported when something else changes.
    tolerate = [{"name": "corp-*"}]
    verdict = _judge(
        [WEB], [WEB, "200 corp-a allow tcp Internet -> *:8443", "300 x allow icmp * -> *:*"], tolerate=tolerate
    )
    assert {exposed.entry.live_rule for exposed in verdict.exposure} == {"x"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("protocol", "Sctp"),
        ("sourceAddressPrefix", "10.0.0.0/8,192.168.0.0/16"),
        ("destinationPortRange", "ssh"),
        ("access", "Audit"),
    ],
)
def test_an_allow_with_a_value_that_nobody_knows_is_never_below_high(field: str, value: str) -> None:
    # What cannot be read may be anything.
    odd = {**terse("300 odd allow tcp 10.0.0.0/8 -> 10.0.0.4:443"), field: value}
    spec = BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": []})
    verdict = judge(parse_approved(spec), parse_live(nsg([odd])), NOW)
    assert verdict.severity == "high"


def test_a_deny_with_a_value_that_nobody_knows_is_weighed_by_what_is_known() -> None:
    odd = {**terse("300 odd deny tcp 10.0.0.0/8 -> 10.0.0.4:443"), "protocol": "Sctp"}
    spec = BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": []})
    assert judge(parse_approved(spec), parse_live(nsg([odd])), NOW).severity in ("low", "medium")


def test_a_deleted_nsg_weighs_what_falls_open_and_at_least_medium() -> None:
    assert _judge([WEB], None).severity == "medium"
    assert _judge([], None).severity == "medium"


def test_a_detached_nsg_says_where_it_filters_nothing_any_more() -> None:
    verdict = _judge([WEB], [WEB], associations={"subnets": [SUBNET.format("a"), SUBNET.format("b")]})
    assert verdict.severity == "medium"
    assert {exposed.place for exposed in verdict.exposure} == {"at subnets/a, subnets/b"}


def test_tags_of_the_resource_weigh_nothing() -> None:
    assert _judge([WEB], [WEB], tags={"env": "prod"}).severity == "info"


def test_an_nsg_without_a_baseline_weighs_what_it_opens_and_at_least_low() -> None:
    assert judge_unbaselined(parse_live(nsg([]))).change.severity == "low"
    assert judge_unbaselined(parse_live(nsg([terse(SSH)]))).change.severity == "critical"


def test_beyond_the_budget_the_answer_says_so_and_still_finds_the_open_door() -> None:
    # A wall of a thousand small rules must not hide one wide one: the summary is stated, the severity exact.
    prefixes = [f"10.{n // 50}.{n % 50}.0/24" for n in range(450)]
    wall = [
        f"{110 + n} r{n} deny tcp {prefixes[n]} -> {prefixes[-n - 1]}:{1000 + 7 * n}-{1003 + 9 * n}" for n in range(450)
    ]
    verdict = _judge(wall, ["100 open allow * * -> *:*", *wall])
    assert verdict.severity == "critical"
    assert verdict.reason is not None
    assert verdict.reason.startswith("open opens TCP 22")
    assert "more" in verdict.reason
