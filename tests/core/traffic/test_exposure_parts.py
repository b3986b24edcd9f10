"""The budget, looking at a part, tags from a file, opaque values, and how boxes are written."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.core.intervals import ALL_PORTS, Interval, parse_prefix
from nsg_baseline.core.rules import Rule, normalise
from nsg_baseline.core.traffic.boxes import likely
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.model import ANYWHERE, EVERYWHERE, PROTOCOLS, Box, Exposure, Place
from nsg_baseline.core.traffic.readings import unreadable
from nsg_baseline.core.traffic.tags import PUBLIC, UnreadableTagsError, read_tags
from support.traffic_points import contains
from support.traffic_rules import GROUPS, STRANGE, pair, rule_list
from support.traffic_sampler import Sampler

seeds = st.integers(0, 2**32)


def a_rule(name: str, priority: int = 100, **more: Any) -> Rule:
    document = {
        "name": name, "priority": priority, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
        "sourceAddressPrefix": "*", "sourcePortRange": "*",
        "destinationAddressPrefix": "*", "destinationPortRange": "*",
    }  # fmt: skip
    return normalise(document | more)


def ports(first: int, last: int | None = None) -> tuple[Interval, ...]:
    return (Interval(0, first, last or first),)


def prefix(text: str) -> Interval:
    found = parse_prefix(text)
    assert found is not None
    return found


def _read(rules: list[dict[str, Any]]) -> list[Rule]:
    return list(map(normalise, rules))


RESTRICTIONS = (
    Box(("Tcp",), destination_ports=ports(22)),
    Box(("Tcp", "Udp"), destination_ports=ports(0, 1023), source=Place(tags=("Internet",))),
    Box(source=Place((prefix("10.0.0.0/8"),)), destination=Place(not_tags=("VirtualNetwork",))),
    Box(source=Place(tags=("virtualnetwork",), not_tags=("Storage.WestEurope",))),
    Box(source=Place((prefix("::/0"),))),
    Box(("Icmp", "Other"), destination_ports=ports(1)),
    Box(source=Place(tags=("AzureLoadBalancer",))),
    Box(source=Place(not_tags=("AzureLoadBalancer", GROUPS[0]))),
    Box(destination=Place(tags=("AzurePlatformDNS",))),
)


@given(seeds, st.sampled_from(RESTRICTIONS))
def test_looking_at_a_part_is_the_whole_answer_cut_to_it(seed: int, part: Box) -> None:
    # Severity asks about parts alone.
    approved, live = pair(seed, STRANGE)
    whole, cut = exposure(_read(approved), _read(live)), exposure(_read(approved), _read(live), restrict=part)
    for point in Sampler(random.Random(seed), [*approved, *live]).points(60):

        def hits(found: Exposure, point: Any = point) -> list[Any]:
            return [
                (entry.effect, entry.approved_by, entry.live_by)
                for entry in found.entries
                for box in entry.boxes
                if entry.direction == point.direction and contains(box, point)
            ]

        assert hits(cut) == (hits(whole) if contains(part, point) else [])


def _many(count: int) -> list[Rule]:
    return _read([{**one, "direction": "Inbound"} for one in rule_list(random.Random(5), count)])


def test_beyond_the_budget_it_says_so_and_what_it_tells_is_right() -> None:
    # Never a silent cut: a summary stands where boxes are missing, and the boxes that are there can be relied on.
    approved = _many(60)
    live = [*approved, a_rule("top", 99, protocol="*", access="Deny")]
    cut, whole = exposure(approved, live, budget=150), exposure(approved, live, budget=10**6)
    assert whole.exact
    assert whole.summary is None
    assert not cut.exact
    assert cut.summary == (
        "the changed traffic falls into more than 150 pieces; these are some of them, and not all are listed"
    )
    deciders = {(entry.effect, entry.approved_by, entry.live_by) for entry in whole.entries}
    assert cut.entries
    assert {(entry.effect, entry.approved_by, entry.live_by) for entry in cut.entries} <= deciders


def test_a_part_is_exact_where_the_whole_is_beyond_the_budget() -> None:
    approved = _many(60)
    live = [*approved, a_rule("top", 99, protocol="*", access="Deny")]
    part = Box(("Tcp",), destination_ports=ports(22), source=Place((prefix("8.8.8.8"),)))
    found = exposure(approved, live, budget=150, restrict=part)
    assert found.exact
    assert all(box.destination_ports == ports(22) for entry in found.entries for box in entry.boxes)


def test_an_open_port_reads_as_people_would_say_it() -> None:
    found = exposure([], [a_rule("ssh", destinationPortRange="22", sourceAddressPrefix="INTERNET")])
    (entry,) = found.entries
    assert (entry.effect, entry.direction, entry.approved_by, entry.live_by, entry.conditional) == (
        *("Allowed", "Inbound", "DenyAllInBound", "ssh"),
        False,
    )
    internet = Place(EVERYWHERE, ("Internet",))
    assert likely(entry.boxes) == (Box(("Tcp",), ALL_PORTS, ports(22), internet, ANYWHERE),)


def test_what_only_an_internet_that_is_the_virtual_network_exposes_is_conditional() -> None:
    # Without a route that widens VirtualNetwork, traffic within it was allowed before and after.
    denied = a_rule("deny-internet", access="Deny", protocol="*", sourceAddressPrefix="Internet")
    found = exposure([], [denied])
    assert [entry.conditional for entry in found.entries] == [True]
    assert found.entries[0].effect == "Denied"
    assert likely(found.entries[0].boxes) == ()


def test_a_group_is_within_the_virtual_network() -> None:
    within = a_rule("web", protocol="*", sourceAddressPrefix="", sourceApplicationSecurityGroups=[{"id": GROUPS[0]}],
                    destinationAddressPrefix="", destinationApplicationSecurityGroups=[{"id": GROUPS[2]}])  # fmt: skip
    assert exposure([], [within]).entries == ()
    (entry,) = exposure([], [a_rule("no", 99, access="Deny", sourceAddressPrefix="",
                                    sourceApplicationSecurityGroups=[{"id": GROUPS[2]}])]).entries  # fmt: skip
    assert {box.source for box in entry.boxes} == {Place(EVERYWHERE, (GROUPS[2],))}


def test_denying_the_virtual_network_cuts_off_the_health_probes() -> None:
    denied = a_rule("deny-vnet", access="Deny", protocol="*", sourceAddressPrefix="VirtualNetwork")
    probes = Box(source=Place((prefix("168.63.129.16"),)))
    found = exposure([], [denied], restrict=probes)
    # To other than the virtual network it is the load balancer's default rule that allowed them.
    assert {(entry.effect, entry.approved_by, entry.live_by) for entry in found.entries} == {
        ("Denied", "AllowVnetInBound", "deny-vnet"),
        ("Denied", "AllowAzureLoadBalancerInBound", "deny-vnet"),
    }
    assert all(box.source == Place((prefix("168.63.129.16"),)) for entry in found.entries for box in entry.boxes)


def test_platform_traffic_is_met_by_its_tag_alone() -> None:
    outbound = {"direction": "Outbound", "access": "Deny", "protocol": "*"}
    deny_all = a_rule("deny-all", **outbound)
    both = [deny_all, a_rule("no-dns", 200, **outbound, destinationAddressPrefix="AzurePlatformDNS")]
    (entry,) = exposure([deny_all], both).entries
    assert (entry.effect, entry.approved_by, entry.live_by) == ("Denied", None, "no-dns")
    assert [box.destination for box in entry.boxes] == [Place(EVERYWHERE, ("AzurePlatformDNS",))]


FILE = {
    "changeNumber": 365,
    "cloud": "Public",
    "values": [
        {"name": "Storage", "properties": {"addressPrefixes": ["20.0.0.0/8", "2603:1000::/24"]}},
        {"name": "Storage.WestEurope", "properties": {"addressPrefixes": ["20.1.0.0/16"]}},
    ],
}


def test_a_tag_of_the_file_is_its_addresses() -> None:
    # Then a tag and its prefixes are the same, and the answer says of which file that is true.
    tag = a_rule("storage", sourceAddressPrefix="Storage.WestEurope", destinationPortRange="443")
    prefixes = a_rule("prefixes", sourceAddressPrefix="20.1.0.0/16", destinationPortRange="443")
    assert exposure([tag], [prefixes], tags=read_tags(FILE)) == Exposure(change_number=365)
    assert exposure([tag], [prefixes]).entries != ()


def test_a_region_that_the_file_lacks_is_within_its_service() -> None:
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
def test_what_is_no_tag_file_is_refused_with_the_field(document: Any, problem: str) -> None:
    with pytest.raises(UnreadableTagsError, match=problem):
        read_tags(document)


def test_opaque_values_are_told_and_never_taken_for_nothing() -> None:
    # A value that Azure may take tomorrow: its traffic is unknown, so a change of it is exposure all the same.
    strange = a_rule(
        "x", protocol="Sctp", destinationPortRange="ftp", access="Allow", sourceAddressPrefix="10.0.0.0/42"
    )
    assert unreadable(strange) == ("protocol", "sourceAddressPrefix", "destinationPortRange")
    assert unreadable(a_rule("y", sourceAddressPrefix="Storage", destinationAddressPrefix="VirtualNetwork")) == ()
    (entry,) = exposure([], [strange]).entries
    for box in entry.boxes:
        assert box.protocols == ("Other",)
        assert "10.0.0.0/42" in box.source.tags
        assert "protocol sctp" in box.destination.tags
    assert exposure([strange], [a_rule("x", protocol="Foo", sourceAddressPrefix="10.0.0.0/42")]).entries != ()


def test_an_access_of_another_name_differs_from_allow_and_deny() -> None:
    rules = {access: [a_rule("r", access=access, destinationPortRange="22")] for access in ("Allow", "Deny", "Audit")}
    effects = {
        (ours, theirs): {entry.effect for entry in exposure(rules[ours], rules[theirs]).entries}
        for ours, theirs in (("Allow", "Audit"), ("Deny", "Audit"), ("Audit", "Allow"), ("Audit", "Deny"))
    }
    assert effects == {
        ("Allow", "Audit"): {"Denied"},
        ("Deny", "Audit"): {"Allowed"},
        ("Audit", "Allow"): {"Allowed"},
        ("Audit", "Deny"): {"Denied"},
    }


def test_a_side_without_values_matches_nothing() -> None:
    # Azure refuses it; read as everything it would hide what the rules behind it do.
    empty = a_rule("empty", sourceAddressPrefix="", destinationPortRange="22")
    assert unreadable(empty) == ("sourceAddressPrefix",)
    assert exposure([], [empty]).entries == ()


def test_of_two_at_one_priority_the_first_decides() -> None:
    # Callers put a tolerated rule first; Azure itself never has two.
    first, second = a_rule("first", access="Allow"), a_rule("second", access="Deny")
    assert {entry.live_by for entry in exposure([], [first, second]).entries} == {"first"}
    assert {entry.live_by for entry in exposure([], [second, first]).entries} == {"second"}


def test_no_nsg_and_no_nsg_are_the_same() -> None:
    assert exposure(None, None) == Exposure()


def test_the_internet_is_public() -> None:
    # Written down once more by hand: severity and axioms hang on this list.
    outside = "9.255.255.255 11.0.0.0 100.63.255.255 172.32.0.0 192.169.0.0 168.63.129.15 223.255.255.255 2000:: 3fff::"
    inside = (
        "10.0.0.0 100.64.0.0 127.0.0.1 169.254.1.1 172.31.0.1 192.168.1.1 168.63.129.16 224.0.0.1 ::1 fd00::1 4000::"
    )
    for text, public in ((outside, True), (inside, False)):
        for one in map(prefix, text.split()):
            assert any(one.family == of and low <= one.first <= high for of, low, high in PUBLIC) == public, one
    assert PROTOCOLS == ("Tcp", "Udp", "Icmp", "Esp", "Ah", "Other")
