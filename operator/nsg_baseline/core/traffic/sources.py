"""Who is behind a place: the whole Internet, some of it, the platform, or private addresses alone."""

import itertools
from collections.abc import Iterable, Sequence

from nsg_baseline.core.intervals import Interval, common, merge
from nsg_baseline.core.traffic.box_algebra import room
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
    """Say whether places together hold as much of the Internet as counts for all of it."""
    ranges = merge(one for place in places if _counts(place) for one in common(place.ranges, PUBLIC))
    sizes = {4: 0, 6: 0}
    for family, first, last in ranges:
        sizes[family] += last - first + 1
    return sizes[4] >= WIDE_IPV4 or sizes[6] >= WIDE_IPV6


def wide_ports(found: Iterable[Sourced]) -> tuple[Interval, ...]:
    """Return the ports that an Internet-wide set of sources reaches, counted over all sources of a port."""
    counted = [(ports, place) for ports, place in found if _counts(place)]
    wide = [one for ports, place in counted if is_internet_wide([place]) for one in ports]
    rest = [(ports, place) for ports, place in counted if not is_internet_wide([place])]
    if is_internet_wide(place for _, place in rest):
        wide += _together(rest)
    return merge(wide)


def is_private(place: Place) -> bool:
    """Say whether a place holds no public address."""
    if any(tag.lower() == VIRTUAL_NETWORK or is_group(tag) for tag in place.tags):
        return True
    return not common(room(place), PUBLIC)


def holds_platform(place: Place) -> bool:
    """Say whether a place holds the load balancer's probes or the gateway manager, or has no limit at all."""
    if any(tag.lower() == GATEWAY_MANAGER for tag in place.tags):
        return True
    if common(room(place), (LOAD_BALANCER_ADDRESS,)):
        return not any(is_group(tag) for tag in place.tags)
    missing = {tag.lower() for tag in place.not_tags}
    return not place.tags and not missing & {INTERNET, GATEWAY_MANAGER} and common(place.ranges, PUBLIC) == PUBLIC


def _counts(place: Place) -> bool:
    """Say whether a place counts by its addresses: it is of the Internet, and no service narrows it."""
    missing = {tag.lower() for tag in place.not_tags}
    return INTERNET not in missing and all(tag.lower() == INTERNET for tag in place.tags)


def _together(found: Sequence[Sourced]) -> list[Interval]:
    edges = sorted({edge for ports, _ in found for one in ports for edge in (one.first, one.last + 1)})
    wide: list[Interval] = []
    for low, after in itertools.pairwise(edges):
        span = (Interval(0, low, after - 1),)
        if is_internet_wide(place for ports, place in found if common(ports, span)):
            wide += span
    return wide
