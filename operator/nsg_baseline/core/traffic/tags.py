"""What may be believed about a service tag or an application security group without knowing its addresses.

Microsoft publishes most tags' addresses weekly. Without that file a tag is a word that holds for an address or does
not, with these axioms alone:

- X.Region is within X, and the regions of one service are disjoint (AzureMonitor's are not).
- Internet and service tags hold public addresses only; AzureLoadBalancer, VirtualNetwork and AzurePlatform* are other.
- AzureLoadBalancer is 168.63.129.16, which is within VirtualNetwork too (MicrosoftDocs/azure-docs#38326).
- An application security group is within VirtualNetwork, and 168.63.129.16, which no network interface has, in none.
- AzurePlatform* is the platform's own traffic, which no other rule matches.

Two more look true and are not: that Internet and VirtualNetwork are disjoint (a route for 0.0.0.0/0 widens
VirtualNetwork), and that Storage is within AzureCloud (48,000 addresses are not).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nsg_baseline.core.intervals import ALL_IPV4, ALL_IPV6, Interval, merge, parse_prefix
from nsg_baseline.core.traffic.model import EVERYWHERE

INTERNET, VIRTUAL_NETWORK, LOAD_BALANCER = "internet", "virtualnetwork", "azureloadbalancer"
PLATFORM = ("azureplatformdns", "azureplatformimds", "azureplatformlkm")
# The platform's traffic has separate coordinates beside the two address families.
PLATFORM_FAMILY = 9
ALL_FAMILIES = (ALL_IPV4, ALL_IPV6, Interval(PLATFORM_FAMILY, 0, len(PLATFORM) - 1))
LOAD_BALANCER_ADDRESS = Interval(4, 0xA83F8110, 0xA83F8110)
# Their dotted parts are no regions, or overlap.
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


class UnreadableTagsError(ValueError):
    """A document is not a service tags file."""


def complement(ranges: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """Return the addresses of both families outside merged ranges."""
    outside: list[Interval] = []
    for family, first, last in EVERYWHERE:
        for _, low, high in (one for one in ranges if one.family == family):
            if first < low:
                outside.append(Interval(family, first, low - 1))
            first = high + 1  # noqa: PLW2901 - what is left of the family
        if first <= last:
            outside.append(Interval(family, first, last))
    return tuple(outside)


NOT_PUBLIC = merge(found for text in _NOT_PUBLIC if (found := parse_prefix(text)))
PUBLIC = complement(NOT_PUBLIC)
_NOT_LOAD_BALANCER = complement((LOAD_BALANCER_ADDRESS,))


@dataclass(frozen=True, slots=True)
class TagTable:
    """The addresses of service tags, folded, from one of Microsoft's ServiceTags files. Read with `read_tags`."""

    change_number: int
    prefixes: Mapping[str, tuple[str, ...]] = field(repr=False)
    # A file names some 100,000 prefixes, and an NSG a handful of tags: each is parsed when first asked for.
    _parsed: dict[str, tuple[Interval, ...]] = field(default_factory=dict, repr=False, compare=False)

    def ranges(self, word: str) -> tuple[Interval, ...] | None:
        """Return a tag's addresses, merged; None for a word that the file does not know."""
        if word not in self.prefixes:
            return None
        if word not in self._parsed:
            self._parsed[word] = merge(found for text in self.prefixes[word] if (found := parse_prefix(text)))
        return self._parsed[word]


def read_tags(document: Any) -> TagTable:
    """Read a ServiceTags_Public JSON document.

    Raises:
        UnreadableTagsError: it is not one; the text names the field.
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
    wrong = next((text for text in texts if not isinstance(text, str) or ("." not in text and ":" not in text)), None)
    if wrong is not None:
        raise UnreadableTagsError(f"values[{index}].properties.addressPrefixes holds {wrong!r:.60}, which is no prefix")
    return value["name"].lower(), tuple(texts)


def resolve(word: str, table: TagTable | None) -> tuple[Interval, ...] | None:
    """Return the exact extent of a word, the platform's own coordinates included; None when it is opaque."""
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


def upper(word: str, table: TagTable | None) -> tuple[Interval, ...]:
    """Return the addresses that an opaque word can hold for at most."""
    if is_group(word):
        return _NOT_LOAD_BALANCER
    if not is_service_tag(word):
        return ALL_FAMILIES
    above = parent(word)
    known = table.ranges(above) if table is not None and above is not None else None
    return PUBLIC if known is None else known


def lower(word: str) -> tuple[Interval, ...]:
    """Return the addresses that an opaque word holds for at least."""
    return (LOAD_BALANCER_ADDRESS,) if word == VIRTUAL_NETWORK else ()


def ruled_out(held: Iterable[str], table: TagTable | None) -> tuple[Interval, ...]:
    """Return the ordinary addresses at which one of some opaque words cannot hold."""
    limits = [limit for word in held if (limit := upper(word, table)) is not ALL_FAMILIES]
    outside = [NOT_PUBLIC if limit is PUBLIC else complement(limit) for limit in limits]
    return outside[0] if len(outside) == 1 else merge(one for ranges in outside for one in ranges)


def parent(word: str) -> str | None:
    """Return the word that holds wherever this one does, if there is one."""
    if is_group(word):
        return VIRTUAL_NETWORK
    service, dot, _ = word.rpartition(".")
    return service if dot and is_service_tag(word) else None


def disjoint(one: str, other: str) -> bool:
    """Return whether two different opaque words never hold for one address: regions of one service."""
    service = parent(one)
    return service is not None and service == parent(other) and not is_group(one) and service not in _NOT_DISJOINT


def is_group(word: str) -> bool:
    """Return whether a word is an application security group's id."""
    return word.startswith("/")


def is_service_tag(word: str) -> bool:
    """Return whether a folded word has the form of a tag that holds public addresses only, Internet among them."""
    return word != VIRTUAL_NETWORK and _TAG.fullmatch(word) is not None


def spelled(word: str) -> str | None:
    """Return the usual spelling of the words that Azure itself writes."""
    return _SPELLED.get(word)
