"""The kind of addresses in a place: the whole Internet, a part of it, the platform, or only private addresses."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nsg_baseline.core.intervals import Interval, common, merge
from nsg_baseline.core.traffic.likely import possible_addresses
from nsg_baseline.core.traffic.model import Place
from nsg_baseline.core.traffic.tags import (
    INTERNET,
    LOAD_BALANCER,
    LOAD_BALANCER_ADDRESS,
    PLATFORM,
    PUBLIC,
    VIRTUAL_NETWORK,
    is_group,
    is_service_tag,
)

Sourced = tuple[tuple[Interval, ...], Place]


@dataclass(frozen=True, slots=True)
class Size:
    """A number of public addresses, in each family."""

    ipv4: int
    ipv6: int


# A 256th of all addresses: two prefixes of length 1 are the Internet, and so are 256 of length 16.
INTERNET_WIDE = Size(2**24, 2**117)
MANY = Size(2**20, 2**113)
# More than a few. In IPv6 one network has at least 2**64 addresses.
SEVERAL = Size(16 + 1, 16 * 2**64 + 1)
_SERVICES = (
    *("apimanagement", "appservicemanagement", "azuredatabricks", "azureloadbalancer", "azuremachinelearning"),
    *("batchnodemanagement", "gatewaymanager", "hdinsight", "logicappsmanagement", "servicefabric", "sqlmanagement"),
)
"""Tags of Azure's services that must reach what they manage."""
_AZURE = "azurecloud"
_NOT_SERVICES = (INTERNET, VIRTUAL_NETWORK, LOAD_BALANCER, *PLATFORM)


def is_internet_wide(places: Iterable[Place]) -> bool:
    """Return whether places together contain enough of the Internet to count as all of it."""
    return _has(places, INTERNET_WIDE)


def wide_ports(sources: Iterable[Sourced], size: Size = INTERNET_WIDE) -> tuple[Interval, ...]:
    """Return the ports that at least so many public addresses reach, counted over all sources of a port."""
    counted = [(ports, place) for ports, place in sources if _counts(place)]
    wide = [interval for ports, place in counted if _has([place], size) for interval in ports]
    narrow = [(ports, place) for ports, place in counted if not _has([place], size)]
    if _has((place for _, place in narrow), size):
        wide += _ports_wide_together(narrow, size)
    return merge(wide)


def any_public_ports(sources: Iterable[Sourced]) -> tuple[Interval, ...]:
    """Return the ports that at least one public address reaches."""
    reached = (ports for ports, place in sources if _counts(place) and common(place.ranges, PUBLIC))
    return merge(interval for ports in reached for interval in ports)


def names_azure_cloud(tags: Iterable[str]) -> bool:
    """Return whether one of some tags contains addresses that any customer of Azure can have."""
    return any(_service(tag) == _AZURE for tag in tags)


def names_a_platform_service(tags: Iterable[str]) -> bool:
    """Return whether one of some tags belongs to a service that manages what is in a network."""
    return any(_service(tag) in _SERVICES for tag in tags)


def service_tags(tags: Iterable[str]) -> list[str]:
    """Return the tags of services with public addresses."""
    return [tag for tag in tags if tag.lower() not in _NOT_SERVICES and is_service_tag(tag.lower())]


def is_private(place: Place) -> bool:
    """Return whether a place contains no public address."""
    if any(tag.lower() == VIRTUAL_NETWORK or is_group(tag) for tag in place.tags):
        return True
    return not common(possible_addresses(place), PUBLIC)


def contains_probes(place: Place) -> bool:
    """Return whether a place contains the address of the load balancer's health probes."""
    return bool(common(possible_addresses(place), (LOAD_BALANCER_ADDRESS,))) and not any(map(is_group, place.tags))


def _service(tag: str) -> str:
    return tag.lower().partition(".")[0]


def _has(places: Iterable[Place], size: Size) -> bool:
    """Return whether places together contain at least so many public addresses."""
    ranges = merge(interval for place in places if _counts(place) for interval in common(place.ranges, PUBLIC))
    sizes = {4: 0, 6: 0}
    for family, first, last in ranges:
        sizes[family] += last - first + 1
    return sizes[4] >= size.ipv4 or sizes[6] >= size.ipv6


def _counts(place: Place) -> bool:
    """Return whether the size of a place is known: it may be in the Internet, and no other tag limits it."""
    return all(tag.lower() != INTERNET for tag in place.not_tags) and all(tag.lower() == INTERNET for tag in place.tags)


def _ports_wide_together(sources: Sequence[Sourced], size: Size) -> list[Interval]:
    """Return the ports that only all sources together reach from so many addresses."""
    edges = sorted({edge for ports, _ in sources for interval in ports for edge in (interval.first, interval.last + 1)})
    wide: list[Interval] = []
    for first, end in itertools.pairwise(edges):
        span = (Interval(0, first, end - 1),)
        if _has((place for ports, place in sources if common(ports, span)), size):
            wide += span
    return wide
