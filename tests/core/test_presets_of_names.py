"""Presets of writers whose rules have fixed names: a rule with the same name and other contents does not fit."""

from typing import Any

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.nsg import parse_approved, parse_live
from nsg_baseline.core.presets import PRESETS
from nsg_baseline.core.rules import normalise
from nsg_baseline.core.verdict import judge
from tests.support.nsgs import NOW, NSG, nsg
from tests.support.rule_shorthand import arm_rule

SERVICE = "a" + "0123456789abcdef" * 2
OLDER = f"500 {SERVICE[:32]}-TCP-443-Internet allow tcp Internet -> 20.8.0.7:443"
DATABASES = "1433,1434,3306,4333,5432,6379,7000,7001,7199,9042,9160,9300,16379,26379,27017"
GENUINE = {
    "AKS": [
        OLDER,
        OLDER.replace("TCP-443", "UDP-53").replace("tcp", "udp").replace(":443", ":53"),
        OLDER.replace("443-Internet allow tcp Internet", "443-203.0.113.0_24 allow tcp 203.0.113.0/24"),
    ],
    "NRMS": [
        "101 NRMS-Rule-101 allow tcp VirtualNetwork -> *:443",
        "103 NRMS-Rule-103 allow * CorpNetPublic -> *:*",
        "104 NRMS-Rule-104 allow * CorpNetSaw -> *:*",
        f"105 NRMS-Rule-105 deny * Internet -> *:{DATABASES}",
        "106 NRMS-Rule-106 deny tcp Internet -> *:22,3389",
        "107 NRMS-Rule-107 deny tcp Internet -> *:23,135,445,5985,5986",
    ],
    "ClusterAPI": ["2200 allow_ssh allow tcp * -> *:22", "2201 allow_apiserver allow tcp * -> *:6443"],
    "ARO": ["120 apiserver_in allow tcp * -> *:6443"],
    "EntraDomainServices": [
        "101 AllowSyncWithAzureAD allow tcp AzureActiveDirectoryDomainServices -> *:443",
        "201 AllowRD allow tcp CorpNetSaw -> *:3389",
        "301 AllowPSRemoting allow tcp AzureActiveDirectoryDomainServices -> *:5986",
    ],
}
EACH = [pytest.param(preset, rule, id=rule.split()[1]) for preset, rules in GENUINE.items() for rule in rules]


@pytest.mark.parametrize(("preset", "rule"), EACH)
def test_a_genuine_rule_fits_only_its_preset(preset: str, rule: str) -> None:
    assert [name for name, fits in PRESETS.items() if fits(normalise(arm_rule(rule)))] == [preset]


@pytest.mark.parametrize(
    "edit",
    [
        {"priority": 450},
        {"direction": "Outbound"},
        {"protocol": "Icmp"},
        {"sourceAddressPrefix": "198.51.100.7"},
        {"sourcePortRange": "1024"},
        {"destinationPortRange": "8-9000", "destinationPortRanges": []},
        {"description": "for the demo"},
        {"name": "x"},
    ],
    ids=lambda edit: next(iter(edit)),
)
@pytest.mark.parametrize(("preset", "rule"), EACH)
def test_an_edited_rule_fits_no_preset(preset: str, rule: str, edit: dict[str, Any]) -> None:
    edited = normalise({**arm_rule(rule), **edit})
    assert not PRESETS[preset](edited)  # type: ignore[index]  # the keys are presets


def test_a_genuine_rule_turned_into_the_other_access_fits_no_preset() -> None:
    for preset, rules in GENUINE.items():
        for rule in rules:
            document = arm_rule(rule)
            other = {**document, "access": "Deny" if document["access"] == "Allow" else "Allow"}
            assert not PRESETS[preset](normalise(other)), rule  # type: ignore[index]  # the keys are presets


def test_a_name_for_another_port_is_a_forgery() -> None:
    assert not PRESETS["AKS"](normalise(arm_rule(OLDER.replace(":443", ":22"))))


def test_ssh_that_a_preset_opens_to_everybody_stays_reported() -> None:
    # Cluster API writes this rule by default. Tolerating its writer does not approve it.
    spec = {"target": {"resourceId": NSG}, "rules": [], "tolerate": [{"preset": "ClusterAPI"}]}
    live = parse_live(nsg([arm_rule(GENUINE["ClusterAPI"][0])]))
    (change,) = judge(parse_approved(BaselineSpec.model_validate(spec)), live, NOW).changes
    assert (change.rule, change.severity, change.tolerated_by) == ("allow_ssh", "critical", "ClusterAPI")
