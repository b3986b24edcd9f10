"""What Azure refuses, with its codes, and what it accepts: a write accepted here must be valid in Azure."""

from dataclasses import dataclass
from typing import Any

import pytest

from nsg_emulator.arm.errors import ArmError
from nsg_emulator.arm.model import Rule
from nsg_emulator.arm.prefixes import is_port_range, network, overlap
from nsg_emulator.arm.validate import check_rules
from tests.emulator.arm import recordings
from tests.emulator.arm.direct import WEB, Azure, nsg, rule

ID = f"{WEB}/securityRules/r0"
ASG = {"id": "/asg"}
EXACTLY_ONE = "must specify a non empty value for exactly one of:"


@dataclass(frozen=True, slots=True)
class Refused:
    """A rule that Azure refuses: what is otherwise in it, and the answer."""

    why: str
    properties: dict[str, Any]
    code: str
    message: str


def plural(name: str, *values: Any) -> dict[str, Any]:
    single = name.removesuffix("es") if name.endswith("fixes") else name.removesuffix("s")
    return {single: None, name: list(values)}


REFUSED = [
    Refused(
        "below the range", {"priority": 99}, "SecurityRuleInvalidPriority", "Value provided: 99 Allowed range 100-4096."
    ),
    Refused("above the range", {"priority": 4097}, "SecurityRuleInvalidPriority", "Value provided: 4097 "),
    Refused("no priority", {"priority": None}, "SecurityRuleInvalidPriority", "Value provided: 0 "),
    Refused("no number", {"priority": "high"}, "InvalidRequestFormat", "Cannot parse the request."),
    Refused("a truth is no number", {"priority": True}, "InvalidRequestFormat", "Cannot parse the request."),
    Refused("no access", {"access": None}, "InvalidRequestFormat", "Cannot parse the request."),
    Refused("an unknown access", {"access": "Permit"}, "InvalidRequestFormat", "Cannot parse the request."),
    Refused("an unknown direction", {"direction": "Sideways"}, "InvalidRequestFormat", "Cannot parse the request."),
    Refused("an unknown protocol", {"protocol": "Sctp"}, "InvalidRequestFormat", "Cannot parse the request."),
    Refused(
        "a list that is none", {"destinationPortRanges": "443"}, "InvalidRequestFormat", "Cannot parse the request."
    ),
    Refused("141 characters", {"description": "x" * 141}, "SecurityRuleDescriptionTooLong", "cannot exceed 140 chars."),
    Refused(
        "a port too high",
        {"destinationPortRange": "66600"},
        "SecurityRuleInvalidPortRange",
        "Value provided: 66600. Value should",
    ),
    Refused(
        "a range that falls", {"sourcePortRange": "20-10"}, "SecurityRuleInvalidPortRange", "Value provided: 20-10."
    ),
    Refused("no port", {"sourcePortRange": "http"}, "SecurityRuleInvalidPortRange", "Value provided: http."),
    Refused("two in one", {"sourcePortRange": "80,443"}, "SecurityRuleInvalidPortRange", "Value provided: 80,443."),
    Refused(
        "a bad one in a list",
        plural("destinationPortRanges", "80", "99999"),
        "SecurityRuleInvalidPortRange",
        "Value provided: 99999.",
    ),
    Refused(
        "a star in a list of ports",
        plural("sourcePortRanges", "*"),
        "SecurityRuleParameterContainsInvalidPortRanges",
        "SourcePortRanges",
    ),
    Refused(
        "a mask too long",
        {"sourceAddressPrefix": "10.0.0.0/42"},
        "SecurityRuleInvalidAddressPrefix",
        f"{ID} has invalid Address prefix.",
    ),
    Refused(
        "host bits",
        {"sourceAddressPrefix": "10.0.0.1/24"},
        "SecurityRuleInvalidAddressPrefix",
        "Value provided: 10.0.0.1/24",
    ),
    Refused(
        "IPv6 host bits",
        {"sourceAddressPrefix": "fd00::1/64"},
        "SecurityRuleInvalidAddressPrefix",
        "Value provided: fd00::1/64",
    ),
    Refused(
        "a range of addresses",
        {"sourceAddressPrefix": "10.0.0.1-10.0.0.9"},
        "SecurityRuleInvalidAddressPrefix",
        "Value provided: 10",
    ),
    Refused(
        "a tag in a list",
        plural("destinationAddressPrefixes", "10.0.0.0/8", "Internet"),
        "SecurityRuleParameterContainsUnsupportedValue",
        f"Security rule parameter DestinationAddressPrefix for rule with Id {ID} cannot specify existing "
        "VIRTUALNETWORK, INTERNET, AZURELOADBALANCER, '*' or system tags. Unsupported value used: Internet.",
    ),
    Refused(
        "a star in a list",
        plural("sourceAddressPrefixes", "*"),
        "SecurityRuleParameterContainsUnsupportedValue",
        "Unsupported value used: *.",
    ),
    Refused(
        "one inside another",
        plural("sourceAddressPrefixes", "10.0.0.0/8", "192.0.2.1", "10.1.0.0/16"),
        "OverlappingSubnetsNotPermittedInSecurityRule",
        f"SourceAddressPrefix for rule with Id {ID} contains overlapping subnets [10.0.0.0/8, 10.1.0.0/16], "
        "which is not permitted.",
    ),
    Refused(
        "twice the same",
        plural("destinationAddressPrefixes", "192.0.2.1", "192.0.2.1/32"),
        "OverlappingSubnetsNotPermittedInSecurityRule",
        "DestinationAddressPrefix",
    ),
    Refused(
        "both families",
        plural("sourceAddressPrefixes", "10.0.0.0/8", "fd00::/8"),
        "SecurityRuleAddressPrefixesWithMixedFamilies",
        "IPv6",
    ),
    Refused(
        "no destination",
        {"destinationAddressPrefix": ""},
        "SecurityRuleParametersNotSpecified",
        f"{EXACTLY_ONE} DestinationAddressPrefixes, DestinationAddressPrefix, DestinationApplicationSecurityGroups.",
    ),
    Refused(
        "both forms",
        {"sourceAddressPrefixes": ["10.0.0.0/8"]},
        "SecurityRuleParametersNotSpecified",
        f"{EXACTLY_ONE} Source",
    ),
    Refused(
        "a tag and a group",
        {"sourceApplicationSecurityGroups": [ASG]},
        "SecurityRuleParametersNotSpecified",
        EXACTLY_ONE,
    ),
    Refused(
        "no ports",
        {"sourcePortRange": None},
        "SecurityRuleParametersNotSpecified",
        f"{EXACTLY_ONE} SourcePortRanges, SourcePortRange.",
    ),
    Refused(
        "eleven groups",
        {"sourceAddressPrefix": None, "sourceApplicationSecurityGroups": [ASG] * 11},
        "ApplicationSecurityGroupsPerSecurityRuleLimitReached",
        "10 Source groups",
    ),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.why)
@pytest.mark.parametrize("path", [WEB, ID], ids=["in a group", "alone"])
def test_an_invalid_rule_is_refused_and_not_stored(azure: Azure, case: Refused, path: str) -> None:
    azure("PUT", WEB, nsg())
    before = azure("GET", WEB).body
    bad = rule(**case.properties)
    answer = azure("PUT", path, nsg(bad) if path == WEB else {"properties": bad})
    assert (answer.status, answer.code) == (400, case.code)
    assert case.message in answer.message
    assert "details" in answer.body["error"]
    assert azure("GET", WEB).body == before


ACCEPTED = [
    {"access": "allow", "direction": "INBOUND", "protocol": "tcp"},
    {"protocol": "*"},
    {"protocol": "Esp"},
    {"priority": 4096, "description": "x" * 140},
    {"destinationPortRange": "0-65535"},
    {"destinationPortRange": "443-443"},
    {"sourceAddressPrefix": "Storage.WestEurope"},
    {"sourceAddressPrefix": "INTERNET"},
    {"sourceAddressPrefix": "0.0.0.0/0"},
    {"sourceAddressPrefix": "192.0.2.1"},
    {"sourceAddressPrefix": "fd00::/8"},
    {"sourceAddressPrefix": "789"},
    plural("sourceAddressPrefixes", "10.0.0.0/9", "10.128.0.0/9"),
    plural("sourceAddressPrefixes", "192.0.2.1/32"),
    plural("destinationPortRanges", "80", "443", "8000-9000", "80"),
    {"sourceAddressPrefix": "", "sourceApplicationSecurityGroups": [ASG]},
    {"sourceAddressPrefix": None, "sourceApplicationSecurityGroups": [ASG, ASG]},
]


@pytest.mark.parametrize("properties", ACCEPTED, ids=str)
def test_a_valid_rule_is_stored_as_sent_except_for_access_and_direction(
    azure: Azure, properties: dict[str, Any]
) -> None:
    sent = rule(**properties)
    assert azure("PUT", WEB, nsg(sent)).status == 201
    kept = azure("GET", ID).body["properties"]
    normal = {"access": "Allow", "direction": "Inbound"}
    assert {name: kept[name] for name in sent} == {**sent, **normal}


def test_integer_ports_are_stored_as_text(azure: Azure) -> None:
    azure("PUT", WEB, nsg(rule(destinationPortRange=443, sourcePortRange=None, sourcePortRanges=[0, "80-90"])))
    kept = azure("GET", ID).body["properties"]
    assert (kept["destinationPortRange"], kept["sourcePortRanges"]) == ("443", ["0", "80-90"])


def test_two_rules_of_one_priority_and_direction_conflict(azure: Azure) -> None:
    answer = azure("PUT", WEB, nsg(rule(), rule()))
    assert (answer.status, answer.code) == (400, "SecurityRuleConflict")
    assert (
        answer.message == "Security rule r1 conflicts with rule r0. Rules cannot have the same Priority and Direction."
    )
    assert azure("PUT", WEB, nsg(rule(), rule(direction="outbound"))).status == 201
    assert azure("PUT", f"{WEB}/securityRules/other", {"properties": rule()}).code == "SecurityRuleConflict"


def test_two_rules_can_exchange_priorities_only_in_one_put(azure: Azure) -> None:
    azure("PUT", WEB, nsg(rule(priority=100), rule(priority=101)))
    assert azure("PUT", f"{WEB}/securityRules/r0", {"properties": rule(priority=101)}).code == "SecurityRuleConflict"
    assert azure("PUT", WEB, nsg(rule(priority=101), rule(priority=100))).status == 200


def test_names_are_checked_and_unique(azure: Azure) -> None:
    assert azure("PUT", f"{WEB}-", nsg()).code == "InvalidResourceName"
    assert azure("PUT", f"{WEB}{'x' * 80}", nsg()).code == "InvalidResourceName"
    azure("PUT", WEB, nsg())
    assert azure("PUT", f"{WEB}/securityRules/a b", {"properties": rule()}).code == "InvalidResourceName"
    twice = nsg(rule(), rule(priority=101))
    twice["properties"]["securityRules"][1]["name"] = "R0"
    assert azure("PUT", WEB, twice).code == "DuplicateResourceName"
    assert (
        azure("PUT", WEB, {"location": "westeurope", "properties": {"securityRules": [{}]}}).code
        == "InvalidRequestContent"
    )


def test_a_thousand_rules_are_the_limit(azure: Azure) -> None:
    rules = [rule(priority=100 + number) for number in range(1001)]
    assert azure("PUT", WEB, nsg(*rules[:1000])).status == 201
    assert azure("PUT", WEB, nsg(*rules)).code == "SecurityRulesPerNetworkSecurityGroupLimitReached"


def test_four_thousand_addresses_per_side_are_the_limit() -> None:
    """Three thousand on both sides are fine: the sides are counted apart."""
    many = [f"10.{number // 250}.{number % 250}.0/24" for number in range(3000)]
    sources = [
        Rule(name, {**rule(priority=at), "sourceAddressPrefixes": many}) for name, at in (("a", 100), ("b", 101))
    ]
    on_both_sides = Rule("c", {**rule(priority=102), "sourceAddressPrefixes": many, "destinationAddressPrefixes": many})
    check_rules([on_both_sides], WEB)
    with pytest.raises(ArmError, match="4000 source address prefixes"):
        check_rules(sources, WEB)


def test_every_recorded_nsg_can_be_put_as_it_was_returned(azure: Azure) -> None:
    """What Azure once took, the emulator must take: validation that is stricter than Azure's would hide bugs."""
    answers = [pair.answer for pair in recordings.load() if pair.status == 200 and isinstance(pair.answer, dict)]
    shown = [item for answer in answers for item in answer.get("value", [answer])]
    groups = [item for item in shown if "securityRules" in item.get("properties", {})]
    assert len(groups) == 200
    for number, group in enumerate(groups):
        path = f"{WEB}-{number}"
        answer = azure("PUT", path, group)
        assert answer.status == 201, (group["id"], answer.body)
        rules = azure("GET", path).body["properties"]["securityRules"]
        assert [item["name"] for item in rules] == [item["name"] for item in group["properties"]["securityRules"]]


@pytest.mark.parametrize(
    ("text", "good"), [("0", True), ("65535", True), ("65536", False), ("1-2-3", False), ("-1", False), ("", False)]
)
def test_invalid_ports_are_refused(text: str, *, good: bool) -> None:
    assert is_port_range(text) is good


@pytest.mark.parametrize(
    ("text", "good"), [("10.0.0.0", True), ("10.0.0.256", False), ("::1", True), ("10/8", False), ("1.2.3.4/", False)]
)
def test_invalid_prefixes_are_refused(text: str, *, good: bool) -> None:
    assert (network(text) is not None) is good


def test_overlap_is_found_between_prefixes_that_are_not_adjacent() -> None:
    """The widest prefix must be remembered past one that lies in it."""
    assert overlap(["10.0.0.0/8", "11.0.0.0/8"]) is None
    assert overlap(["11.0.0.0/16", "9.0.0.0/8", "8.0.0.0/6"]) == ("8.0.0.0/6", "9.0.0.0/8")
