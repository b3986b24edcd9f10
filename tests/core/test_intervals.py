"""Intervals of ports and addresses."""

import ipaddress
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.core.intervals import (
    ALL_IPV4,
    ALL_IPV6,
    ALL_PORTS,
    Interval,
    common,
    merge,
    parse_ports,
    parse_prefix,
    port_text,
    prefix_over,
    prefixes,
    without,
)
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


def _ranges(text: str) -> tuple[Interval, ...]:
    """Return ranges from a text such as `4:1-3 6:7`, in the order of the text."""
    parts = [part.replace("-", ":").split(":") for part in text.split()]
    return tuple(Interval(int(family), int(ends[0]), int(ends[-1])) for family, *ends in parts)


@pytest.mark.parametrize(
    ("ranges", "merged"),
    [
        ("", ""),
        ("4:1-3 4:4-5", "4:1-5"),
        ("4:1-3 4:5-6", "4:1-3 4:5-6"),
        ("4:5-6 4:1-3", "4:1-3 4:5-6"),
        ("4:1-9 4:2-3", "4:1-9"),
        ("4:1-3 6:4-5", "4:1-3 6:4-5"),
        ("4:1-3 4:3-7 4:8-9", "4:1-9"),
    ],
)
def test_ranges_that_meet_are_merged(ranges: str, merged: str) -> None:
    # Azure stores 443 and 444 as they were sent, and they are 443-444.
    assert merge(_ranges(ranges)) == _ranges(merged)


@pytest.mark.parametrize(
    ("ranges", "other", "shared", "rest"),
    [
        ("4:1-9", "4:3-4", "4:3-4", "4:1-2 4:5-9"),
        ("4:1-9", "4:1-1", "4:1-1", "4:2-9"),
        ("4:1-9", "4:9-9", "4:9-9", "4:1-8"),
        ("4:1-9", "4:0-20", "4:1-9", ""),
        ("4:3-4", "4:1-9", "4:3-4", ""),
        ("4:1-9", "4:10-12", "", "4:1-9"),
        ("4:5-9", "4:1-4", "", "4:5-9"),
        ("4:1-9", "6:1-9", "", "4:1-9"),
        ("4:1-9", "4:2-2 4:4-5 4:9-11", "4:2-2 4:4-5 4:9-9", "4:1-1 4:3-3 4:6-8"),
        ("4:1-3 4:7-9 6:1-5", "4:2-8 6:3-9", "4:2-3 4:7-8 6:3-5", "4:1-1 4:9-9 6:1-2"),
        ("4:1-3 6:1-3", "6:2-2", "6:2-2", "4:1-3 6:1-1 6:3-3"),
        ("4:1-3", "", "", "4:1-3"),
        ("", "4:1-3", "", ""),
    ],
)
def test_the_common_part_and_the_rest(ranges: str, other: str, shared: str, rest: str) -> None:
    # Exposure is computed with both, so one port too few is an opening that nobody sees.
    assert common(_ranges(ranges), _ranges(other)) == common(_ranges(other), _ranges(ranges)) == _ranges(shared)
    assert without(_ranges(ranges), _ranges(other)) == _ranges(rest)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0/0", ALL_IPV4),
        ("::/0", ALL_IPV6),
        ("10.0.0.0", Interval(4, 10 << 24, 10 << 24)),
        ("10.0.0.1/31", Interval(4, 10 << 24, (10 << 24) + 1)),
        ("10.0.0.1/32", Interval(4, (10 << 24) + 1, (10 << 24) + 1)),
        ("10.0.0.1/33", None),
        ("10.0.0.1/032", Interval(4, (10 << 24) + 1, (10 << 24) + 1)),
        ("10.0.0.1/0032", None),
        ("::1", Interval(6, 1, 1)),
        ("::/128", Interval(6, 0, 0)),
        ("::/129", None),
        ("10.0.0.1/²", None),
        ("10.0.0.1/-1", None),
    ],
)
def test_a_prefix_is_read_to_its_last_address(text: str, expected: Interval | None) -> None:
    assert parse_prefix(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", (0, 0)), ("65535", (65535, 65535)), ("00080", (80, 80)), ("80-80", (80, 80)), ("1-65535", (1, 65535))],
)
def test_a_port_is_read_up_to_the_last(text: str, expected: tuple[int, int]) -> None:
    assert parse_ports(text) == Interval(0, *expected)


@pytest.mark.parametrize(
    ("interval", "texts", "port"),
    [
        (Interval(0, 1, 65535), None, "1-65535"),
        (Interval(0, 80, 80), None, "80"),
        (Interval(4, 10 << 24, 10 << 24), ("10.0.0.0",), None),
        (Interval(4, 10 << 24, (10 << 24) + 2), ("10.0.0.0/31", "10.0.0.2"), None),
        (Interval(6, 0, 1), ("::/127",), None),
    ],
)
def test_ranges_are_written_as_arm_writes_them(interval: Interval, texts: tuple[str, ...] | None, port: str) -> None:
    # A single address has no length, and a single port no dash.
    if texts is not None:
        assert prefixes(interval) == texts
    else:
        assert port_text(interval) == port


def test_the_longest_prefix_over_two_addresses() -> None:
    # The phrase "10.0.0.0/8 but 10.1.1.1" begins with it.
    assert prefix_over(4, 5, 5) == Interval(4, 5, 5)
    assert prefix_over(4, 4, 5) == Interval(4, 4, 5)
    assert prefix_over(6, 3, 4) == Interval(6, 0, 7)
    assert prefix_over(4, 9, 14) == Interval(4, 8, 15)
