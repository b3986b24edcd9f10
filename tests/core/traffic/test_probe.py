"""Which rule decides one connection, against the oracle that decides single connections."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.core.intervals import Interval
from nsg_baseline.core.rules import normalise
from nsg_baseline.core.traffic.model import Box, Place
from nsg_baseline.core.traffic.probe import Decision, connection, decide
from nsg_baseline.core.traffic.tags import read_tags
from tests.support.traffic_points import End, Point, contains
from tests.support.traffic_points import decide as decide_point
from tests.support.traffic_rules import STRANGE, pair
from tests.support.traffic_sampler import Sampler

WEB: list[dict[str, Any]] = [
    {"name": name, "priority": priority, "direction": "Inbound", "access": access, "protocol": "Tcp",
     "sourceAddressPrefix": source, "sourcePortRange": "*",
     "destinationAddressPrefix": "10.0.0.0/24", "destinationPortRange": port}
    for name, priority, access, source, port in (
        ("no-storage", 100, "Deny", "Storage", "443"),
        ("https", 110, "Allow", "Internet", "443"),
        ("ssh", 120, "Allow", "198.51.100.0/24", "22"),
    )
]  # fmt: skip


def _decide(connection: Box, **more: Any) -> Decision:
    return decide(list(map(normalise, WEB)), connection, "Inbound", **more)


def _place(end: End) -> Place:
    number = int(end.address)
    ranges = (Interval(end.address.version, number, number),)
    return Place(tags=(end.platform,)) if end.platform else Place(ranges)


def _box(point: Point) -> Box:
    ports = [(Interval(0, port, port),) for port in (point.source_port, point.destination_port)]
    return Box((point.protocol,), ports[0], ports[1], _place(point.source), _place(point.destination))


@given(st.integers(0, 2**32))
def test_exactly_one_outcome_is_the_one_of_first_match(seed: int) -> None:
    # The oracle knows the tags and the probe does not: the correct outcome must be among the possible ones, exactly
    # once.
    rules, _ = pair(seed, STRANGE)
    for point in Sampler(random.Random(seed), rules).points(25):
        decision = decide(
            list(map(normalise, rules)), _box(point), "Inbound" if point.direction == "Inbound" else "Outbound"
        )
        matching_outcomes = [outcome for outcome in decision.outcomes for box in outcome.boxes if contains(box, point)]
        name, access = decide_point(rules, point)
        assert [(outcome.rule.name if outcome.rule else None, outcome.access) for outcome in matching_outcomes] == [
            (name, access)
        ]
        assert bool(decision.depends_on) == (len(decision.outcomes) > 1)


def test_a_certain_answer_names_the_field_in_which_each_earlier_rule_differs() -> None:
    decision = _decide(connection("tcp", "198.51.100.7", "10.0.0.4", 22))
    assert [outcome.rule and outcome.rule.name for outcome in decision.outcomes] == ["ssh"]
    assert decision.access == "Allow"
    assert [(miss.rule.name, miss.field) for miss in decision.misses] == [
        ("no-storage", "destinationPort"),
        ("https", "destinationPort"),
    ]


def test_with_an_unknown_tag_all_possible_outcomes_are_listed() -> None:
    decision = _decide(connection("Tcp", "8.8.8.8", "10.0.0.4", 443))
    assert [(outcome.rule and outcome.rule.name, outcome.access) for outcome in decision.outcomes] == [
        ("no-storage", "Deny"),
        ("https", "Allow"),
        ("AllowVnetInBound", "Allow"),
        ("DenyAllInBound", "Deny"),
    ]
    assert decision.access is None
    assert decision.depends_on == (
        "source Internet",
        "source Storage",
        "source VirtualNetwork",
        "destination VirtualNetwork",
    )


def test_an_axiom_or_a_tags_file_makes_the_answer_certain() -> None:
    # A private address is in no service tag, and the file says that 8.8.8.8 is not in Storage.
    private = _decide(connection("Tcp", "10.1.1.1", "10.0.0.4", 443))
    assert [miss.field for miss in private.misses[:2]] == ["source", "source"]
    file = {"changeNumber": 7, "values": [{"name": "Storage", "properties": {"addressPrefixes": ["20.0.0.0/8"]}}]}
    in_storage = _decide(connection("Tcp", "20.1.1.1", "10.0.0.4", 443), tags=read_tags(file))
    assert [outcome.rule and outcome.rule.name for outcome in in_storage.outcomes] == ["no-storage"]
    outside_storage = _decide(connection("Tcp", "8.8.8.8", "10.0.0.4", 443), tags=read_tags(file))
    assert outside_storage.outcomes[0].rule is not None
    assert outside_storage.outcomes[0].rule.name == "https"


def test_an_unspecified_source_port_is_named_as_a_condition() -> None:
    rule = {**WEB[2], "sourcePortRange": "1024-65535"}
    decision = decide([normalise(rule)], connection("Tcp", "198.51.100.7", "10.0.0.4", 22), "Inbound")
    assert "source port" in decision.depends_on
    closed = decide([normalise(rule)], connection("Tcp", "198.51.100.7", "10.0.0.4", 22, 2000), "Inbound")
    assert closed.depends_on == ()


def test_a_connection_between_address_families_has_no_outcome() -> None:
    assert _decide(connection("Tcp", "::1", "10.0.0.4", 22)).outcomes == ()


def test_a_rule_behind_a_wider_rule_is_not_an_outcome() -> None:
    # Its fields match the connection, but the rule before it decides.
    rules = [normalise(WEB[2]), normalise({**WEB[2], "name": "again", "priority": 130, "sourceAddressPrefix": "*"})]
    decision = decide(rules, connection("Tcp", "198.51.100.7", "10.0.0.4", 22), "Inbound")
    assert [outcome.rule and outcome.rule.name for outcome in decision.outcomes] == ["ssh"]


def test_an_unknown_protocol_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(ValueError, match="Tcp, Udp, Icmp"):
        connection("gre", "*", "*")
