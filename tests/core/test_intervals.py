"""Intervals of ports and addresses."""

import ipaddress
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.core.intervals import ALL_PORTS, Interval, merge, parse_ports, parse_prefix, port_text, prefixes
from tests.support.rules import prefixes as prefix_texts


@st.composite
def _small(draw: st.DrawFn) -> Interval:
    first = draw(st.integers(0, 40))
    return Interval(draw(st.sampled_from((4, 6))), first, draw(st.integers(first, 45)))


def _members(intervals: tuple[Interval, ...] | list[Interval]) -> set[tuple[int, int]]:
    return {(interval.family, number) for interval in intervals for number in range(interval.first, interval.last + 1)}


@given(st.lists(_small(), max_size=8))
def test_merge_keeps_exactly_the_members(intervals: list[Interval]) -> None:
    # An added or lost member would make two different rules equal. The model is a plain set.
    assert _members(merge(intervals)) == _members(intervals)


@given(st.lists(_small(), max_size=8), st.randoms())
def test_equal_sets_merge_to_equal_values(intervals: list[Interval], randoms: random.Random) -> None:
    # Two sets are equal if their merged values are equal, so order and duplicates must not matter, and no intervals
    # touch.
    shuffled = [*intervals, *intervals[:2]]
    randoms.shuffle(shuffled)
    merged = merge(shuffled)
    assert merged == merge(intervals)
    for left, right in itertools.pairwise(merged):
        assert left < right
        assert left.family != right.family or left.last + 1 < right.first


@given(st.sampled_from((4, 6)).flatmap(lambda family: st.lists(prefix_texts(family), min_size=1, max_size=5)))
def test_prefixes_invert_parse_prefix(texts: list[str]) -> None:
    # A remediation writes merged prefixes. They must be exactly the approved addresses.
    merged = merge(filter(None, map(parse_prefix, texts)))
    written = [text for interval in merged for text in prefixes(interval)]
    assert merge(filter(None, map(parse_prefix, written))) == merged
    assert len(written) <= len(texts)


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_parse_prefix_masks_host_bits(address: int, length: int) -> None:
    # Azure sometimes keeps host bits as sent. They have no meaning.
    network = ipaddress.ip_network((address, length), strict=False)
    parsed = parse_prefix(f"{ipaddress.IPv4Address(address)}/{length}")
    assert parsed == Interval(4, int(network.network_address), int(network.broadcast_address))


@pytest.mark.parametrize(
    "text",
    [
        "Internet",  # a tag
        "789",  # ipaddress would take it for 0.0.3.21; Azure once stored it as it is
        "*",
        "",
        "10.0.0.0/42",
        "10.0.0.0/",
        "10.0.0.0/255.255.255.0",  # a netmask, which ARM does not know
        "10.0.0.0/0.0.0.255",  # a host mask: another set than it looks like
        "fe80::1%eth0",  # the zone would be dropped, so two addresses would be one
        "10.0.0.1-10.0.0.9",
        "010.0.0.1",
        "Storage.WestEurope",
    ],
)
def test_a_text_that_is_not_a_prefix_is_not_parsed(text: str) -> None:
    assert parse_prefix(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "80-",
        "-80",
        "90-80",
        "65536",
        "0-65536",
        "8O",
        "80 ",
        "1-2-3",
        "٤٤٣",
        pytest.param("9" * 5000, id="endless"),
    ],
)
def test_a_text_that_is_not_a_port_range_is_not_parsed(text: str) -> None:
    # The last is longer than int() accepts. It must not end the reconcile.
    assert parse_ports(text) is None


@given(st.integers(0, 65535), st.integers(0, 65535))
def test_port_text_inverts_parse_ports(port: int, other_port: int) -> None:
    # The displayed ports must be the ports of the rule.
    interval = Interval(0, min(port, other_port), max(port, other_port))
    assert parse_ports(port_text(interval)) == interval


def test_all_ports_have_one_form() -> None:
    # * and 0-65535 are the same traffic.
    assert parse_ports("*") == parse_ports("0-65535") == ALL_PORTS[0]
    assert port_text(ALL_PORTS[0]) == "*"
