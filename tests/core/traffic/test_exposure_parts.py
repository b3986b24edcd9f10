"""Exposure of a part of the traffic, the budget, opaque values, and the form of boxes."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.core.intervals import ALL_PORTS
from nsg_baseline.core.rules import Rule, normalise
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.likely import likely
from nsg_baseline.core.traffic.model import ANYWHERE, EVERYWHERE, Box, Exposure, Place
from nsg_baseline.core.traffic.rule_semantics import unreadable
from tests.support.traffic_examples import a_rule, ports, prefix
from tests.support.traffic_points import contains
from tests.support.traffic_rules import GROUPS, STRANGE, pair, rule_list
from tests.support.traffic_sampler import Sampler

seeds = st.integers(0, 2**32)


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
def test_the_exposure_of_a_part_is_the_whole_exposure_restricted_to_it(seed: int, part: Box) -> None:
    # Severity computes the exposure of parts only.
    approved, live = pair(seed, STRANGE)
    whole, cut = exposure(_read(approved), _read(live)), exposure(_read(approved), _read(live), restrict=part)
    for point in Sampler(random.Random(seed), [*approved, *live]).points(60):

        def hits(exposed: Exposure, point: Any = point) -> list[Any]:
            return [
                (entry.effect, entry.approved_rule, entry.live_rule)
                for entry in exposed.entries
                for box in entry.boxes
                if entry.direction == point.direction and contains(box, point)
            ]

        assert hits(cut) == (hits(whole) if contains(part, point) else [])


def _inbound_rules(count: int) -> list[Rule]:
    return _read([{**document, "direction": "Inbound"} for document in rule_list(random.Random(5), count)])


def test_beyond_the_budget_the_result_has_a_summary_and_correct_boxes() -> None:
    # Boxes are never left out silently: a summary stands for the missing ones, and the listed ones are correct.
    approved = _inbound_rules(60)
    live = [*approved, a_rule("top", 99, protocol="*", access="Deny")]
    cut, whole = exposure(approved, live, budget=150), exposure(approved, live, budget=10**6)
    assert whole.exact
    assert whole.summary is None
    assert not cut.exact
    assert cut.summary == (
        "the changed traffic falls into more than 150 pieces; these are some of them, and not all are listed"
    )
    deciders = {(entry.effect, entry.approved_rule, entry.live_rule) for entry in whole.entries}
    assert cut.entries
    assert {(entry.effect, entry.approved_rule, entry.live_rule) for entry in cut.entries} <= deciders


def test_a_part_can_be_exact_when_the_whole_is_beyond_the_budget() -> None:
    approved = _inbound_rules(60)
    live = [*approved, a_rule("top", 99, protocol="*", access="Deny")]
    part = Box(("Tcp",), destination_ports=ports(22), source=Place((prefix("8.8.8.8"),)))
    exposed = exposure(approved, live, budget=150, restrict=part)
    assert exposed.exact
    assert all(box.destination_ports == ports(22) for entry in exposed.entries for box in entry.boxes)


def test_an_open_port_is_one_box() -> None:
    exposed = exposure([], [a_rule("ssh", destinationPortRange="22", sourceAddressPrefix="INTERNET")])
    (entry,) = exposed.entries
    assert (entry.effect, entry.direction, entry.approved_rule, entry.live_rule, entry.conditional) == (
        *("Allowed", "Inbound", "DenyAllInBound", "ssh"),
        False,
    )
    internet = Place(EVERYWHERE, ("Internet",))
    assert likely(entry.boxes) == (Box(("Tcp",), ALL_PORTS, ports(22), internet, ANYWHERE),)


def test_opaque_values_are_reported_and_count_as_traffic() -> None:
    # Azure may accept such a value one day. Its traffic is unknown, so a change of it is exposure.
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


def test_an_unknown_access_differs_from_allow_and_deny() -> None:
    rules = {access: [a_rule("r", access=access, destinationPortRange="22")] for access in ("Allow", "Deny", "Audit")}
    effects = {
        (approved_access, live_access): {
            entry.effect for entry in exposure(rules[approved_access], rules[live_access]).entries
        }
        for approved_access, live_access in (
            ("Allow", "Audit"),
            ("Deny", "Audit"),
            ("Audit", "Allow"),
            ("Audit", "Deny"),
        )
    }
    assert effects == {
        ("Allow", "Audit"): {"Denied"},
        ("Deny", "Audit"): {"Allowed"},
        ("Audit", "Allow"): {"Allowed"},
        ("Audit", "Deny"): {"Denied"},
    }


def test_a_rule_without_source_addresses_matches_nothing() -> None:
    # Azure refuses it. If it matched everything, it would hide the rules behind it.
    empty = a_rule("empty", sourceAddressPrefix="", destinationPortRange="22")
    assert unreadable(empty) == ("sourceAddressPrefix",)
    assert exposure([], [empty]).entries == ()


def test_of_two_rules_with_one_priority_the_first_decides() -> None:
    # Callers put a tolerated rule first. Azure itself has no two rules with one priority.
    first, second = a_rule("first", access="Allow"), a_rule("second", access="Deny")
    assert {entry.live_rule for entry in exposure([], [first, second]).entries} == {"first"}
    assert {entry.live_rule for entry in exposure([], [second, first]).entries} == {"second"}


def test_two_absent_nsgs_have_no_exposure() -> None:
    assert exposure(None, None) == Exposure()


@pytest.mark.parametrize(
    "part",
    [
        {"access": "Deny"},
        {"direction": "Outbound"},
        {"protocol": "Udp"},
        {"sourcePortRange": "1024-65535"},
        {"sourcePortRange": "ftp"},
        {"destinationPortRange": "23"},
        {"destinationPortRange": "ssh"},
        {"sourceAddressPrefix": "198.51.100.0/25"},
        {"sourceAddressPrefix": "Sql"},
        {"destinationAddressPrefix": "10.0.0.0/25"},
        {"destinationAddressPrefix": "Sql"},
        {"sourceAddressPrefix": "", "sourceApplicationSecurityGroups": [{"id": GROUPS[0]}]},
        {"destinationAddressPrefix": "", "destinationApplicationSecurityGroups": [{"id": GROUPS[0]}]},
    ],
    ids=str,
)
def test_every_field_of_a_rule_is_compared(part: dict[str, Any]) -> None:
    # A field that is not compared would make two different rules equal.
    source_and_port: dict[str, Any] = {"sourceAddressPrefix": "198.51.100.0/24", "destinationPortRange": "22"}
    inside: dict[str, Any] = {"destinationAddressPrefix": "10.0.0.0/24"}
    assert (
        exposure(
            [a_rule("r", **source_and_port, **inside)], [a_rule("r", **{**source_and_port, **inside, **part})]
        ).entries
        != ()
    )
    groups: dict[str, Any] = {"sourceApplicationSecurityGroups": [{"id": GROUPS[1]}]}
    assert exposure([a_rule("r", **source_and_port)], [a_rule("r", **source_and_port, **groups)]).entries != ()


def test_different_opaque_ports_are_different_traffic() -> None:
    for field in ("sourcePortRange", "destinationPortRange"):
        ftp, ssh = (a_rule("r", 100, **{field: word}) for word in ("ftp", "ssh"))
        assert exposure([ftp], [ssh]).entries != ()


def _in_group(side: str, group: str) -> dict[str, Any]:
    return {f"{side}AddressPrefix": "", f"{side}ApplicationSecurityGroups": [{"id": group}]}


def test_groups_of_either_side_are_compared() -> None:
    for side in ("source", "destination"):
        approved, live = (a_rule("r", 100, access="Deny", **_in_group(side, group)) for group in GROUPS[:2])
        assert {entry.effect for entry in exposure([approved], [live]).entries} == {"Allowed", "Denied"}


def test_a_part_that_excludes_a_tag_contains_none_of_its_traffic() -> None:
    opened = [a_rule("ssh", destinationPortRange="22", sourceAddressPrefix="Internet")]
    for side, exposed in ((Place(not_tags=("Internet",)), False), (Place(not_tags=("Storage",)), True)):
        assert bool(exposure([], opened, restrict=Box(source=side)).entries) == exposed


def test_the_ports_of_a_part_do_not_restrict_protocols_without_ports() -> None:
    opened = [a_rule("all", protocol="*")]
    exposed = exposure([], opened, restrict=Box(("Tcp", "Icmp"), destination_ports=ports(22)))
    limits = {(box.protocols, box.destination_ports) for entry in exposed.entries for box in entry.boxes}
    assert limits == {(("Tcp",), ports(22)), (("Icmp",), ALL_PORTS)}


def test_excluded_addresses_are_not_listed_if_a_tag_implies_them() -> None:
    # Internet excludes the private ranges, and "not VirtualNetwork" excludes the health probes.
    everything = [a_rule("any", protocol="*")]
    places = {box.source for entry in exposure([], everything).entries for box in entry.boxes}
    assert Place(EVERYWHERE, (), ("VirtualNetwork",)) in places
