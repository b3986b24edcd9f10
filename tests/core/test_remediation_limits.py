"""What a remediation must not write: which change is left out, and the sentence that its owner reads."""

from dataclasses import replace
from typing import Any

import pytest

from nsg_baseline.core import remediation_limits
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.changes import Change
from nsg_baseline.core.nsg import LiveNSG, parse_live
from nsg_baseline.core.remediation import Blocked, LeftOut, Remediation, RemediationPolicy, plan
from nsg_baseline.core.remediation_limits import MAX_RULES, Refused, refused_changes
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.verdict import judge
from tests.support.nsgs import NOW, baseline, nsg, rule
from tests.support.rules import Document

DENY = rule("Deny-ssh", priority=100, access="Deny", sourceAddressPrefix="Internet", destinationPortRange="22")
ALLOW = rule("Allow", priority=200, sourceAddressPrefix="Internet", destinationPortRange="20-30")


def refused(
    approved: list[Document], live: list[Document], *names: str | None, candidates: tuple[Change, ...] = ()
) -> list[Refused]:
    """Return what is refused if the changes of these rules are candidates, all if none is named."""
    live_nsg = parse_live(nsg(live))
    verdict = judge(baseline(approved), live_nsg, NOW)
    chosen = candidates or tuple(change for change in verdict.changes if not names or change.rule in names)
    return refused_changes(live_nsg, verdict.expected, chosen, None)


def summary(items: list[Refused]) -> list[tuple[str | None, str, str]]:
    return [(item.change.rule, item.reason, item.message) for item in items]


def test_a_safe_write_is_not_refused() -> None:
    # Everything is restored at once.
    assert refused([DENY, ALLOW], [rule("evil", priority=300, sourceAddressPrefix="Internet")]) == []


def test_a_taken_priority_names_the_rules_in_their_order() -> None:
    # A restored rule meets a rule that stays. The other direction has separate priorities.
    live = [rule("co-b", priority=100), rule("co-out", priority=200, direction="Outbound")]
    items = refused([rule("Web", priority=100), rule("db", priority=200)], live)
    message = "co-b and Web would both have priority 100 inbound; change the priority of one of them"
    assert summary(items) == [("Web", "PriorityTaken", message)]


def test_of_two_restored_rules_at_one_priority_the_less_severe_is_left_out() -> None:
    # Candidates come the most severe first. A rule that is only removed takes no priority.
    live_nsg = parse_live(nsg([rule("gone", priority=100)]))
    verdict = judge(baseline([rule("a", priority=100), rule("b", priority=101)]), live_nsg, NOW)
    by_rule = {change.rule: change for change in verdict.changes}
    moved = {**(by_rule["b"].approved or {}), "priority": 100}
    candidates = (by_rule["a"], replace(by_rule["b"], approved=moved), by_rule["gone"])
    items = refused_changes(live_nsg, verdict.expected, candidates, None)
    assert [(item.change.rule, item.reason) for item in items] == [("b", "PriorityTaken")]


def test_the_least_severe_restored_rules_exceed_azures_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    # As many as there is no room for; rules that are removed make room.
    assert MAX_RULES == 1000
    monkeypatch.setattr(remediation_limits, "MAX_RULES", 2)
    approved = [rule(name, priority=100 + number) for number, name in enumerate("abc")]
    items = refused(approved, [rule("co-x", priority=300), rule("evil", priority=301)])
    message = "the NSG would have 4 rules; Azure's limit is 2. Remove rules that are not needed"
    assert summary(items) == [("b", "TooManyRules", message), ("c", "TooManyRules", message)]
    assert refused(approved[:1], [rule("co-x", priority=300), rule("evil", priority=301)]) == []


def test_the_change_of_the_rule_that_denies_now_is_left_out() -> None:
    # Whatever the case of the name is.
    live = [{**DENY, "name": "Renamed"}, ALLOW]
    message = "reverting Renamed would allow traffic that is not approved"
    assert summary(refused([DENY, ALLOW], live, "Renamed")) == [("Renamed", "WouldOpen", message)]
    assert refused([DENY, ALLOW], live) == []


def test_the_change_of_the_rule_that_would_allow_is_left_out() -> None:
    # The deny is missing in Azure, so only the restored allow rule opens.
    message = "reverting Allow would allow traffic that is not approved"
    assert summary(refused([DENY, ALLOW], [], "Allow")) == [("Allow", "WouldOpen", message)]
    assert refused([DENY, ALLOW], []) == []


def test_existing_exposure_does_not_block_a_write() -> None:
    # A co-owner opened it; the write changes nothing about it, and must not be blocked.
    live = [rule("co-open", priority=150, sourceAddressPrefix="Internet", destinationPortRange="22"), ALLOW]
    other = rule("evil", priority=300, sourceAddressPrefix="Internet", destinationPortRange="3389")
    assert refused([DENY, ALLOW], [*live, other], "evil") == []


def _inexact(monkeypatch: pytest.MonkeyPatch, calls: list[int], which: int = 2) -> None:
    """Let an exposure be too large to compute: the second is that of the write."""

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        result = exposure(*arguments, **options)
        return replace(result, exact=False, entries=()) if len(calls) == which else result

    monkeypatch.setattr(remediation_limits, "exposure", counted)


def test_inexact_exposure_blocks_writes_unless_they_only_deny(monkeypatch: pytest.MonkeyPatch) -> None:
    # Removing an allow rule and adding a deny rule are safe without a computation.
    calls: list[int] = []
    _inexact(monkeypatch, calls)
    live = [
        {**DENY, "name": "Renamed"},
        ALLOW,
        rule("evil", priority=300, destinationPortRange="81"),
        rule("web", priority=310, destinationPortRange="444"),
    ]
    stop = rule("stop", priority=320, access="Deny", destinationPortRange="82")
    grant = rule("grant", priority=330, destinationPortRange="83")
    approved = [DENY, ALLOW, rule("web", priority=310), stop, grant]
    items = refused(approved, live, "Renamed", "evil", "web", "stop", "grant")
    message = "it cannot be computed whether the write would allow traffic that is not approved"
    assert {(item.reason, item.message) for item in items} == {("WouldOpen", message)}
    assert sorted(str(item.change.rule) for item in items) == ["Renamed", "grant", "web"]
    assert len(calls) == 2


@pytest.mark.parametrize("which", [1, 3])
def test_no_other_inexact_exposure_makes_a_write_seem_safe(monkeypatch: pytest.MonkeyPatch, which: int) -> None:
    # The first has all that is open after the write, and the third whether a part of it is approved.
    _inexact(monkeypatch, [], which)
    items = refused([DENY, ALLOW], [{**DENY, "name": "Renamed"}, ALLOW], "Renamed")
    assert [(item.change.rule, item.reason) for item in items] == [("Renamed", "WouldOpen")]


def _left_out(*messages: str) -> tuple[LeftOut, ...]:
    change = Change("RuleCreated", "x", "f")
    return tuple(LeftOut(change, Blocked(f"R{number}", text)) for number, text in enumerate(messages))


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (("a",), "a"),
        (("a", "a", "b"), "a; b"),
        (("a", "b", "c"), "a; b; c"),
        (("a", "b", "c", "d"), "a; b; c; 1 more reason"),
        (("a", "b", "c", "d", "e"), "a; b; c; 2 more reasons"),
    ],
)
def test_the_summary_of_what_is_left_out(messages: tuple[str, ...], expected: str) -> None:
    # The reason is that of the most severe change.
    remediation = Remediation({}, "", (), "", _left_out(*messages))
    assert remediation.blocked == Blocked("R0", expected)
    assert replace(remediation, left_out=()).blocked is None


def test_a_plan_is_for_one_version_of_the_nsg() -> None:
    # The write is refused if the etag changed. Without a kind to revert there is no plan.
    live: LiveNSG = parse_live(nsg([rule("evil", sourceAddressPrefix="Internet", destinationPortRange="22")]))
    verdict = judge(baseline([]), live, NOW)
    allowed = RemediationPolicy(frozenset({"RuleCreated"}), 10)
    remediation = plan(live, verdict, allowed)
    assert isinstance(remediation, Remediation)
    assert (remediation.etag, remediation.left_out) == ('W/"1"', ())
    assert plan(live, verdict, replace(allowed, revert=frozenset())) is None


def test_each_exposure_is_computed_with_the_service_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without them a tag is opaque, and a write that opens could pass as unclear, or a safe one be blocked.
    table: Any = object()
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def logged(*arguments: Any, **options: Any) -> Any:
        calls.append((arguments, options))
        return exposure(*arguments, restrict=options.get("restrict"))

    monkeypatch.setattr(remediation_limits, "exposure", logged)
    live = parse_live(nsg([{**DENY, "name": "Renamed"}, ALLOW]))
    verdict = judge(baseline([DENY, ALLOW]), live, NOW)
    blocked = plan(live, verdict, RemediationPolicy(frozenset({"RuleCreated"}), 10), SeverityConfig(tags=table))
    assert isinstance(blocked, Blocked)
    assert blocked.reason == "WouldOpen"
    first, second, third = calls
    after = first[0][1]
    assert [rule.name for rule in after] == ["Allow"]
    assert first == ((verdict.expected, after), {"tags": table})
    assert second == ((live.rules, after), {"tags": table})
    assert third[0] == (verdict.expected, after)
    assert third[1]["tags"] is table
    boxes = [box for entry in exposure(live.rules, after).entries for box in entry.boxes]
    assert third[1]["restrict"] in boxes


def test_a_taken_priority_names_two_rules() -> None:
    # The sentence stays short, however many rules meet.
    live_nsg = parse_live(nsg())
    verdict = judge(baseline([rule(name, priority=100 + number) for number, name in enumerate("abc")]), live_nsg, NOW)
    meeting = tuple(replace(item, approved={**(item.approved or {}), "priority": 100}) for item in verdict.changes)
    items = refused_changes(live_nsg, verdict.expected, meeting, None)
    message = "a and b would both have priority 100 inbound; change the priority of one of them"
    assert summary(items) == [("c", "PriorityTaken", message)]


def test_what_no_candidate_decides_blocks_all_that_may_open() -> None:
    # Two changes together may open what neither rule of the entry names.
    live = parse_live(nsg([{**DENY, "name": "Renamed"}, ALLOW, rule("evil", priority=300)]))
    verdict = judge(baseline([DENY, ALLOW]), live, NOW)
    (entry,) = exposure(live.rules, [item for item in live.rules if item.name == "Allow"]).entries[:1]
    unknown = replace(entry, approved_rule="other", live_rule=None)
    message = "the write would allow traffic that is not approved"
    items = remediation_limits._responsible(unknown, verdict.changes, frozenset())
    assert summary(items) == [("Renamed", "WouldOpen", message)]
