"""A remediation is planned change by change: what cannot be reverted protects nothing else, and no write opens."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nsg_baseline.core.changes import Change
from nsg_baseline.core.nsg import LiveNSG, parse_live
from nsg_baseline.core.remediation import Blocked, Remediation, RemediationPolicy, plan, plan_hash
from nsg_baseline.core.remediation_limits import MAX_RULES
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.verdict import Verdict, judge
from tests.support.nsgs import NOW, Drift, baseline, drifts, excepted, nsg, rule
from tests.support.rules import Document

ALL = RemediationPolicy(frozenset({"RuleCreated", "RuleUpdated", "RuleDeleted", "NSGUpdated"}), 10)
CREATED_ONLY = RemediationPolicy(frozenset({"RuleCreated"}), 10)
WEB = rule("a", priority=500)
MOVED = rule("a", priority=501)
TAKER = rule("co-lb", priority=500, destinationPortRange="80")
EVIL = rule("evil", priority=600, sourceAddressPrefix="Internet", destinationPortRange="22")


def planned(
    approved: list[Document], live: list[Document], policy: RemediationPolicy = ALL, **spec: Any
) -> tuple[LiveNSG, Verdict, Remediation | Blocked | None]:
    nsg_live = parse_live(nsg(live))
    verdict = judge(baseline(approved, **spec), nsg_live, NOW)
    return nsg_live, verdict, plan(nsg_live, verdict, policy)


def names(changes: tuple[Change, ...]) -> list[str | None]:
    return [change.rule for change in changes]


def left_out(remediation: Remediation) -> list[tuple[str | None, str]]:
    return [(item.change.rule, item.blocked.reason) for item in remediation.left_out]


@pytest.mark.parametrize("taker", ["a co-owner's rule", "a rule under an exception"])
def test_a_taken_priority_blocks_only_the_rule_that_needs_it(taker: str) -> None:
    # One harmless rule on the priority of an approved rule used to protect an open SSH port for ever.
    excepted_rule = rule("break-glass", priority=500, destinationPortRange="81")
    occupant = TAKER if taker == "a co-owner's rule" else excepted_rule
    spec: dict[str, Any] = {"exceptions": [excepted(excepted_rule)]}
    _, _, result = planned([WEB], [MOVED, occupant, EVIL], **spec)
    assert isinstance(result, Remediation)
    assert names(result.reverted) == ["evil"]
    assert left_out(result) == [("a", "PriorityTaken")]
    assert result.blocked is not None
    assert result.blocked.reason == "PriorityTaken"
    assert "priority 500 inbound" in result.blocked.message
    assert [document["name"] for document in result.document["properties"]["securityRules"]] == ["a", occupant["name"]]


def test_a_rule_that_is_left_out_can_block_another_one() -> None:
    # Two approved rules are swapped around a co-owner's rule: the second needs the place that the first keeps.
    approved = [rule("a", priority=500), rule("b", priority=501)]
    _, _, result = planned(approved, [rule("a", priority=501), TAKER])
    assert isinstance(result, Blocked)
    assert result.reason == "PriorityTaken"


def test_many_trivial_changes_do_not_protect_a_critical_one() -> None:
    trivial = [rule(f"t{number}", priority=1000 + number) for number in range(11)]
    _, verdict, result = planned([WEB], [WEB, EVIL, *trivial])
    assert isinstance(result, Remediation)
    assert names(result.reverted) == ["evil"]
    assert {reason for _, reason in left_out(result)} == {"TooManyChanges"}
    assert len(result.left_out) == 11
    confirmed = RemediationPolicy(ALL.revert, 10, confirmed=result.plan_hash)
    complete = plan(parse_live(nsg([WEB, EVIL, *trivial])), verdict, confirmed)
    assert isinstance(complete, Remediation)
    assert complete.left_out == ()


def test_a_write_that_would_add_exposure_is_blocked() -> None:
    # Deleting the renamed deny alone would leave SSH open, and the operator would report its own write as critical.
    deny = rule("d", priority=100, access="Deny", sourceAddressPrefix="Internet", destinationPortRange="22")
    allow = rule("al", priority=200, sourceAddressPrefix="Internet", destinationPortRange="20-30")
    _, _, result = planned([deny, allow], [{**deny, "name": "d2"}, allow], CREATED_ONLY)
    assert isinstance(result, Blocked)
    assert (result.reason, "d2" in result.message) == ("WouldOpen", True)
    _, _, both = planned([deny, allow], [{**deny, "name": "d2"}, allow])
    assert isinstance(both, Remediation)
    assert both.left_out == ()


def test_added_exposure_blocks_only_the_change_that_causes_it() -> None:
    deny = rule("d", priority=100, access="Deny", sourceAddressPrefix="Internet", destinationPortRange="22")
    allow = rule("al", priority=200, sourceAddressPrefix="Internet", destinationPortRange="20-30")
    rdp = rule("rdp", priority=300, sourceAddressPrefix="Internet", destinationPortRange="3389")
    _, _, result = planned([deny, allow], [{**deny, "name": "d2"}, allow, rdp], CREATED_ONLY)
    assert isinstance(result, Remediation)
    assert (names(result.reverted), left_out(result)) == (["rdp"], [("d2", "WouldOpen")])


def test_a_remediation_may_allow_approved_traffic() -> None:
    # An unapproved deny blocks approved traffic: an outage that Enforce ends.
    deny = rule("stop", priority=100, access="Deny", sourceAddressPrefix="*", destinationPortRange="443")
    _, _, result = planned([WEB], [WEB, deny])
    assert isinstance(result, Remediation)
    assert names(result.reverted) == ["stop"]


@pytest.mark.parametrize(("fill", "restores"), [(MAX_RULES - 1, True), (MAX_RULES, False)])
def test_azures_limit_of_rules_is_kept(fill: int, restores: bool) -> None:  # noqa: FBT001 - a case
    # ARM would refuse the write each time, and nothing at all would be restored.
    tolerated = [
        rule(f"co-{number}", priority=1000 + number, direction="Outbound" if number % 2 else "Inbound")
        for number in range(fill)
    ]
    _, _, result = planned([WEB], tolerated)
    if restores:
        assert isinstance(result, Remediation)
        assert len(result.document["properties"]["securityRules"]) == MAX_RULES
    else:
        assert isinstance(result, Blocked)
        assert result.reason == "TooManyRules"
    _, _, beside = planned([WEB], [*tolerated[:-1], EVIL][:fill])
    assert isinstance(beside, Remediation)


@pytest.mark.parametrize("state", ["Updating", "Deleting", "Failed"])
def test_an_nsg_that_azure_has_not_settled_is_not_written(state: str) -> None:
    # A failed operation has ended. If it blocked the remediation, one bad request would keep a port open.
    live = parse_live(nsg([WEB, EVIL], properties={"provisioningState": state}))
    result = plan(live, judge(baseline([WEB]), live, NOW), ALL)
    if state == "Failed":
        assert isinstance(result, Remediation)
    else:
        assert isinstance(result, Blocked)
        assert result.reason == state


@pytest.mark.parametrize(("compared", "kept"), [(False, "why"), (True, None)])
def test_a_description_is_kept_unless_it_is_compared(compared: bool, kept: str | None) -> None:  # noqa: FBT001 - a case
    live = rule("a", priority=500, destinationPortRange="80", description="why")
    _, _, result = planned([WEB], [live], comparison={"descriptions": compared})
    assert isinstance(result, Remediation)
    (written,) = result.document["properties"]["securityRules"]
    assert written["properties"].get("description") == kept
    assert written["properties"]["destinationPortRange"] == "443"


@given(drifts(), st.sets(st.sampled_from(sorted(ALL.revert)), min_size=1), st.integers(1, 12))
def test_a_write_allows_nothing_that_is_not_approved(drift: Drift, revert: set[Any], max_changes: int) -> None:
    live = parse_live(nsg(drift.live))
    verdict = judge(drift.baseline, live, NOW)
    result = plan(live, verdict, RemediationPolicy(frozenset(revert), max_changes))
    assume(isinstance(result, Remediation))
    assert isinstance(result, Remediation)
    after = parse_live(result.document)
    for entry in exposure(live.rules, after.rules).entries:
        if entry.effect == "Allowed":
            for box in entry.boxes:
                beyond = exposure(verdict.expected, after.rules, restrict=box).entries
                assert not [other for other in beyond if other.effect == "Allowed"]


@given(drifts())
def test_changes_after_a_write_are_those_that_were_left_out(drift: Drift) -> None:
    live = parse_live(nsg(drift.live))
    verdict = judge(drift.baseline, live, NOW)
    result = plan(live, verdict, ALL)
    assume(isinstance(result, Remediation))
    assert isinstance(result, Remediation)
    after = judge(drift.baseline, parse_live(result.document), NOW)
    assert {change.rule for change in after.changes} == {item.change.rule for item in result.left_out} | {
        change.rule for change in verdict.changes if change.tolerated_by
    }


RESPONDER = rule("deny-attacker", priority=150, access="Deny", protocol="*", sourceAddressPrefix="198.51.100.0/24",
                 destinationPortRange="*")  # fmt: skip
OPENINGS = replace(ALL, only="Openings")


@pytest.mark.parametrize(
    ("approved", "live", "reverted"),
    [
        ([WEB], [WEB, RESPONDER], None),
        ([WEB], [WEB, RESPONDER, EVIL], ["evil"]),
        ([WEB], [{**WEB, "sourceAddressPrefix": "10.1.0.0/16"}], None),
        ([WEB], [{**WEB, "sourceAddressPrefix": "Internet"}], ["a"]),
        ([{**WEB, "sourceAddressPrefix": "Internet"}], [{**WEB, "sourceAddressPrefix": "198.51.100.7"}], None),
        ([WEB], [], None),
        ([RESPONDER, {**WEB, "sourceAddressPrefix": "Internet"}], [{**WEB, "sourceAddressPrefix": "Internet"}],
         ["deny-attacker"]),
        ([WEB], [MOVED], None),
        ([{**RESPONDER, "sourceAddressPrefix": "Internet"}], [], ["deny-attacker"]),
        ([WEB], [{**WEB, "access": "Deny"}], None),
        ([RESPONDER], [{**RESPONDER, "access": "Allow"}], ["deny-attacker"]),
    ],
)  # fmt: skip
def test_only_openings_are_reverted(approved: list[Document], live: list[Document], reverted: list[str] | None) -> None:
    # Somebody closes a port at night; the operator must not open it again.
    nsg_live, verdict, result = planned(approved, live, OPENINGS)
    assert (names(result.reverted) if isinstance(result, Remediation) else result) == reverted
    assert plan_hash(verdict.nsg, verdict.changes, OPENINGS) == (
        result.plan_hash if isinstance(result, Remediation) else None
    )
    assert verdict.changes
    assert nsg_live.id.key == verdict.nsg.lower()


@given(drifts())
def test_with_only_openings_nothing_that_is_not_approved_stays_open(drift: Drift) -> None:
    # What stays different only denies more.
    live = parse_live(nsg(drift.live))
    verdict = judge(drift.baseline, live, NOW)
    result = plan(live, verdict, OPENINGS)
    assume(isinstance(result, Remediation) and not result.left_out)
    assert isinstance(result, Remediation)
    after = judge(drift.baseline, parse_live(result.document), NOW)
    assert not any(change.opens for change in after.changes if change.tolerated_by is None)
