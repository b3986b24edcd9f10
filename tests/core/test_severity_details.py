"""How an assessment uses the severity policy and the service tags file, and which changes it counts as openings."""

from typing import Any

import pytest

from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.nsg import LiveNSG, parse_live
from nsg_baseline.core.severity_policy import severity_policy_of
from nsg_baseline.core.traffic.tags import read_tags
from nsg_baseline.core.verdict import Verdict, judge, judge_unbaselined
from tests.support.nsgs import NETWORK_INTERFACE, NOW, SUBNET, baseline, nsg
from tests.support.rule_shorthand import arm_rule

WEB = "100 web allow tcp Internet -> *:443"
SSH = "200 ssh allow tcp Internet -> *:22"
NO = "150 no deny tcp Internet -> *:22"
GATEWAY = "300 gw allow tcp GatewayManager -> *:22"
NO_GATEWAY = "250 no-gw deny tcp 20.0.0.0/24 -> *:22"
TABLE = read_tags(
    {
        "changeNumber": 1,
        "values": [{"name": "GatewayManager", "properties": {"addressPrefixes": ["20.0.0.0/24"]}}],
    }
)
WITH_TABLE = SeverityConfig(tags=TABLE)


def live(*rules: str, **fields: Any) -> LiveNSG:
    return parse_live(nsg(map(arm_rule, rules), **fields))


def judged(approved: list[str], rules: list[str] | None, config: SeverityConfig | None = None, **spec: Any) -> Verdict:
    nsg_now = live(*rules) if rules is not None else None
    return judge(baseline(map(arm_rule, approved), **spec), nsg_now, NOW, config or SeverityConfig())


@pytest.mark.parametrize(
    ("why", "approved", "rules", "opens"),
    [
        ("a new allow", [], [SSH], {"ssh": True}),
        ("a new deny", [WEB], [NO, WEB], {"no": False}),
        ("a deleted deny", [NO, SSH], [SSH], {"no": True}),
        ("a deleted allow", [WEB], [], {"web": False}),
        ("a wider allow", [WEB], [WEB.replace("443", "440-443")], {"web": True}),
        ("a narrower allow", [WEB.replace("443", "440-443")], [WEB], {"web": False}),
        ("an allow behind a deny", [NO], [NO, SSH], {"ssh": False}),
        ("an allow of a tag for whose addresses the rest is unclear", [WEB], [NO_GATEWAY, GATEWAY, WEB], None),
    ],
)
def test_which_changes_allow_what_is_not_approved(
    why: str, approved: list[str], rules: list[str], opens: dict[str, bool] | None
) -> None:
    # An incident that opens traffic is written about differently from one that only closes some.
    changes = {change.rule: change.opens for change in judged(approved, rules).changes}
    assert changes == (opens or {"no-gw": False, "gw": True}), why


def test_the_service_tags_file_counts_for_every_exposure() -> None:
    # With the file the denied prefix is the whole service, so that the rule behind it opens nothing.
    without, with_table = (
        judged([WEB], [NO_GATEWAY, GATEWAY, WEB], config) for config in (SeverityConfig(), WITH_TABLE)
    )
    assert [(change.rule, change.severity, change.opens) for change in with_table.changes] == [
        ("no-gw", "low", False),
        ("gw", "info", False),
    ]
    assert without.severity == "high"
    alone, alone_with_table = (
        judge_unbaselined(live(NO_GATEWAY, GATEWAY), config) for config in (SeverityConfig(), WITH_TABLE)
    )
    assert [entry.entry.live_rule for entry in alone.exposure] != []
    assert [entry.entry for entry in alone_with_table.exposure if entry.entry.effect == "Allowed"] == []
    assert (alone.change.severity, alone_with_table.change.severity) == ("high", "low")
    # The place where the NSG is missing: the denied service is not denied there any more.
    attached = {"associations": {"subnets": [SUBNET.format("a")]}}
    both = [NO_GATEWAY, GATEWAY, WEB]
    detached, detached_with_table = (
        judged(both, both, config, **attached) for config in (SeverityConfig(), WITH_TABLE)
    )
    assert detached.exposure != detached_with_table.exposure


STRICT = SeverityConfig(
    severity_policy_of("4444", None, ["NSGCreated=high", "NoExposure=low", "OutboundAllowed=critical"])
)
OPEN_4444 = "200 odd allow tcp Internet -> *:4444"
OUT = "300 no-out out deny * * -> Internet:*"


@pytest.mark.parametrize(
    ("why", "approved", "rules", "expected"),
    [
        ("a port that the policy names", [WEB], [WEB, OPEN_4444], "critical"),
        ("a port that it does not name any more", [WEB], [WEB, SSH], "high"),
        ("what opens nothing has the level of the policy", [WEB], [WEB.replace("100", "110")], "low"),
        ("an NSG that is deleted opens the outbound traffic that was denied", [OUT], None, "critical"),
    ],
)
def test_the_severity_policy_counts_for_every_change(
    why: str, approved: list[str], rules: list[str] | None, expected: str
) -> None:
    verdict = judged(approved, rules, STRICT)
    assert ({change.severity for change in verdict.changes}, verdict.severity) == ({expected}, expected), why


def test_the_severity_policy_counts_for_attachments_and_for_an_nsg_without_a_baseline() -> None:
    for name, template in (("subnets", SUBNET), ("networkInterfaces", NETWORK_INTERFACE)):
        declared = {"associations": {name: [template.format("a")]}}
        (change,) = judged([OUT], [OUT], STRICT, **declared).changes
        assert change.severity == "critical", "the outbound traffic is not filtered there any more"
        more = live(OUT, properties={name: [{"id": template.format(part)} for part in "ab"]})
        (added,) = judge(baseline([arm_rule(OUT)], **declared), more, NOW, STRICT).changes
        assert added.severity == "low"
    (tagged,) = judged([WEB], [WEB], STRICT, tags={"env": "prod"}).changes
    assert tagged.severity == "low"
    assert judge_unbaselined(live(), STRICT).change.severity == "high"
    assert judge_unbaselined(live(OPEN_4444), STRICT).change.severity == "critical"
    assert judge_unbaselined(live(OPEN_4444)).change.severity == "high"


def test_an_nsg_with_a_network_interface_alone_is_attached() -> None:
    # An opening there is as serious as in one with a subnet.
    for name, template in (("subnets", SUBNET), ("networkInterfaces", NETWORK_INTERFACE)):
        attached = live(WEB, SSH, properties={name: [{"id": template.format("a")}]})
        verdict = judge(baseline([arm_rule(WEB)], associations={name: [template.format("a")]}), attached, NOW)
        assert {change.rule: change.severity for change in verdict.changes} == {"ssh": "critical"}


@pytest.mark.parametrize(
    ("rule", "severity"),
    [
        ("200 a allow tcp 20.1.0.0/16 -> *:22", "high"),
        ("200 a allow udp 20.1.0.0/16 -> *:161", "high"),
        ("200 a allow tcp 20.1.0.0/16 -> *:161", "medium"),
        ("200 a allow esp 20.1.0.0/16 -> *:*", "medium"),
        ("200 a allow * 20.1.0.0/16 -> *:*", "high"),
        ("200 a allow * Internet -> *:*", "critical"),
        ("200 a allow esp Internet -> *:*", "high"),
        ("200 a allow ah Internet -> *:*", "high"),
        ("200 a allow icmp Internet -> *:*", "low"),
    ],
)
def test_the_protocol_of_public_traffic_decides_which_ports_are_dangerous(rule: str, severity: str) -> None:
    assert judged([], [rule]).severity == severity
