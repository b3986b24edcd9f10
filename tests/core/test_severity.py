"""Severity: each row of the table of levels, and its limits."""

from typing import Any

import pytest

from nsg_baseline.core.rules import normalise
from nsg_baseline.core.severity import Rating, rate
from nsg_baseline.core.severity_policy import SEVERITIES, SEVERITY_REASONS, severity_policy_of
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.tags import TagTable, read_tags
from tests.support.rule_shorthand import arm_rule

GATEWAY = "100 gateway allow tcp GatewayManager -> *:65200-65535"
NO_INTERNET = "100 no out deny * * -> Internet:*"
WEB = "200 web allow tcp Internet -> *:443"


def _rating(before: list[str], after: list[str] | None, tags: TagTable | None = None, **policy: object) -> Rating:
    rules = None if after is None else [normalise(arm_rule(text)) for text in after]
    difference = exposure([normalise(arm_rule(text)) for text in before], rules, tags=tags)
    settings: dict[str, Any] = {"management": None, "management_udp": None, "levels": (), **policy}
    return rate(difference.entries, severity_policy_of(**settings))


@pytest.mark.parametrize(
    ("rule", "severity", "reason"),
    [
        ("300 a allow tcp Internet -> *:22", "critical", "InternetToManagement"),
        ("300 a allow tcp * -> *:3389", "critical", "InternetToManagement"),
        ("300 a allow * * -> *:445", "critical", "InternetToManagement"),
        ("300 a allow udp * -> *:53", "critical", "InternetToManagement"),
        ("300 a allow tcp * -> *:53", "high", "InternetToPort"),
        ("300 a allow tcp 11.0.0.0/8 -> *:22", "critical", "InternetToManagement"),
        ("300 a allow tcp 11.0.0.0/9 -> *:22", "critical", "ManyToManagement"),
        ("300 a allow tcp 2000::/11 -> *:22", "critical", "InternetToManagement"),
        ("300 a allow tcp 2000::/12 -> *:22", "critical", "ManyToManagement"),
        ("300 a allow tcp ::/0 -> *:22", "critical", "InternetToManagement"),
        ("300 a allow tcp 0.0.0.0/1,128.0.0.0/1 -> *:22", "critical", "InternetToManagement"),
        ("300 a allow tcp Internet -> *:1-20", "high", "InternetToPort"),
        ("300 a allow tcp Internet -> *:1-21", "critical", "InternetToManagement"),
        ("300 a allow tcp Internet -> *:8080", "high", "InternetToPort"),
        ("300 a allow tcp Internet -> *:80", "medium", "InternetToWeb"),
        ("300 a allow udp Internet -> *:443", "medium", "InternetToWeb"),
        ("300 a allow esp Internet -> *:*", "high", "InternetToProtocol"),
        ("300 a allow ah * -> *:*", "high", "InternetToProtocol"),
        ("300 a allow icmp Internet -> *:*", "low", "IcmpOnly"),
        ("300 a allow tcp AzureCloud -> *:5432", "critical", "ManyToManagement"),
        ("300 a allow tcp AzureCloud.WestEurope -> *:22", "critical", "ManyToManagement"),
        ("300 a allow tcp Storage.WestEurope -> *:22", "high", "PublicToManagement"),
        ("300 a allow tcp 198.51.100.7 -> *:22", "medium", "FewToManagement"),
        ("300 a allow tcp 198.51.100.16/28 -> *:22", "medium", "FewToManagement"),
        ("300 a allow tcp 198.51.100.16/28,198.51.100.7 -> *:22", "high", "PublicToManagement"),
        ("300 a allow tcp 20.1.0.0/16 -> *:22", "high", "PublicToManagement"),
        ("300 a allow tcp 20.0.0.0/13 -> *:22", "high", "PublicToManagement"),
        ("300 a allow tcp 20.0.0.0/12 -> *:22", "critical", "ManyToManagement"),
        ("300 a allow tcp 2001:db8:1:2::/64 -> *:22", "medium", "FewToManagement"),
        ("300 a allow tcp 2001:db8:1::/60 -> *:22", "medium", "FewToManagement"),
        ("300 a allow tcp 2001:db8:1::/59 -> *:22", "high", "PublicToManagement"),
        ("300 a allow tcp Internet -> *:23", "critical", "InternetToManagement"),
        ("300 a allow tcp Internet -> *:389", "critical", "InternetToManagement"),
        ("300 a allow udp Internet -> *:5353", "critical", "InternetToManagement"),
        ("300 a allow tcp Internet -> *:5353", "high", "InternetToPort"),
        ("300 a allow udp Internet -> *:69", "critical", "InternetToManagement"),
        ("300 a allow icmpv6 Internet -> *:*", "low", "IcmpOnly"),
        ("300 a out allow * * -> Storage:*", "low", "Conditional"),
        ("300 a out deny * * -> AzurePlatformDNS:*", "high", "NameResolutionDenied"),
        ("300 a out deny * * -> AzurePlatformIMDS:*", "medium", "Denied"),
        ("300 a deny * * -> *:22", "medium", "Denied"),
        ("300 a deny tcp * -> *:80", "high", "PlatformDenied"),
        ("300 a deny udp * -> *:*", "medium", "Denied"),
        ("300 a deny tcp Storage -> *:443", "low", "Conditional"),
        ("150 a deny tcp Storage -> *:443", "medium", "Denied"),
        ("150 a deny tcp * -> *:443", "high", "PlatformDenied"),
        ("300 a deny * 198.51.100.0/24 -> *:*", "low", "Conditional"),
        ("300 a allow tcp 198.51.100.7 -> *:8080", "medium", "PublicAllowed"),
        ("300 a allow tcp AzureCloud -> *:8080", "medium", "PublicAllowed"),
        ("300 a allow tcp 10.0.0.0/8 -> 10.1.0.0/16:22", "medium", "PrivateAllowed"),
        ("300 a allow tcp asg:x -> 203.0.113.9:22", "medium", "PrivateAllowed"),
        ("300 a out allow tcp * -> 10.0.0.0/8:22", "medium", "OutboundAllowed"),
        ("300 a deny * * -> *:*", "high", "PlatformDenied"),
        ("300 a deny * AzureLoadBalancer -> *:*", "high", "PlatformDenied"),
        ("300 a deny tcp VirtualNetwork -> *:*", "high", "PlatformDenied"),
        ("300 a deny tcp 168.63.129.0/24 -> *:*", "high", "PlatformDenied"),
        ("300 a deny tcp 10.0.0.0/8 -> *:*", "medium", "Denied"),
        ("150 a deny tcp Internet -> *:443", "medium", "Denied"),
        ("300 a out deny * * -> *:*", "medium", "Denied"),
        ("300 a deny icmp 10.0.0.0/8 -> *:*", "low", "IcmpOnly"),
        ("300 a allow tcp Internet -> *:443", "info", "NoExposure"),
        ("300 a deny udp Internet -> *:443", "low", "Conditional"),
    ],
)
def test_a_rule_is_rated_by_the_traffic_that_it_decides(rule: str, severity: str, reason: str) -> None:
    # The level decides who is called at night. Each row is at a limit: one port, bit or protocol more gives another
    # level.
    rating = _rating([WEB], [WEB, rule])
    assert (rating.severity, rating.reason) == (severity, reason)


def test_all_ports_of_a_protocol_are_critical_even_without_management_ports() -> None:
    # A team that empties the list of management ports still needs to know that all ports are open.
    rating = _rating([], ["300 a allow udp * -> *:*"], management="", management_udp="")
    assert (rating.severity, rating.reason) == ("critical", "InternetToAllPorts")


def test_sources_of_several_rules_are_added_up_for_each_port() -> None:
    # Two halves of a wide range are a wide range on the same port. On two ports they are not.
    halves = [f"{300 + n} a{n} allow tcp {first}.0.0.0/9 -> *:22" for n, first in enumerate((11, 12))]
    assert _rating([], halves).severity == "critical"
    assert _rating([], [halves[0], halves[1].replace(":22", ":23")]).reason == "ManyToManagement"
    few = [f"{300 + n} a{n} allow tcp 198.51.{n}.0/28 -> *:22" for n in range(2)]
    assert _rating([], few).reason == "PublicToManagement"
    assert _rating([], [few[0], few[1].replace(":22", ":23")]).reason == "FewToManagement"


@pytest.mark.parametrize(
    ("before", "after", "severity", "reason"),
    [
        ([GATEWAY], [], "high", "PlatformDenied"),
        ([GATEWAY], [GATEWAY, "90 no deny * GatewayManager -> *:*"], "high", "PlatformDenied"),
        ([GATEWAY], [GATEWAY, "90 no deny * Internet -> *:*"], "high", "PlatformDenied"),
        (["100 m allow tcp ApiManagement -> *:3443"], [], "high", "PlatformDenied"),
        (["100 m allow tcp BatchNodeManagement.WestEurope -> *:29877"], [], "high", "PlatformDenied"),
        (["100 m allow tcp AzureLoadBalancer -> *:8080", "200 no deny * * -> *:*"], ["200 no deny * * -> *:*"],
         "high", "PlatformDenied"),
        (["100 m allow tcp Storage -> *:8080"], [], "medium", "Denied"),
        ([NO_INTERNET], [], "high", "OutboundUnrestricted"),
        ([NO_INTERNET], [NO_INTERNET.replace("deny *", "deny tcp")], "high", "OutboundUnrestricted"),
        ([NO_INTERNET], ["90 a out allow tcp * -> Internet:1-32767,40000-65535", NO_INTERNET], "high",
         "OutboundUnrestricted"),
        ([NO_INTERNET], ["90 a out allow tcp * -> Internet:443", NO_INTERNET], "medium", "OutboundAllowed"),
        ([NO_INTERNET], ["90 a out allow * * -> 20.0.0.0/16:*", NO_INTERNET], "medium", "OutboundAllowed"),
        (["100 no deny * Internet -> *:*", "200 in allow * VirtualNetwork -> *:*"],
         ["200 in allow * VirtualNetwork -> *:*"], "medium", "ConditionalAllowed"),
        (["100 no deny * Internet -> *:*"], [], "medium", "ConditionalAllowed"),
        ([], ["100 no deny * Internet -> *:*"], "low", "Conditional"),
    ],
)  # fmt: skip
def test_a_change_is_rated_by_the_traffic_that_it_decides(
    before: list[str], after: list[str], severity: str, reason: str
) -> None:
    # Closing what the platform needs stops a service, and opening the way out lets data leave.
    rating = _rating(before, after)
    assert (rating.severity, rating.reason) == (severity, reason)


TAGS = read_tags(
    {
        "changeNumber": 1,
        "values": [
            {"name": name, "properties": {"addressPrefixes": prefixes}}
            for name, prefixes in {
                "GatewayManager": ["20.1.0.0/24", "20.2.0.0/24"],
                "AzureCloud.SmallRegion": ["20.3.0.0/28"],
                "Storage": ["20.4.0.0/30"],
                "ApiManagement": ["20.5.0.0/24"],
            }.items()
        ],
    }
)


@pytest.mark.parametrize(
    ("before", "after", "severity"),
    [
        ([GATEWAY], [], "high"),
        ([GATEWAY], [GATEWAY, "90 no deny * GatewayManager -> *:*"], "high"),
        (["100 web allow tcp Internet -> *:443"], ["90 no deny * GatewayManager -> *:*",
                                                  "100 web allow tcp Internet -> *:443"], "high"),
        (["100 m allow tcp ApiManagement -> *:3443"], [], "high"),
        ([], ["100 a allow tcp AzureCloud.SmallRegion -> *:22"], "critical"),
        ([], ["100 a allow tcp Storage -> *:22"], "high"),
    ],
)  # fmt: skip
def test_a_service_tags_file_does_not_lower_the_severity(before: list[str], after: list[str], severity: str) -> None:
    # The addresses of a tag say less than its name about who can use them.
    assert [_rating(before, after).severity, _rating(before, after, tags=TAGS).severity] == [severity, severity]


def test_a_deleted_nsg_does_not_expose_standard_addresses() -> None:
    # Standard public addresses are closed without an NSG, so "critical" would be a false alarm.
    assert _rating([WEB], None).severity == "medium"


def test_a_rule_behind_a_deny_is_info() -> None:
    # The rule allows SSH from the Internet, but the deny before it decides.
    deny = "200 no deny * Internet -> *:*"
    assert _rating([deny], [deny, "300 ssh allow tcp Internet -> *:22"]).severity == "info"


def test_the_reason_names_the_most_serious_rule() -> None:
    # With ten changes at night, the reader needs the most serious one.
    rules = ["300 web allow tcp Internet -> *:443", "310 db allow tcp Internet -> *:5432", "320 p allow icmp * -> *:*"]
    assert _rating([], rules).explanation == "rule db opens TCP 5432 to the Internet"


def test_levels_and_management_ports_are_configurable() -> None:
    # Some teams expect public web servers; for others port 8443 is a management port.
    assert _rating([], [WEB], levels=["internettoweb=low"]).severity == "low"
    rule = "300 a allow tcp Internet -> *:8443"
    assert _rating([], [rule], management="8443").severity == "critical"
    assert _rating([], [rule], management="22").severity == "high"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Web=low", "'Web' is none of InternetToManagement"),
        ("InternetToWeb=loud", "'loud' is none of critical, high, medium, low, info"),
        ("InternetToWeb", "'' is none of critical"),
    ],
)
def test_an_invalid_level_is_refused_with_the_valid_ones(text: str, message: str) -> None:
    # A setting that is ignored silently would only be noticed during an incident.
    with pytest.raises(ValueError, match=message):
        severity_policy_of(None, None, [text])


def test_every_severity_reason_has_a_level() -> None:
    # A reason without a level would make a reconcile fail in production.
    policy = severity_policy_of(None, None, ())
    assert {policy.severity(reason) for reason in SEVERITY_REASONS} <= set(SEVERITIES)
