"""`nsgb approve`: the fields of a spec that must change, and no others."""

from datetime import UTC, datetime
from typing import Any

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.approval import NotApprovableError, approve, approve_until
from nsg_baseline.core.changes import Change, detect
from nsg_baseline.core.classification import classify
from nsg_baseline.core.nsg import LiveNSG, parse_approved, parse_live
from tests.support.nsgs import LATER, NETWORK_INTERFACE, NOW, NSG, SUBNET, excepted, nsg, rule

WEB, SSH, DB = rule("web"), rule("Open-SSH", priority=200), rule("db", priority=300)
UNTIL = datetime(2026, 12, 1, 8, 30, 5, tzinfo=UTC)


def spec(*rules: dict[str, Any], **fields: Any) -> BaselineSpec:
    return BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": list(rules), **fields})


def changes(baseline: BaselineSpec, live: LiveNSG) -> tuple[Change, ...]:
    approved = parse_approved(baseline)
    return detect(approved, live, classify(approved, live.rules, NOW))


def approved(baseline: BaselineSpec, live: LiveNSG) -> dict[str, Any]:
    return approve(baseline, changes(baseline, live), live)


def test_a_created_rule_is_added_behind_the_others() -> None:
    # The order of the file is the author's; only the new rule is new in the diff.
    live = parse_live(nsg([SSH, WEB]))
    assert approved(spec(WEB), live) == {"rules": [WEB, SSH]}


def test_an_updated_rule_stays_in_its_place_whatever_the_case_of_its_name() -> None:
    closed = {**WEB, "name": "WEB", "access": "Deny"}
    live = parse_live(nsg([closed, DB]))
    assert approved(spec(WEB, DB), live) == {"rules": [closed, DB]}


def test_a_deleted_rule_is_removed() -> None:
    baseline, live = spec(WEB, DB), parse_live(nsg([DB]))
    assert approved(baseline, live) == {"rules": [DB]}
    twice = [*changes(baseline, live), *changes(baseline, live)]
    assert approve(baseline, twice, live) == {"rules": [DB]}, "an incident may list it twice"


def test_only_the_selected_changes_are_approved() -> None:
    # `--rule` selects them. What is not selected stays drift.
    baseline, live = spec(WEB), parse_live(nsg([WEB, SSH, DB]))
    selected = [change for change in changes(baseline, live) if change.rule == "db"]
    assert approve(baseline, selected, live) == {"rules": [WEB, DB]}
    assert approve(baseline, [], live) == {}


def test_tags_are_approved_if_they_are_compared() -> None:
    # Other tags of the NSG are not the baseline's, and a tag that is gone is approved as gone.
    baseline = spec(WEB, tags={"Env": "prod", "cost": "1"})
    live = parse_live(nsg([WEB], tags={"env": "test", "other": "x"}))
    assert approved(baseline, live) == {"tags": {"Env": "test"}}


def test_associations_are_approved_one_by_one() -> None:
    # A baseline that declares subnets alone must not begin to compare the interfaces.
    subnets = {"subnets": [{"id": SUBNET.format(name)} for name in ("B", "a")]}
    interfaces = {"networkInterfaces": [{"id": NETWORK_INTERFACE.format("n")}]}
    live = parse_live(nsg([WEB], properties={**subnets, **interfaces}))
    expected_subnets = [SUBNET.format(name).lower() for name in ("a", "b")]
    only = approved(spec(WEB, associations={"subnets": []}), live)
    assert only == {"associations": {"subnets": expected_subnets}}
    both = approved(spec(WEB, associations={"subnets": [], "networkInterfaces": []}), live)
    expected_interfaces = [NETWORK_INTERFACE.format("n").lower()]
    assert both == {"associations": {"subnets": expected_subnets, "networkInterfaces": expected_interfaces}}


def test_an_nsg_that_is_gone_cannot_be_approved() -> None:
    baseline, live = spec(WEB), parse_live(nsg([WEB]))
    gone = Change("NSGDeleted", None, "f")
    with pytest.raises(NotApprovableError) as error:
        approve(baseline, [gone], live)
    assert str(error.value) == "the NSG is gone: delete the baseline, or create the NSG again"


def until(baseline: BaselineSpec, live: LiveNSG) -> dict[str, Any]:
    return approve_until(baseline, changes(baseline, live), live, UNTIL, "INC-42", "jo@example.com")


def test_an_approval_until_a_time_is_an_exception() -> None:
    live = parse_live(nsg([{**WEB, "access": "Deny"}, SSH]))
    common = {"until": "2026-12-01T08:30:05Z", "reason": "INC-42", "approvedBy": "jo@example.com"}
    assert until(spec(WEB), live) == {
        "exceptions": [{"rule": SSH, **common}, {"rule": {**WEB, "access": "Deny"}, **common}]
    }


def test_a_new_exception_replaces_the_one_of_its_rule_and_keeps_the_others() -> None:
    # Two exceptions of one rule would be refused, and a lost one would be an incident.
    old = excepted(rule("open-ssh", priority=250), LATER)
    other = excepted(DB, LATER)
    live = parse_live(nsg([WEB, SSH]))
    exceptions = until(spec(WEB, exceptions=[other, old]), live)["exceptions"]
    assert [(item["rule"]["name"], item["reason"]) for item in exceptions] == [("db", "INC-42"), ("Open-SSH", "INC-42")]
    assert exceptions[0]["rule"] == DB
    assert exceptions[1]["rule"] == SSH


def test_without_changes_the_exceptions_stay_as_they_are() -> None:
    assert until(spec(WEB, exceptions=[excepted(DB, LATER)]), parse_live(nsg([WEB]))) == {}


@pytest.mark.parametrize(
    ("baseline", "subject"),
    [
        (spec(WEB, DB), "RuleDeleted db"),
        (spec(WEB, tags={"env": "prod"}), "NSGUpdated"),
    ],
)
def test_only_a_rule_that_exists_can_be_approved_for_a_time(baseline: BaselineSpec, subject: str) -> None:
    # An exception approves a rule, not its absence.
    with pytest.raises(NotApprovableError, match=rf"^{subject}\b.* --rule$"):
        until(baseline, parse_live(nsg([WEB])))
