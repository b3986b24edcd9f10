"""What a violation of a guardrail states, and what the rules of a baseline are checked with."""

from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.api.guardrail import GuardrailSpec
from nsg_baseline.core.guardrails import NSGFacts, approved_facts, approved_violations, compiled, violations
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.rules import normalise
from nsg_baseline.core.text.guardrail_lines import document, line
from nsg_baseline.core.traffic.tags import read_tags
from tests.support.nsgs import NOW, NSG, excepted
from tests.support.rule_shorthand import arm_rule

SSH = {"direction": "Inbound", "protocols": ["Tcp"], "source": "Internet", "ports": ["22"]}
GATEWAY = {"direction": "Inbound", "protocols": ["Tcp"], "source": "GatewayManager", "ports": ["443"]}
OPEN = "100 Open-SSH allow tcp Internet -> *:22"
TABLE = read_tags(
    {"changeNumber": 1, "values": [{"name": "GatewayManager", "properties": {"addressPrefixes": ["20.0.0.0/24"]}}]}
)


def spec(**fields: Any) -> GuardrailSpec:
    return GuardrailSpec.model_validate({"severity": "high", **fields})


def test_a_violation_states_its_clause_its_rule_and_what_the_rule_does() -> None:
    # `-o json` and the notifications show exactly this.
    guardrail = compiled("g", spec(never=[{**SSH, "ports": ["23"]}, SSH], always=[GATEWAY]), "7")
    rules = [normalise(arm_rule(text)) for text in (OPEN, "200 no deny * * -> *:*")]
    assert [document(violation) for violation in violations([guardrail], rules)] == [
        {
            "guardrail": "g",
            "clause": "never[1]",
            "severity": "high",
            "effect": "Allowed",
            "direction": "Inbound",
            "rule": "Open-SSH",
            "text": "inbound TCP 22 from Internet to any",
            "exact": True,
            "boxes": [
                {
                    "protocols": ["Tcp"],
                    "sourcePorts": ["0-65535"],
                    "destinationPorts": ["22"],
                    "source": {"prefixes": ["0.0.0.0/0", "::/0"], "tags": ["Internet"], "notTags": []},
                    "destination": {"prefixes": ["0.0.0.0/0", "::/0"], "tags": [], "notTags": []},
                }
            ],
        },
        {
            "guardrail": "g",
            "clause": "always[0]",
            "severity": "high",
            "effect": "Denied",
            "direction": "Inbound",
            "rule": "no",
            "text": "inbound TCP 443 from GatewayManager to any",
            "exact": True,
            "boxes": [
                {
                    "protocols": ["Tcp"],
                    "sourcePorts": ["0-65535"],
                    "destinationPorts": ["443"],
                    "source": {"prefixes": ["0.0.0.0/0", "::/0"], "tags": ["GatewayManager"], "notTags": []},
                    "destination": {"prefixes": ["0.0.0.0/0", "::/0"], "tags": [], "notTags": []},
                }
            ],
        },
    ]
    assert (guardrail.version, compiled("g", spec(never=[SSH])).version) == ("7", "")


def test_the_facts_of_a_baseline_are_its_nsg_its_scope_and_its_tags() -> None:
    # A guardrail may apply to one scope only.
    baseline = BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": [], "tags": {"env": "prod"}})
    assert approved_facts(baseline, "production") == NSGFacts(NSGId.parse(NSG), "production", {"env": "prod"})
    assert approved_facts(baseline).scope is None


@pytest.mark.parametrize("is_exception", [False, True])
def test_a_service_tags_file_counts_for_approved_rules_and_for_exceptions(*, is_exception: bool) -> None:
    # Without it the denied prefix may belong to the service, and a baseline that is correct is refused.
    denied, gateway = (
        arm_rule("100 no deny tcp 203.0.113.0/24 -> *:*"),
        arm_rule("200 gw allow tcp GatewayManager -> *:443"),
    )
    rules = {"rules": [gateway], "exceptions": [excepted(denied)]} if is_exception else {"rules": [denied, gateway]}
    baseline = BaselineSpec.model_validate({"target": {"resourceId": NSG}, **rules})
    guardrail = compiled("gateway", spec(always=[GATEWAY]))
    assert [
        violation.rule and violation.rule.name for violation in approved_violations([guardrail], baseline, NOW)
    ] == ["no"]
    assert approved_violations([guardrail], baseline, NOW, TABLE) == ()
    later = NOW + timedelta(days=1)
    assert len(approved_violations([guardrail], baseline, later)) == (0 if is_exception else 1)


def test_what_is_too_complex_to_check_is_a_violation_that_says_so() -> None:
    # Otherwise somebody could hide an opening behind some hundred rules.
    wall = [
        f"{110 + n} r{n} deny tcp 11.{n % 50}.{n // 50}.0/24 -> 10.{n // 50}.{n % 50}.0/24:{1000 + n}-{1003 + 9 * n}"
        for n in range(350)
    ]
    guardrail = compiled("g", spec(never=[{"direction": "Inbound", "source": "Internet"}]))
    rules = [normalise(arm_rule(text)) for text in (*wall, "4000 all allow tcp Internet -> *:*")]
    (violation,) = violations([guardrail], rules)
    assert not violation.exact
    assert line(violation).endswith("; the rest is too complex to check")
    assert len(violation.boxes) == 1
