"""Ports and addresses as merged ranges of integers, so that equal sets are equal values."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

LAST_PORT = 65535
# The same texts occur on both sides and in every reconcile; parsing them is half of a comparison's time.
_CACHE_SIZE = 1 << 14
# More digits are not a port, and int() refuses very long texts.
_PORT_DIGITS = 5
_LENGTH_DIGITS = 3


class Interval(NamedTuple):
    """An inclusive range. `family` is 4 or 6 for addresses, 0 for ports."""

    family: int
    first: int
    last: int


ALL_PORTS = (Interval(0, 0, LAST_PORT),)
ALL_IPV4 = Interval(4, 0, 2**32 - 1)
ALL_IPV6 = Interval(6, 0, 2**128 - 1)


def merge(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the same set as sorted ranges that neither overlap nor touch."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        last = merged[-1] if merged else None
        if last is not None and last.family == interval.family and interval.first <= last.last + 1:
            if interval.last > last.last:
                merged[-1] = Interval(last.family, last.first, interval.last)
        else:
            merged.append(interval)
    return tuple(merged)


def common(ranges: tuple[Interval, ...], other: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """Return the intersection of two sorted sets of ranges."""
    shared: list[Interval] = []
    pending, other_pending = list(reversed(ranges)), list(reversed(other))
    while pending and other_pending:
        interval, other_interval = pending[-1], other_pending[-1]
        low, high = max(interval.first, other_interval.first), min(interval.last, other_interval.last)
        if interval.family == other_interval.family and low <= high:
            shared.append(Interval(interval.family, low, high))
        ends_first = (interval.family, interval.last) < (other_interval.family, other_interval.last)
        (pending if ends_first else other_pending).pop()
    return tuple(shared)


def without(ranges: tuple[Interval, ...], removed: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """Return sorted ranges without other sorted ranges."""
    rest: list[Interval] = []
    for family, start, last in ranges:
        first = start
        for _, low, high in (
            hole for hole in removed if hole.family == family and first <= hole.last and hole.first <= last
        ):
            if first < low:
                rest.append(Interval(family, first, low - 1))
            first = max(first, high + 1)
        if first <= last:
            rest.append(Interval(family, first, last))
    return tuple(rest)


@lru_cache(_CACHE_SIZE)
def parse_ports(text: str) -> Interval | None:
    """Read *, a port or a range; None when it is none of these."""
    if text == "*":
        return ALL_PORTS[0]
    first, dash, last = text.partition("-")
    if not _is_port(first) or (dash and not _is_port(last)):
        return None
    low, high = int(first), int(last or first)
    return Interval(0, low, high) if low <= high <= LAST_PORT else None


@lru_cache(_CACHE_SIZE)
def parse_prefix(text: str) -> Interval | None:
    """Read an address or a CIDR prefix, host bits masked; None when it is neither."""
    # ip_network() accepts more than ARM: bare numbers, netmasks and host masks as lengths, and scoped addresses.
    address, slash, length = text.partition("/")
    if "%" in address or (slash and not (length.isascii() and length.isdigit() and len(length) <= _LENGTH_DIGITS)):
        return None
    family, bits, kind = (6, 128, ipaddress.IPv6Address) if ":" in address else (4, 32, ipaddress.IPv4Address)
    free = bits - int(length) if slash else 0
    try:
        number = int(kind(address))
    except ValueError:
        return None
    if free < 0:
        return None
    first = number >> free << free
    return Interval(family, first, first + (1 << free) - 1)


@lru_cache(_CACHE_SIZE)
def prefixes(interval: Interval) -> tuple[str, ...]:
    """Return the CIDR prefixes of an address range as ARM accepts them; a single address has no length."""
    kind = ipaddress.IPv4Address if interval.family == 4 else ipaddress.IPv6Address  # noqa: PLR2004 - IP version
    parts = ipaddress.summarize_address_range(kind(interval.first), kind(interval.last))
    return tuple(str(part.network_address) if part.num_addresses == 1 else str(part) for part in parts)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _PORT_DIGITS


def port_text(interval: Interval) -> str:
    """Return a port range as ARM writes it."""
    if interval == ALL_PORTS[0]:
        return "*"
    return str(interval.first) if interval.first == interval.last else f"{interval.first}-{interval.last}"


def prefix_over(family: int, first: int, last: int) -> Interval:
    """Return the longest prefix that contains two addresses."""
    bits = (first ^ last).bit_length()
    return Interval(family, first >> bits << bits, (last >> bits << bits) + (1 << bits) - 1)
