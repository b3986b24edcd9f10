"""A pull request's change of a baseline: what differs in meaning, and what an absent side stands for."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.baseline_diff import BaselineDiff, diff_baselines
from nsg_baseline.core.severity_policy import severity_policy_of
from tests.support.nsgs import NSG, SUBNET, excepted
from tests.support.rule_shorthand import arm_rule

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WEB = arm_rule("100 web allow tcp Internet -> *:443")
SSH = arm_rule("200 ssh allow tcp Internet -> *:22")


def spec(*rules: dict[str, Any], **fields: Any) -> BaselineSpec:
    return BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": list(rules), **fields})


def diff(before: BaselineSpec | None, after: BaselineSpec | None) -> BaselineDiff:
    return diff_baselines(before, after, NOW, SeverityConfig())


def kinds(result: BaselineDiff) -> list[tuple[str, str | None]]:
    return [(change.kind, change.rule) for change in result.verdict.changes]


def test_equal_baselines_are_the_same() -> None:
    result = diff(spec(WEB), spec(WEB))
    assert (result.state, result.same, result.settings) == ("Unchanged", True, ())
    assert result.verdict.nsg == NSG


def test_a_changed_rule_differs() -> None:
    result = diff(spec(WEB), spec(WEB, SSH))
    assert (result.state, result.same) == ("Changed", False)
    assert kinds(result) == [("RuleCreated", "ssh")]
    assert result.verdict.severity == "critical"


def test_a_changed_setting_differs_and_shows_both_sides() -> None:
    # A setting decides what is reported and written, even if no rule changed.
    result = diff(spec(WEB, mode="Alert", rolloutGrace="30m"), spec(WEB, mode="Enforce", rolloutGrace="30m"))
    assert (result.state, result.same, kinds(result)) == ("Changed", False, [])
    (setting,) = result.settings
    assert (setting.kind, setting.rule, setting.severity, setting.fields) == ("NSGUpdated", None, "info", ("mode",))
    assert (setting.approved, setting.live) == ({"mode": "Alert"}, {"mode": "Enforce"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("suspend", True),
        ("tolerate", [{"name": "corp-*"}]),
        ("exceptions", [excepted(SSH, NOW - timedelta(days=1))]),
        ("comparison", {"descriptions": True}),
        ("rolloutGrace", "45m"),
        ("enforcement", {"maxChanges": 3}),
    ],
)
def test_each_setting_is_compared(name: str, value: Any) -> None:
    # One that is left out could be changed in a pull request without anybody seeing it.
    result = diff(spec(WEB), spec(WEB, **{name: value}))
    assert [change.fields for change in result.settings] == [(name,)]
    back = diff(spec(WEB, **{name: value}), spec(WEB))
    assert [change.fields for change in back.settings] == [(name,)]
    assert result.settings[0].live == back.settings[0].approved
    assert "null" not in json.dumps(result.settings[0].live), "only what the author wrote, and defaults"
    assert result.settings[0].fingerprint != back.settings[0].fingerprint


def test_two_settings_are_two_changes() -> None:
    # Code scanning would drop the second one if both had one fingerprint.
    result = diff(spec(WEB, tolerate=[{"name": "corp-*"}], exceptions=[excepted(SSH, NOW)]), spec(WEB))
    first, second = result.settings
    assert (first.fields, second.fields) == (("tolerate",), ("exceptions",))
    assert first.fingerprint != second.fingerprint


def test_a_new_baseline_is_compared_with_the_default_rules() -> None:
    # So the reviewer sees what it opens.
    result = diff(None, spec(SSH, mode="Enforce"))
    assert (result.state, result.same, result.settings) == ("Added", False, ())
    assert kinds(result) == [("RuleCreated", "ssh")]
    empty = diff(None, spec())
    assert (empty.state, empty.same) == ("Added", False), "a baseline without rules closes an NSG"


def test_a_new_baseline_is_compared_in_its_own_way() -> None:
    # Nothing else says how descriptions count.
    described = spec({**WEB, "description": "by jo"}, comparison={"descriptions": True})
    assert diff(None, described).verdict.changes != diff(None, spec(WEB)).verdict.changes


def test_a_removed_baseline_changes_nothing_in_azure() -> None:
    result = diff(spec(WEB), None)
    assert (result.state, result.same, result.settings) == ("Removed", False, ())
    assert (result.verdict.nsg, result.verdict.changes) == (NSG, ())


def test_the_severity_policy_of_the_reviewer_counts() -> None:
    # A pipeline passes the settings of the operator, so that both say the same.
    policy = severity_policy_of(None, None, ["InternetToManagement=low"])
    result = diff_baselines(spec(WEB), spec(WEB, SSH), NOW, SeverityConfig(policy))
    assert result.verdict.severity == "low"


def test_no_baseline_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^there is no baseline to compare$"):
        diff(None, None)


def test_a_running_exception_opens_what_its_rule_opens() -> None:
    # The reviewer approves traffic with it, if only for a time. One that has ended opens nothing.
    running, ended = excepted(SSH, NOW + timedelta(seconds=1)), excepted(SSH, NOW)
    assert kinds(diff(spec(WEB), spec(WEB, exceptions=[running]))) == [("RuleCreated", "ssh")]
    assert kinds(diff(spec(WEB, exceptions=[running]), spec(WEB))) == [("RuleDeleted", "ssh")]
    assert kinds(diff(spec(WEB), spec(WEB, exceptions=[ended]))) == []
    assert kinds(diff(spec(WEB, exceptions=[ended]), spec(WEB))) == []
    both = diff(spec(WEB, exceptions=[running]), spec(WEB, exceptions=[running]))
    assert (both.state, kinds(both)) == ("Unchanged", [])


def test_tolerated_rules_hide_nothing() -> None:
    # A rule that matches a toleration is still written into the baseline, so it is a change of it.
    tolerate, deny = [{"name": "corp-*"}], arm_rule("200 corp-deny deny tcp Sql -> *:443")
    result = diff(spec(WEB, tolerate=tolerate), spec(WEB, deny, tolerate=tolerate))
    assert kinds(result) == [("RuleCreated", "corp-deny")]
    assert result.verdict.changes[0].tolerated_by is None


def test_tags_and_associations_are_compared() -> None:
    before = spec(WEB, tags={"env": "prod"}, associations={"subnets": [SUBNET.format("a")], "networkInterfaces": []})
    assert diff(before, before).same
    other_tags = before.model_copy(update={"tags": {"env": "test"}})
    assert [change.fields for change in diff(before, other_tags).verdict.changes] == [("tags.env",)]
    removed = spec(WEB, tags={"env": "prod"}, associations={"subnets": [], "networkInterfaces": []})
    assert [change.fields for change in diff(before, removed).verdict.changes] == [("subnets",)]
    assert diff(before, spec(WEB)).settings == (), "they are no settings"
