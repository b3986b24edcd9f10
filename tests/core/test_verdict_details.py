"""Everything that a verdict states: each field is read by an incident, by a notification or by the remediation."""

from dataclasses import replace
from typing import Any

import pytest

from nsg_baseline.api.baseline_status import LastCompliant
from nsg_baseline.core.changes import fingerprint, live_hashes
from nsg_baseline.core.intervals import Interval
from nsg_baseline.core.nsg import ApprovedNSG, LiveNSG, parse_live
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.verdict import Verdict, drift_origin, judge, judge_unbaselined
from tests.support.nsgs import EARLIER, LATER, NETWORK_INTERFACE, NOW, NSG, SUBNET, baseline, excepted, nsg, rule
from tests.support.rule_shorthand import arm_rule

WEB = rule("web")
SSH = arm_rule("200 Open-SSH allow tcp Internet -> *:22")
ACCOUNT = "aks@example.com"


def approved_with_everything() -> ApprovedNSG:
    """Return an approved NSG that compares tags and associations, with exceptions and a co-owner."""
    approved = baseline(
        [WEB, rule("gone", priority=110), rule("moved", priority=120)],
        tags={"Env": "prod", "team": "web"},
        associations={"subnets": [SUBNET.format("a")], "networkInterfaces": [NETWORK_INTERFACE.format("n")]},
        tolerate=[{"name": "aks-*", "caller": ACCOUNT}, {"name": "co-*"}],
        exceptions=[
            excepted(rule("Running", priority=300), LATER),
            excepted(rule("Ends-Now", priority=310), NOW),
            excepted(rule("ended", priority=320), EARLIER),
        ],
    )
    return replace(approved, rule_authors={"aks-1": ACCOUNT, "aks-2": "jo@example.com"})


def live_with_everything() -> LiveNSG:
    documents = [
        WEB,
        rule("moved", priority=120, destinationPortRange="8443"),
        rule("Running", priority=300),
        rule("Ends-Now", priority=310),
        rule("ended", priority=320),
        rule("aks-1", priority=400),
        rule("aks-2", priority=410),
        rule("co-1", priority=420),
        SSH,
    ]
    attached = {"subnets": [{"id": SUBNET.format("B")}], "networkInterfaces": []}
    return parse_live(nsg(documents, tags={"ENV": "test", "team": "web"}, properties=attached))


def test_a_verdict_states_everything_that_is_decided_by_it() -> None:
    # A field that is lost here is a rule that nobody restores, or an exception that never ends.
    verdict = judge(approved_with_everything(), live_with_everything(), NOW)
    assert {(change.kind, change.rule, change.fields) for change in verdict.changes} == {
        ("RuleCreated", "Open-SSH", ()),
        ("RuleCreated", "Ends-Now", ()),
        ("RuleCreated", "ended", ()),
        ("RuleCreated", "aks-2", ()),
        ("RuleUpdated", "moved", ("destinationPortRange",)),
        ("RuleDeleted", "gone", ()),
        ("NSGUpdated", None, ("tags.Env",)),
        ("NSGUpdated", None, ("subnets",)),
        ("NSGUpdated", None, ("networkInterfaces",)),
    }
    assert (verdict.nsg, verdict.rating, verdict.severity) == (NSG, "critical", "critical")
    assert verdict.reason == "rule Open-SSH opens TCP 22 to the Internet"
    assert [allowed.name for allowed in verdict.expected] == ["aks-1", "co-1", "web", "gone", "moved", "Running"]
    assert verdict.excepted == {"running"}
    assert verdict.ended_exceptions == {"ends-now", "ended"}
    assert verdict.tolerated_by_caller == {"aks-1"}
    assert (verdict.live_hash, verdict.compared_hash) == live_hashes(approved_with_everything(), live_with_everything())
    sides = {change.rule: (change.approved, change.live) for change in verdict.changes if change.rule}
    assert sides["gone"][0] is not None
    assert sides["gone"][0]["priority"] == 110
    assert sides["moved"][0] is not None
    assert sides["moved"][0]["destinationPortRange"] == "443"
    assert "expected" not in repr(verdict), "a log must not contain each approved rule"


def test_the_fingerprints_of_all_kinds_stay_the_same() -> None:
    # They are stored in incidents. Other ones would notify every open change again after an upgrade.
    verdict = judge(approved_with_everything(), live_with_everything(), NOW)
    deleted = judge(approved_with_everything(), None, NOW)
    fingerprints = {
        f"{change.kind} {change.rule or change.fields}": change.fingerprint
        for change in (*verdict.changes, *deleted.changes)
    }
    assert fingerprints == {
        "RuleCreated Open-SSH": "5ed37d45402a6700872b2e6e",
        "NSGUpdated ('subnets',)": "f05398fe67974fea4714bf60",
        "NSGUpdated ('networkInterfaces',)": "28c1e10a0a8eb18ead17eff8",
        "RuleUpdated moved": "855e2d96d716b50cbb926a21",
        "RuleCreated aks-2": "d95ff7a10669b0e83d9fe2c9",
        "RuleCreated ended": "0f31ff46c81cdc73ce3040f2",
        "RuleCreated Ends-Now": "2e9c0a2cb7a76e7c54f08191",
        "RuleDeleted gone": "d473242048ef138183e1b283",
        "NSGUpdated ('tags.Env',)": "e1da49ce5cbc4b99134d3015",
        "NSGDeleted ()": "c9af79a25db78c6f406589b4",
    }
    assert (verdict.live_hash, verdict.compared_hash) == ("230f12e28f99b492191f3945", "7fecf646c0046e6d1a52fe03")


def test_a_verdict_without_an_nsg_has_no_hashes() -> None:
    # They would be compared with those of the last compliant reading.
    verdict = judge(baseline([WEB]), None, NOW)
    assert (verdict.nsg, verdict.live_hash, verdict.compared_hash, verdict.excepted) == (NSG, None, None, frozenset())
    assert [(change.kind, change.severity) for change in verdict.changes] == [("NSGDeleted", "high")]
    assert verdict.reason == "the NSG no longer filters any traffic"
    bare = Verdict(NSG, verdict.changes)
    assert (bare.severity, bare.rating, bare.reason, bare.live_hash, bare.compared_hash) == (
        "high",
        None,
        None,
        None,
        None,
    )
    compliant = judge(baseline([WEB]), parse_live(nsg([WEB])), NOW)
    assert (compliant.severity, compliant.reason, compliant.compliant) == (None, None, True)


SEVERITY_OF_RULES: list[tuple[list[str], str, str, list[tuple[str, Interval]]]] = [
    ([], "low", "no baseline defines what is approved", []),
    (["100 dns deny * * -> *:*"], "low", "no baseline defines what is approved", []),
    (
        ["100 web allow tcp Internet -> *:443"],
        "medium",
        "rule web opens TCP 443 to the Internet",
        [("Tcp", Interval(0, 443, 443))],
    ),
    (
        ["100 ssh allow tcp Internet -> *:22", "110 odd allow udp Internet -> *:9000-9001"],
        "critical",
        "rule ssh opens TCP 22 to the Internet",
        [("Tcp", Interval(0, 21, 23)), ("Udp", Interval(0, 9000, 9001))],
    ),
]


@pytest.mark.parametrize(("rules", "severity", "reason", "services"), SEVERITY_OF_RULES)
def test_an_nsg_without_a_baseline_has_a_problem_for_each_severity_and_each_open_service(
    rules: list[str], severity: Any, reason: str, services: list[tuple[str, Interval]]
) -> None:
    # Its incident has news if there are more problems than are stored, so a severity includes the lower ones from
    # medium on, and an NSG that is closed again has fewer.
    live = parse_live(nsg(map(arm_rule, rules)))
    verdict = judge_unbaselined(live)
    change = verdict.change
    assert (change.kind, change.nsg, change.live, change.severity) == ("NSGCreated", NSG, {"id": NSG}, severity)
    assert verdict.reason == reason
    assert bool(verdict.exposure) == bool(rules)
    levels = [level for level in ("critical", "high", "medium") if _rank(level) >= _rank(severity)]
    assert verdict.problems == {
        *(fingerprint("Severity", NSG.lower(), level) for level in levels),
        *(fingerprint("Open", NSG.lower(), protocol, ports) for protocol, ports in services),
    }


def _rank(severity: Any) -> int:
    return SEVERITIES.index(severity)


def test_an_edit_explains_drift_only_in_a_later_generation_without_an_ended_exception() -> None:
    # A baseline that was not edited, or whose exception has ended, cannot be the cause: the drift alerts at once.
    compliant = judge(baseline([rule("Web-A")]), parse_live(nsg([rule("Web-A")])), NOW)
    last = LastCompliant(live_hash=compliant.live_hash or "", compared_hash=compliant.compared_hash or "", generation=2)
    edited = judge(baseline([]), parse_live(nsg([rule("Web-A")])), NOW)
    origins = [drift_origin(edited, last, generation) for generation in (1, 2, 3)]
    assert origins == ["Azure", "Azure", "Baseline"]
    ended = baseline([], exceptions=[excepted(rule("Web-A"), EARLIER)])
    assert drift_origin(judge(ended, parse_live(nsg([rule("Web-A")])), NOW), last, 3) == "Azure"
    assert drift_origin(edited, None, 3) == "Azure"
    assert drift_origin(judge(baseline([]), None, NOW), last, 3) == "Azure"
    # The tags of an NSG have no rule, so no ended exception is about them.
    named = [excepted(rule("xxxx"), EARLIER)]
    tagged = judge(
        baseline([rule("Web-A")], tags={"env": "prod"}, exceptions=named), parse_live(nsg([rule("Web-A")])), NOW
    )
    assert drift_origin(tagged, last, 3) == "Baseline"


@pytest.mark.parametrize(
    ("subnets", "interfaces", "place"),
    [
        (["a"], [], "at subnets/a"),
        (["b", "a"], [], "at subnets/a, subnets/b"),
        (["a"], ["n"], "at subnets/a, networkinterfaces/n"),
        (["b", "a"], ["n"], "at subnets/a, subnets/b and 1 more"),
        (["b", "a", "c"], ["n"], "at subnets/a, subnets/b and 2 more"),
    ],
)
def test_a_detached_nsg_says_where_traffic_is_not_filtered_any_more(
    subnets: list[str], interfaces: list[str], place: str
) -> None:
    # A detached NSG opens everything there, whatever its rules say.
    associations = {
        "subnets": [SUBNET.format(name) for name in subnets],
        "networkInterfaces": [NETWORK_INTERFACE.format(name) for name in interfaces],
    }
    live = parse_live(nsg([WEB], properties={"subnets": [{"id": SUBNET.format("other")}]}))
    verdict = judge(baseline([WEB], associations=associations), live, NOW)
    assert {exposed.place for exposed in verdict.exposure} == {place}
    reasons = {change.fields[0]: (change.severity, change.reason) for change in verdict.changes}
    detached = ("high", "the NSG is detached and no longer filters traffic there")
    assert reasons["subnets"] == detached
    assert reasons.get("networkInterfaces") == (detached if interfaces else None)


def test_an_additional_attachment_opens_nothing() -> None:
    # The NSG filters there as well.
    for name, template in (("subnets", SUBNET), ("networkInterfaces", NETWORK_INTERFACE)):
        declared, additional = template.format("a"), template.format("b")
        live = parse_live(nsg([WEB], properties={name: [{"id": declared}, {"id": additional}]}))
        (change,) = judge(baseline([WEB], associations={name: [declared]}), live, NOW).changes
        assert (change.fields, change.severity, change.reason) == ((name,), "info", "no connection is affected")


def test_changes_of_equal_severity_are_sorted_by_kind_and_by_name_whatever_its_case() -> None:
    # A list in a new order would be written and sent again.
    names = ["b", "A", "_c", "C"]
    documents = [rule(name, priority=200 + place) for place, name in enumerate(names)]
    gone = rule("a-gone", priority=150)
    verdict = judge(baseline([gone, WEB]), parse_live(nsg([WEB, *documents])), NOW)
    assert [change.rule for change in verdict.changes] == ["_c", "A", "b", "C", "a-gone"]
