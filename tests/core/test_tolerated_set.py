"""Tolerated rules are judged together: what they open beyond what is approved, and what they make ineffective."""

from hashlib import md5
from typing import Any

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.nsg import parse_approved, parse_live
from nsg_baseline.core.verdict import Verdict, judge
from tests.support.nsgs import NOW, NSG, nsg
from tests.support.rule_shorthand import arm_rule

WEB = "100 web allow tcp Internet -> *:443"
NO_SSH = "200 no-ssh deny tcp * -> *:22"
APP = "300 app allow tcp 10.0.0.0/8 -> *:8443"


def _judge(approved: list[str], live: list[Any], tolerate: list[dict[str, Any]] | None = None) -> Verdict:
    spec = {
        "target": {"resourceId": NSG},
        "rules": [arm_rule(text) for text in approved],
        "tolerate": tolerate or [{"name": "corp-*"}],
    }
    documents = [arm_rule(rule) if isinstance(rule, str) else rule for rule in live]
    return judge(parse_approved(BaselineSpec.model_validate(spec)), parse_live(nsg(documents)), NOW)


def _reported(verdict: Verdict) -> dict[str | None, tuple[str, str | None]]:
    return {change.rule: (change.severity, change.tolerated_by) for change in verdict.changes}


@pytest.mark.parametrize(
    ("rule", "severity"),
    [
        ("90 corp-a allow tcp Internet -> *:22", "critical"),
        ("90 corp-a allow tcp AzureCloud -> *:22", "critical"),
        ("90 corp-a allow tcp 198.51.100.0/24 -> *:22", "high"),
        ("90 corp-a allow tcp Internet -> *:8443", "high"),
        ("90 corp-a allow esp Internet -> *:*", "high"),
    ],
)
def test_a_tolerated_rule_that_opens_too_much_is_reported_with_its_co_owner(rule: str, severity: str) -> None:
    # Tolerating a writer approves neither its mistakes nor those who use its name.
    assert _reported(_judge([WEB], [WEB, rule])) == {"corp-a": (severity, "corp-*")}


@pytest.mark.parametrize(
    "rule",
    [
        "90 corp-a allow tcp Internet -> *:80",
        "90 corp-a allow tcp 198.51.100.7 -> *:22",
        "90 corp-a allow tcp 10.0.0.0/8 -> *:22",
        "90 corp-a deny tcp 10.0.0.0/8 -> *:8080",
        "90 corp-a deny tcp 10.9.0.0/16 -> *:8443",
        "210 corp-a allow tcp Internet -> *:22",
    ],
)
def test_other_tolerated_rules_are_compliant(rule: str) -> None:
    # Their writers change them all the time. The last one is behind an approved deny.
    assert _judge([WEB, NO_SSH, APP], [WEB, NO_SSH, APP, rule]).compliant


@pytest.mark.parametrize(
    ("rules", "severity"),
    [
        (["90 corp-1 allow tcp 20.0.0.0/9 -> *:8443", "91 corp-2 allow tcp 40.0.0.0/9 -> *:8443"], "high"),
        (["90 corp-1 allow tcp 20.0.0.0/9 -> *:22", "91 corp-2 allow tcp 40.0.0.0/9 -> *:22"], "critical"),
        (["90 corp-1 allow tcp 198.51.100.0/28 -> *:22", "91 corp-2 allow tcp 203.0.113.0/28 -> *:22"], "high"),
    ],
)
def test_tolerated_rules_that_open_too_much_together_are_reported(rules: list[str], severity: str) -> None:
    # A writer of one rule can write two.
    assert _reported(_judge([WEB], [WEB, *rules])) == {
        "corp-1": (severity, "corp-*"),
        "corp-2": (severity, "corp-*"),
    }


def test_a_tolerated_rule_that_is_harmless_is_not_reported_with_the_others() -> None:
    rules = ["90 corp-1 allow tcp Internet -> *:22", "91 corp-2 allow tcp 10.0.0.0/8 -> *:9000"]
    assert set(_reported(_judge([WEB], [WEB, *rules]))) == {"corp-1"}


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (["90 corp-a deny * * -> *:*"], "corp-a makes the approved rule app ineffective"),
        (["90 corp-a deny tcp 10.0.0.0/8 -> *:8000-9000"], "corp-a makes the approved rule app ineffective"),
        (["90 corp-a allow tcp 10.0.0.0/8 -> *:22"], None),
    ],
)
def test_a_tolerated_rule_that_makes_an_approved_rule_ineffective_is_high(rules: list[str], reason: str | None) -> None:
    # The baseline would be a list of rules that do nothing, and compliant.
    verdict = _judge([APP, NO_SSH], [APP, NO_SSH, *rules])
    assert verdict.reason == reason
    assert verdict.severity == (None if reason is None else "high")


def test_a_tolerated_allow_that_makes_an_approved_deny_ineffective_is_high() -> None:
    no = "200 no deny tcp 10.9.0.0/16 -> *:22"
    verdict = _judge([no], [no, "90 corp-a allow tcp 10.0.0.0/8 -> *:22"])
    assert (verdict.reason, _reported(verdict)) == (
        "corp-a makes the approved rule no ineffective",
        {"corp-a": ("high", "corp-*")},
    )


def test_just_in_time_access_may_deny_what_is_approved() -> None:
    # That is what it is for: it denies until somebody asks.
    deny = {
        **arm_rule(
            "90 MicrosoftDefenderForCloud-JITRule_-1106_0123456789ABCDEF0123456789ABCDEF deny * * -> 10.0.0.4:22"
        ),
        "description": "MDC JIT Network Access rule for policy 'default' of VM 'web'.",
    }
    ssh = "300 ssh allow tcp 10.0.0.0/8 -> 10.0.0.4:22"
    assert _judge([ssh], [ssh, deny], [{"preset": "DefenderJIT"}]).compliant


def test_an_aks_rule_from_azure_cloud_to_ssh_is_critical() -> None:
    # The checksum in its name is computed from public data.
    aks = {
        **arm_rule("500 x allow tcp AzureCloud -> 20.8.0.7:22"),
        "destinationAddressPrefixes": ["20.8.0.7"],
        "destinationPortRanges": ["22"],
    }
    del aks["destinationAddressPrefix"], aks["destinationPortRange"]
    aks["name"] = "k8s-azure-lb_allow_IPv4_" + md5(b"Tcp_AzureCloud_22", usedforsecurity=False).hexdigest()
    assert _reported(_judge([WEB], [WEB, aks], [{"preset": "AKS"}])) == {aks["name"]: ("critical", "AKS")}
