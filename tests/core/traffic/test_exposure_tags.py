"""How exposure interprets tags and application security groups, with Microsoft's service tags file and without."""

from typing import Any

import pytest
from hypothesis import strategies as st

from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.likely import likely
from nsg_baseline.core.traffic.model import EVERYWHERE, PROTOCOLS, Box, Exposure, Place
from nsg_baseline.core.traffic.tags import PUBLIC, UnreadableTagsError, read_tags
from tests.support.traffic_examples import a_rule, prefix
from tests.support.traffic_rules import GROUPS

seeds = st.integers(0, 2**32)


def test_exposure_that_needs_an_internet_within_the_virtual_network_is_conditional() -> None:
    # Without a route that widens VirtualNetwork, traffic within it was allowed before and after.
    denied = a_rule("deny-internet", access="Deny", protocol="*", sourceAddressPrefix="Internet")
    exposed = exposure([], [denied])
    assert [entry.conditional for entry in exposed.entries] == [True]
    assert exposed.entries[0].effect == "Denied"
    assert likely(exposed.entries[0].boxes) == ()


def test_a_group_is_within_the_virtual_network() -> None:
    within = a_rule("web", protocol="*", sourceAddressPrefix="", sourceApplicationSecurityGroups=[{"id": GROUPS[0]}],
                    destinationAddressPrefix="", destinationApplicationSecurityGroups=[{"id": GROUPS[2]}])  # fmt: skip
    assert exposure([], [within]).entries == ()
    (entry,) = exposure([], [a_rule("no", 99, access="Deny", sourceAddressPrefix="",
                                    sourceApplicationSecurityGroups=[{"id": GROUPS[2]}])]).entries  # fmt: skip
    assert {box.source for box in entry.boxes} == {Place(EVERYWHERE, (GROUPS[2],))}


def test_denying_the_virtual_network_denies_the_health_probes() -> None:
    denied = a_rule("deny-vnet", access="Deny", protocol="*", sourceAddressPrefix="VirtualNetwork")
    probes = Box(source=Place((prefix("168.63.129.16"),)))
    exposed = exposure([], [denied], restrict=probes)
    # To other than the virtual network it is the load balancer's default rule that allowed them.
    assert {(entry.effect, entry.approved_rule, entry.live_rule) for entry in exposed.entries} == {
        ("Denied", "AllowVnetInBound", "deny-vnet"),
        ("Denied", "AllowAzureLoadBalancerInBound", "deny-vnet"),
    }
    assert all(box.source == Place((prefix("168.63.129.16"),)) for entry in exposed.entries for box in entry.boxes)


def test_platform_traffic_matches_only_its_tag() -> None:
    outbound: dict[str, Any] = {"direction": "Outbound", "access": "Deny", "protocol": "*"}
    deny_all = a_rule("deny-all", **outbound)
    both = [deny_all, a_rule("no-dns", 200, **outbound, destinationAddressPrefix="AzurePlatformDNS")]
    (entry,) = exposure([deny_all], both).entries
    assert (entry.effect, entry.approved_rule, entry.live_rule) == ("Denied", None, "no-dns")
    assert [box.destination for box in entry.boxes] == [Place(EVERYWHERE, ("AzurePlatformDNS",))]


FILE = {
    "changeNumber": 365,
    "cloud": "Public",
    "values": [
        {"name": "Storage", "properties": {"addressPrefixes": ["20.0.0.0/8", "2603:1000::/24"]}},
        {"name": "Storage.WestEurope", "properties": {"addressPrefixes": ["20.1.0.0/16"]}},
    ],
}


def test_a_tag_in_the_file_equals_its_prefixes() -> None:
    # The result names the version of the file, because the equality depends on it.
    tag = a_rule("storage", sourceAddressPrefix="Storage.WestEurope", destinationPortRange="443")
    prefixes = a_rule("prefixes", sourceAddressPrefix="20.1.0.0/16", destinationPortRange="443")
    assert exposure([tag], [prefixes], tags=read_tags(FILE)) == Exposure(change_number=365)
    assert exposure([tag], [prefixes]).entries != ()


def test_a_region_missing_from_the_file_is_within_its_service() -> None:
    unknown = a_rule("new", sourceAddressPrefix="Storage.NewRegion", destinationPortRange="443")
    whole = a_rule("all", 90, sourceAddressPrefix="20.0.0.0/7", destinationPortRange="443")
    six = a_rule("six", 91, sourceAddressPrefix="2603:1000::/20", destinationPortRange="443")
    assert exposure([whole, six], [whole, six, unknown], tags=read_tags(FILE)).entries == ()


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "changeNumber"),
        ({"values": []}, "changeNumber"),
        ({"changeNumber": 1}, "values is not a list"),
        ({"changeNumber": 1, "values": [{"name": "X"}]}, r"values\[0\]"),
        ({"changeNumber": 1, "values": [{"name": "X", "properties": {"addressPrefixes": ["x"]}}]}, r"values\[0\].*'x'"),
    ],
)
def test_an_invalid_tags_file_is_refused_with_the_field(document: Any, problem: str) -> None:
    with pytest.raises(UnreadableTagsError, match=problem):
        read_tags(document)


def test_public_addresses_are_the_internet() -> None:
    # The list is repeated here by hand, because severity and the axioms depend on it.
    outside = "9.255.255.255 11.0.0.0 100.63.255.255 172.32.0.0 192.169.0.0 168.63.129.15 223.255.255.255 2000:: 3fff::"
    inside = (
        "10.0.0.0 100.64.0.0 127.0.0.1 169.254.1.1 172.31.0.1 192.168.1.1 168.63.129.16 224.0.0.1 ::1 fd00::1 4000::"
    )
    for text, public in ((outside, True), (inside, False)):
        for address in map(prefix, text.split()):
            assert any(address.family == of and low <= address.first <= high for of, low, high in PUBLIC) == public, (
                address
            )
    assert PROTOCOLS == ("Tcp", "Udp", "Icmp", "Esp", "Ah", "Other")


@pytest.mark.parametrize(
    ("tag", "other_tag", "apart"),
    [
        ("Storage.WestEurope", "Storage.NorthEurope", True),
        ("AzureMonitor.WestEurope", "AzureMonitor.NorthEurope", False),
        ("Storage.WestEurope", "Sql.NorthEurope", False),
        ("Storage.WestEurope", "Storage", False),
    ],
)
def test_only_regions_of_one_service_are_disjoint(tag: str, other_tag: str, *, apart: bool) -> None:
    # Disjoint rules may change their order. The regions of AzureMonitor share addresses.
    first = a_rule("a", 100, sourceAddressPrefix=tag, destinationPortRange="443")
    second = a_rule("b", 110, sourceAddressPrefix=other_tag, destinationPortRange="443", access="Deny")
    swapped = [a_rule("a", 120, sourceAddressPrefix=tag, destinationPortRange="443"), second]
    assert (exposure([first, second], swapped).entries == ()) == apart
