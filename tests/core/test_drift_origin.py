"""The origin of drift: a change in Azure, or an edit of the baseline."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.api.baseline_status import LastCompliant
from nsg_baseline.core.changes import live_hashes
from nsg_baseline.core.nsg import ApprovedNSG, parse_live
from nsg_baseline.core.verdict import drift_origin, judge
from tests.support.nsgs import (
    EARLIER,
    NOW,
    SUBNET,
    Drift,
    baseline,
    drifts,
    excepted,
    nsg,
    respelled_nsgs,
    rule,
    rule_sets,
)
from tests.support.rules import Document, altered

TAGS = {"env": "prod"}
ATTACHED = {"subnets": [{"id": SUBNET.format("a")}]}
WATCHED: dict[str, Any] = {"tags": TAGS, "associations": {"subnets": [SUBNET.format("a")]}}


def _last_compliant(approved: ApprovedNSG, live: Document, generation: int = 1) -> LastCompliant:
    verdict = judge(approved, parse_live(live), NOW)
    assert verdict.compliant
    return LastCompliant(
        live_hash=verdict.live_hash or "", compared_hash=verdict.compared_hash or "", generation=generation
    )


@given(st.data(), drifts())
def test_hashes_do_not_depend_on_azures_format(data: st.DataObject, drift: Drift) -> None:
    # Otherwise each response would look like a change in Azure.
    live = nsg(drift.live, tags=TAGS, properties=ATTACHED)
    approved = baseline(drift.approved, **WATCHED)
    again = data.draw(respelled_nsgs(live))
    assert live_hashes(approved, parse_live(live)) == live_hashes(approved, parse_live(again))


@given(st.data(), rule_sets().filter(bool))
def test_both_hashes_change_with_every_change_of_a_rule(data: st.DataObject, rules: list[Document]) -> None:
    # If a change in Azure left both hashes as they were, it would be taken for a pending rollout.
    place = data.draw(st.integers(0, len(rules) - 1))
    other, _ = data.draw(altered(rules[place]))
    approved = baseline(rules)
    before = live_hashes(approved, parse_live(nsg(rules)))
    for changed in ([*rules[:place], other, *rules[place + 1 :]], [*rules[:place], *rules[place + 1 :]]):
        after = live_hashes(approved, parse_live(nsg(changed)))
        assert before[0] != after[0]
        assert before[1] != after[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"tags": {"env": "dev"}},
        {"tags": {}},
        {"properties": {"subnets": []}},
        {"properties": {"subnets": [*ATTACHED["subnets"], {"id": SUBNET.format("b")}]}},
    ],
)
def test_both_hashes_change_with_compared_tags_and_associations(changed: Document) -> None:
    # These are compared, so the origin of their drift matters too.
    before = live_hashes(baseline(**WATCHED), parse_live(nsg(tags=TAGS, properties=ATTACHED)))
    after = live_hashes(baseline(**WATCHED), parse_live(nsg(**{"tags": TAGS, "properties": ATTACHED, **changed})))
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"rules": [rule(), rule("co-scan", priority=200)]},
        {"tags": {**TAGS, "cost": "42"}},
        {"properties": {**ATTACHED, "networkInterfaces": [{"id": "/n"}]}},
        {"rules": [rule(description="what for")]},
    ],
)
def test_the_compared_hash_ignores_what_the_baseline_does_not_compare(changed: Document) -> None:
    # AKS adds and removes rules all day. Its writes must not hide that a baseline was edited. The other hash changes.
    kept: dict[str, Any] = {"rules": [rule()], "tags": TAGS, "properties": ATTACHED}
    before = live_hashes(baseline([rule()], **WATCHED), parse_live(nsg(**kept)))
    after = live_hashes(baseline([rule()], **WATCHED), parse_live(nsg(**{**kept, **changed})))
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_the_compared_hash_includes_an_approved_rule_that_a_toleration_matches() -> None:
    # The rule is compared in spite of the pattern. Without it in the hash, its change would be taken for a rollout.
    approved = baseline([rule("co-web")])
    before = live_hashes(approved, parse_live(nsg([rule("co-web")])))
    after = live_hashes(approved, parse_live(nsg([rule("co-web", access="Deny")])))
    assert before[1] != after[1]


WEB, WIDER, CO = rule(), rule(destinationPortRange="80-443"), rule("co-scan", priority=200)


@pytest.mark.parametrize(
    ("why", "generation", "approved", "live", "expected"),
    [
        ("Azure alone: the baseline is as it was", 1, [WEB], [WIDER], "Azure"),
        ("the baseline alone: it approves more than Azure has", 2, [WIDER], [WEB], "Baseline"),
        ("the baseline alone: it approves less", 2, [], [WEB], "Baseline"),
        ("both: the edit does not explain what Azure has", 2, [WIDER], [rule(access="Deny")], "Azure"),
        ("the edit took a new rule in, and Azure another", 2, [WEB, rule("b", priority=101)], [WIDER], "Azure"),
        ("a co-owner wrote meanwhile; only the baseline moved what is compared", 2, [WIDER], [WEB, CO], "Baseline"),
        ("the baseline was edited, and the rule that it had approved was deleted", 2, [WIDER], [], "Azure"),
        ("the status was kept while the object was restored from a backup", 0, [WIDER], [WEB], "Azure"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_the_origin_of_drift(
    why: str, generation: int, approved: list[Document], live: list[Document], expected: str
) -> None:
    last_compliant = _last_compliant(baseline([WEB]), nsg([WEB]))
    verdict = judge(baseline(approved), parse_live(nsg(live)), NOW)
    assert not verdict.compliant
    assert drift_origin(verdict, last_compliant, generation) == expected, why


def test_an_ended_exception_is_not_an_edit() -> None:
    # Nothing was edited, but the live rule is no longer approved: it alerts at once.
    approved = baseline([], exceptions=[excepted(WEB)])
    last_compliant = _last_compliant(approved, nsg([WEB]), generation=3)
    late = judge(baseline([], exceptions=[excepted(WEB, EARLIER)]), parse_live(nsg([WEB])), NOW)
    assert not late.compliant
    assert drift_origin(late, last_compliant, 3) == "Azure"


@pytest.mark.parametrize(
    "edit",
    [
        lambda: baseline([WIDER], tolerate=[]),
        lambda: baseline([WIDER], tags={"env": "prod"}),
        lambda: baseline([WIDER], comparison={"descriptions": True}),
        lambda: baseline([WIDER], associations={"subnets": []}),
    ],
)
def test_an_edit_of_the_comparison_is_an_edit_of_the_baseline(edit: Callable[[], ApprovedNSG]) -> None:
    # The compared hash depends on the options of the baseline. The live hash does not, and shows that Azure did not
    # change.
    live = nsg([WEB], properties=ATTACHED)
    last_compliant = _last_compliant(baseline([WEB]), live)
    assert drift_origin(judge(edit(), parse_live(live), NOW), last_compliant, 2) == "Baseline"


def test_drift_of_an_nsg_that_never_matched_has_its_origin_in_azure() -> None:
    # If the first reconcile detects drift, the drift must not wait for a rollout.
    assert drift_origin(judge(baseline([WIDER]), parse_live(nsg([WEB])), NOW), None, 1) == "Azure"


def test_a_deleted_nsg_has_its_origin_in_azure() -> None:
    # No edit of a baseline deletes an NSG.
    assert drift_origin(judge(baseline([WIDER]), None, NOW), _last_compliant(baseline([WEB]), nsg([WEB])), 2) == "Azure"
