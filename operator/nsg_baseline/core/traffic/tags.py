"""Assumptions about service tags and application security groups whose addresses are not known.

Microsoft publishes the addresses of most tags weekly. Without that file a tag is an opaque word, which applies to an
address or does not. Only these axioms are assumed:

- X.Region is within X, and the regions of one service are disjoint (except those of AzureMonitor).
- Internet and service tags contain only public addresses. AzureLoadBalancer, VirtualNetwork and AzurePlatform* contain
  other addresses.
- AzureLoadBalancer is 168.63.129.16, which is also within VirtualNetwork (MicrosoftDocs/azure-docs#38326).
- An application security group is within VirtualNetwork. It does not contain 168.63.129.16, because no network
  interface has that address.
- AzurePlatform* is platform traffic, which no other rule matches.

Two further assumptions are plausible and wrong: Internet and VirtualNetwork are not disjoint (a route for 0.0.0.0/0
adds addresses to VirtualNetwork), and Storage is not within AzureCloud (48,000 addresses are not).

These axioms are the certain reading. The likely reading (`LIKELY`) adds that VirtualNetwork contains no public address.
Then every public address is Internet, because Internet is what is public and outside the virtual network, and service
tags and Internet are disjoint from VirtualNetwork. It is wrong where a route for 0.0.0.0/0 leads into the network, and
where a network uses public addresses.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nsg_baseline.core.intervals import ALL_IPV4, ALL_IPV6, Interval, common, merge, parse_prefix
from nsg_baseline.core.traffic.model import EVERYWHERE

INTERNET, VIRTUAL_NETWORK, LOAD_BALANCER = "internet", "virtualnetwork", "azureloadbalancer"
PLATFORM = ("azureplatformdns", "azureplatformimds", "azureplatformlkm")
# The platform's traffic has separate coordinates beside the two address families.
PLATFORM_FAMILY = 9
ALL_FAMILIES = (ALL_IPV4, ALL_IPV6, Interval(PLATFORM_FAMILY, 0, len(PLATFORM) - 1))
LOAD_BALANCER_ADDRESS = Interval(4, 0xA83F8110, 0xA83F8110)
# Services whose dotted names are not regions, or whose regions overlap.
_NOT_DISJOINT = ("azuremonitor", "azurefrontdoor")
_TAG = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)?")
_SPELLED = {
    name.lower(): name
    for name in ("Internet", "VirtualNetwork", "AzurePlatformDNS", "AzurePlatformIMDS", "AzurePlatformLKM")
}
_NOT_PUBLIC = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("224.0.0.0/3", "168.63.129.16/32"),
    *("::/3", "4000::/2", "8000::/1"),
)


Reading = Literal["Certain", "Likely"]
CERTAIN: Reading = "Certain"
LIKELY: Reading = "Likely"


class UnreadableTagsError(ValueError):
    """A document is not a service tags file."""


def complement(ranges: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """Return the addresses of both families outside merged ranges."""
    outside: list[Interval] = []
    for family, first, last in EVERYWHERE:
        for _, low, high in (interval for interval in ranges if interval.family == family):
            if first < low:
                outside.append(Interval(family, first, low - 1))
            first = high + 1  # noqa: PLW2901 - the rest of the family starts there
        if first <= last:
            outside.append(Interval(family, first, last))
    return tuple(outside)


NOT_PUBLIC = merge(prefix for text in _NOT_PUBLIC if (prefix := parse_prefix(text)))
PUBLIC = complement(NOT_PUBLIC)
_NOT_LOAD_BALANCER = complement((LOAD_BALANCER_ADDRESS,))
_PRIVATE_NOT_LOAD_BALANCER = common(NOT_PUBLIC, _NOT_LOAD_BALANCER)


@dataclass(frozen=True, slots=True)
class TagTable:
    """The prefixes of service tags, by folded name, from one of Microsoft's ServiceTags files (see `read_tags`)."""

    change_number: int
    prefixes: Mapping[str, tuple[str, ...]] = field(repr=False)
    # A file contains some 100,000 prefixes, and an NSG uses a few tags, so a tag is parsed at its first use.
    _parsed: dict[str, tuple[Interval, ...]] = field(default_factory=dict, repr=False, compare=False)

    def ranges(self, word: str) -> tuple[Interval, ...] | None:
        """Return a tag's addresses, merged; None for a word that the file does not contain."""
        if word not in self.prefixes:
            return None
        if word not in self._parsed:
            self._parsed[word] = merge(prefix for text in self.prefixes[word] if (prefix := parse_prefix(text)))
        return self._parsed[word]


def read_tags(document: Any) -> TagTable:
    """Read a ServiceTags_Public JSON document.

    Raises:
        UnreadableTagsError: the document is not a service tags file; the text names the field.
    """
    if not isinstance(document, Mapping) or type(document.get("changeNumber")) is not int:
        raise UnreadableTagsError("changeNumber is missing: not a service tags file")
    values = document.get("values")
    if not isinstance(values, list):
        raise UnreadableTagsError("values is not a list: not a service tags file")
    return TagTable(document["changeNumber"], dict(map(_tag, range(len(values)), values)))


def _tag(index: int, value: Any) -> tuple[str, tuple[str, ...]]:
    properties = value.get("properties") if isinstance(value, Mapping) else None
    texts = properties.get("addressPrefixes") if isinstance(properties, Mapping) else None
    if not isinstance(texts, list) or not isinstance(value.get("name"), str):
        raise UnreadableTagsError(f"values[{index}] has no name or no properties.addressPrefixes")
    invalid = next((text for text in texts if not isinstance(text, str) or ("." not in text and ":" not in text)), None)
    if invalid is not None:
        raise UnreadableTagsError(
            f"values[{index}].properties.addressPrefixes holds {invalid!r:.60}, which is no prefix"
        )
    return value["name"].lower(), tuple(texts)


def resolve(word: str, table: TagTable | None) -> tuple[Interval, ...] | None:
    """Return the exact addresses of a word, or the coordinates of platform traffic; None if the word is opaque."""
    if word == "*":
        return EVERYWHERE
    if word == LOAD_BALANCER:
        return (LOAD_BALANCER_ADDRESS,)
    if word in PLATFORM:
        place = PLATFORM.index(word)
        return (Interval(PLATFORM_FAMILY, place, place),)
    if table is None or word in (INTERNET, VIRTUAL_NETWORK):
        return None
    return table.ranges(word)


def upper(word: str, table: TagTable | None, reading: Reading = CERTAIN) -> tuple[Interval, ...]:
    """Return the addresses to which an opaque word can apply at most."""
    if is_group(word):
        return _NOT_LOAD_BALANCER if reading == CERTAIN else _PRIVATE_NOT_LOAD_BALANCER
    if word == VIRTUAL_NETWORK and reading == LIKELY:
        return NOT_PUBLIC
    if not is_service_tag(word):
        return ALL_FAMILIES
    parent_word = parent(word)
    parent_ranges = table.ranges(parent_word) if table is not None and parent_word is not None else None
    return PUBLIC if parent_ranges is None else parent_ranges


def lower(word: str, reading: Reading = CERTAIN) -> tuple[Interval, ...]:
    """Return the addresses to which an opaque word applies at least."""
    if word == INTERNET and reading == LIKELY:
        return PUBLIC
    return (LOAD_BALANCER_ADDRESS,) if word == VIRTUAL_NETWORK else ()


def ruled_out(words: Iterable[str], table: TagTable | None, reading: Reading = CERTAIN) -> tuple[Interval, ...]:
    """Return the ordinary addresses to which at least one of some opaque words cannot apply."""
    limits = [limit for word in words if (limit := upper(word, table, reading)) is not ALL_FAMILIES]
    outside = [NOT_PUBLIC if limit is PUBLIC else complement(limit) for limit in limits]
    return outside[0] if len(outside) == 1 else merge(interval for ranges in outside for interval in ranges)


def parent(word: str) -> str | None:
    """Return the word that a word implies: the tag or network that contains it. None if there is none."""
    if is_group(word):
        return VIRTUAL_NETWORK
    service, dot, _ = word.rpartition(".")
    return service if dot and is_service_tag(word) else None


def disjoint(word: str, other: str) -> bool:
    """Return whether two different opaque words never apply to the same address: regions of one service."""
    service = parent(word)
    return service is not None and service == parent(other) and not is_group(word) and service not in _NOT_DISJOINT


def is_group(word: str) -> bool:
    """Return whether a word is an application security group's id."""
    return word.startswith("/")


def is_service_tag(word: str) -> bool:
    """Return whether a folded word has the form of a tag that contains only public addresses, such as Internet."""
    return word != VIRTUAL_NETWORK and _TAG.fullmatch(word) is not None


def spelled(word: str) -> str | None:
    """Return the usual spelling of a word that Azure itself writes; None for other words."""
    return _SPELLED.get(word)
