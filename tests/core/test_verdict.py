"""The verdict on an NSG: the severity of each change, of all changes together, and the reason."""

from typing import Any

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.nsg import parse_approved, parse_live
from nsg_baseline.core.verdict import Verdict, judge, judge_unbaselined
from tests.support.nsgs import NOW, NSG, SUBNET, nsg
from tests.support.rule_shorthand import arm_rule

WEB = "100 web allow tcp Internet -> *:443"
SSH = "200 ssh allow tcp Internet -> *:22"


def _judge(before: list[str], after: list[str] | None, **spec: Any) -> Verdict:
    rules = [arm_rule(text) for text in before]
    approved = parse_approved(BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": rules, **spec}))
    return judge(approved, None if after is None else parse_live(nsg(arm_rule(text) for text in after)), NOW)


def _severities(verdict: Verdict) -> dict[str | None, str]:
    return {change.rule: change.severity for change in verdict.changes}


def test_each_change_has_its_severity_and_the_verdict_has_the_highest() -> None:
    # A message may contain ten changes. The reader must see which of them is serious.
    after = ["100 web allow tcp Internet -> *:8443", SSH, "300 late allow tcp Internet -> *:22"]
    verdict = _judge([WEB], after)
    assert _severities(verdict) == {"ssh": "critical", "web": "high", "late": "info"}
    assert verdict.severity == "critical"
    assert [change.rule for change in verdict.changes] == ["ssh", "web", "late"]


def test_two_changes_that_together_expose_a_port_are_rated_together() -> None:
    # Two rules can each cover too few addresses to be critical, and together expose SSH to a large part of the
    # Internet.
    halves = ["200 a allow tcp 0.0.0.0/9,11.0.0.0/9 -> *:22", "210 b allow tcp 12.0.0.0/9 -> *:22"]
    verdict = _judge([], halves)
    assert verdict.severity == "critical"


def test_a_change_without_exposure_is_info_and_still_unapproved() -> None:
    verdict = _judge([WEB], [WEB.replace("100 web", "110 web")])
    assert (verdict.severity, verdict.compliant, verdict.exposure) == ("info", False, ())


def test_a_tolerated_rule_that_exposes_management_ports_is_reported_with_its_co_owner() -> None:
    # A toleration says who may write rules. It does not approve exposure of management ports.
    verdict = _judge([WEB], [WEB, "200 corp-ssh allow tcp * -> *:22"], tolerate=[{"name": "corp-*"}])
    (change,) = verdict.changes
    assert (change.kind, change.rule, change.tolerated_by, change.severity) == (
        "RuleCreated",
        "corp-ssh",
        "corp-*",
        "critical",
    )


@pytest.mark.parametrize("rule", ["200 corp-a allow tcp Internet -> *:80", "200 corp-b allow tcp 10.0.0.0/8 -> *:22"])
def test_any_other_tolerated_rule_is_not_reported(rule: str) -> None:
    assert _judge([WEB], [WEB, rule], tolerate=[{"name": "corp-*"}]).compliant


def test_a_tolerated_rule_behind_an_approved_deny_is_not_reported() -> None:
    # It exposes nothing, and its co-owner writes it again and again.
    no = "150 no deny tcp * -> *:22"
    verdict = _judge([WEB, no], [WEB, no, "200 corp-ssh allow tcp * -> *:22"], tolerate=[{"name": "corp-*"}])
    assert verdict.compliant


def test_exposure_of_a_tolerated_rule_is_not_reported_with_other_changes() -> None:
    # Traffic that a co-owner already allowed is not reported when another rule changes.
    tolerate = [{"name": "corp-*"}]
    verdict = _judge(
        [WEB], [WEB, "200 corp-a allow tcp Internet -> *:80", "300 x allow icmp * -> *:*"], tolerate=tolerate
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
def test_an_allow_rule_with_an_unreadable_value_is_at_least_high(field: str, value: str) -> None:
    # An unreadable value can match any traffic.
    odd = {**arm_rule("300 odd allow tcp 10.0.0.0/8 -> 10.0.0.4:443"), field: value}
    spec = BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": []})
    verdict = judge(parse_approved(spec), parse_live(nsg([odd])), NOW)
    assert verdict.severity == "high"


def test_a_deny_rule_with_an_unreadable_value_is_rated_by_its_readable_values() -> None:
    odd = {**arm_rule("300 odd deny tcp 10.0.0.0/8 -> 10.0.0.4:443"), "protocol": "Sctp"}
    spec = BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": []})
    assert judge(parse_approved(spec), parse_live(nsg([odd])), NOW).severity in ("low", "medium")


def test_a_deleted_nsg_is_at_least_high() -> None:
    # Nothing is filtered any more. Azure deletes only NSGs that are detached, so somebody detached it before.
    assert _judge([WEB], None).severity == "high"
    assert _judge([], None).severity == "high"


def test_a_deleted_nsg_that_was_attached_to_nothing_is_low() -> None:
    verdict = _judge([WEB], None, associations={"subnets": [], "networkInterfaces": []})
    assert (verdict.severity, verdict.reason) == ("low", "the NSG was attached to nothing")
    assert _judge([WEB], None, associations={"subnets": [SUBNET.format("a")]}).severity == "high"


def test_an_opening_in_an_nsg_that_is_attached_to_nothing_is_at_most_medium() -> None:
    # It opens nothing now, and somebody may attach the NSG later.
    verdict = _judge([WEB], [WEB, SSH], associations={"subnets": []})
    assert (verdict.severity, _severities(verdict)) == ("medium", {"ssh": "medium"})
    assert verdict.reason == (
        "the NSG is attached to nothing; critical once it is attached: rule ssh opens TCP 22 to the Internet"
    )


def test_an_opening_in_an_nsg_whose_associations_are_not_declared_keeps_its_severity() -> None:
    # A template does not contain what its NSG is attached to.
    assert _judge([WEB], [WEB, SSH]).severity == "critical"


def test_an_opening_in_an_nsg_that_lost_its_only_subnet_leaves_the_detachment_high() -> None:
    verdict = _judge([WEB], [WEB, SSH], associations={"subnets": [SUBNET.format("a")]})
    assert (verdict.severity, _severities(verdict)) == ("high", {"ssh": "medium", None: "high"})


def test_a_detached_nsg_names_the_subnets_that_it_no_longer_filters() -> None:
    verdict = _judge([WEB], [WEB], associations={"subnets": [SUBNET.format("a"), SUBNET.format("b")]})
    assert verdict.severity == "high"
    assert {exposed.place for exposed in verdict.exposure} == {"at subnets/a, subnets/b"}


def test_a_change_of_resource_tags_is_info() -> None:
    assert _judge([WEB], [WEB], tags={"env": "prod"}).severity == "info"


def test_an_unbaselined_nsg_is_rated_by_its_exposure_and_at_least_low() -> None:
    assert judge_unbaselined(parse_live(nsg([]))).change.severity == "low"
    assert judge_unbaselined(parse_live(nsg([arm_rule(SSH)]))).change.severity == "critical"


def test_beyond_the_budget_the_reason_says_so_and_the_severity_is_exact() -> None:
    # A thousand small rules must not hide a single rule that allows everything.
    prefixes = [f"10.{n // 50}.{n % 50}.0/24" for n in range(450)]
    wall = [
        f"{110 + n} r{n} deny tcp {prefixes[n]} -> {prefixes[-n - 1]}:{1000 + 7 * n}-{1003 + 9 * n}" for n in range(450)
    ]
    closing = ["101 no deny tcp * -> *:1", "103 changed deny tcp * -> *:3"]
    was = ["102 yes allow tcp * -> *:2", "103 changed deny tcp * -> *:4", "104 gone deny tcp * -> *:5"]
    verdict = _judge([*was, *wall], ["100 open allow * * -> *:*", *closing, *wall])
    assert verdict.severity == "critical"
    assert verdict.reason is not None
    # Which traffic each change allows is not certain then: what may open something counts as an opening.
    opens = {change.rule: change.opens for change in verdict.changes}
    assert opens == {"open": True, "no": False, "changed": True, "yes": False, "gone": True}
    assert verdict.reason.startswith("rule open opens TCP 21-23")
    assert "more" in verdict.reason
