"""The kind of addresses in a place: the whole Internet, a part of it, the platform, or only private addresses."""

import itertools
from collections.abc import Iterable, Sequence

from nsg_baseline.core.intervals import Interval, common, merge
from nsg_baseline.core.traffic.likely import possible_addresses
from nsg_baseline.core.traffic.model import Place
from nsg_baseline.core.traffic.tags import (
    INTERNET,
    LOAD_BALANCER_ADDRESS,
    PUBLIC,
    VIRTUAL_NETWORK,
    is_group,
)

Sourced = tuple[tuple[Interval, ...], Place]
# A 256th of all addresses: two prefixes of length 1 are the Internet, and so are 256 of length 16.
WIDE_IPV4 = 2**24
WIDE_IPV6 = 2**117
GATEWAY_MANAGER = "gatewaymanager"


def is_internet_wide(places: Iterable[Place]) -> bool:
    """Return whether places together contain enough of the Internet to count as all of it."""
    ranges = merge(interval for place in places if _counts(place) for interval in common(place.ranges, PUBLIC))
    sizes = {4: 0, 6: 0}
    for family, first, last in ranges:
        sizes[family] += last - first + 1
    return sizes[4] >= WIDE_IPV4 or sizes[6] >= WIDE_IPV6


def wide_ports(sources: Iterable[Sourced]) -> tuple[Interval, ...]:
    """Return the ports that an Internet-wide set of sources reaches, counted over all sources of a port."""
    counted = [(ports, place) for ports, place in sources if _counts(place)]
    wide = [interval for ports, place in counted if is_internet_wide([place]) for interval in ports]
    narrow = [(ports, place) for ports, place in counted if not is_internet_wide([place])]
    if is_internet_wide(place for _, place in narrow):
        wide += _ports_wide_together(narrow)
    return merge(wide)


def is_private(place: Place) -> bool:
    """Return whether a place contains no public address."""
    if any(tag.lower() == VIRTUAL_NETWORK or is_group(tag) for tag in place.tags):
        return True
    return not common(possible_addresses(place), PUBLIC)


def contains_platform(place: Place) -> bool:
    """Return whether a place contains the load balancer's probes or the gateway manager, or is not limited at all."""
    if any(tag.lower() == GATEWAY_MANAGER for tag in place.tags):
        return True
    if common(possible_addresses(place), (LOAD_BALANCER_ADDRESS,)):
        return not any(is_group(tag) for tag in place.tags)
    excluded = {tag.lower() for tag in place.not_tags}
    return not place.tags and not excluded & {INTERNET, GATEWAY_MANAGER} and common(place.ranges, PUBLIC) == PUBLIC


def _counts(place: Place) -> bool:
    """Return whether the size of a place is known: it may be in the Internet, and no other tag limits it."""
    return all(tag.lower() != INTERNET for tag in place.not_tags) and all(tag.lower() == INTERNET for tag in place.tags)


def _ports_wide_together(sources: Sequence[Sourced]) -> list[Interval]:
    """Return the ports that sources reach which are Internet-wide only in sum."""
    edges = sorted({edge for ports, _ in sources for interval in ports for edge in (interval.first, interval.last + 1)})
    wide: list[Interval] = []
    for first, end in itertools.pairwise(edges):
        span = (Interval(0, first, end - 1),)
        if is_internet_wide(place for ports, place in sources if common(ports, span)):
            wide += span
    return wide
