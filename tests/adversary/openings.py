"""Management ports that an NSG opens to the Internet beyond what is accepted.

The tests' point judge says which rules are about a port and a destination. Sources are judged here, one address in each
range that all rules treat alike, so that the addresses can be counted.
"""

import ipaddress
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tests.support.rules import Document
from tests.support.traffic_points import PRIVATE, PUBLIC_6, End, Point, is_network, is_public, matches, texts_of

TCP = (22, 23, 445, 1433, 3306, 3389, 5985, 6379, 27017)
UDP = (161, 1900, 3389)
# The number of public addresses that is critical for a management port, in each family.
MANY = {4: 2**20, 6: 2**113}
_BITS = {4: 32, 6: 128}
_ANYWHERE = ("*", "internet")
# Any customer of Azure can have an address with these tags.
_RENTED = ("azurecloud",)
_VM = ipaddress.ip_address("10.0.0.4")
_Range = tuple[int, int, int]
"""A family, the first address and the last one."""


@dataclass(frozen=True)
class Opening:
    """A management port that is open to so many public addresses of each family, and the live rules that open it.

    `rented` has the rules that open it to addresses that any customer of Azure can have. `parts` has the addresses to
    which each rule opens it.
    """

    protocol: str
    port: int
    addresses: dict[int, int]
    rules: frozenset[str]
    rented: frozenset[str]
    parts: tuple[tuple[str, int, int], ...] = ()

    def is_critical_by(self, rules: set[str]) -> bool:
        """Return whether some of the rules are critical without the others."""
        sizes = {4: 0, 6: 0}
        for rule, family, size in self.parts:
            sizes[family] += size if rule.lower() in rules else 0
        is_rented = any(rule.lower() in rules for rule in self.rented)
        return is_rented or any(sizes[family] >= MANY[family] for family in MANY)

    @property
    def critical(self) -> bool:
        """Whether it is critical according to the table of severities."""
        return bool(self.rented) or any(self.addresses[family] >= MANY[family] for family in MANY)

    @property
    def size(self) -> int:
        """The number of addresses."""
        return max(self.addresses.values())


def openings(live: Sequence[Document], accepted: Sequence[Document]) -> Iterator[Opening]:
    """Yield the management ports that the live rules open and the accepted rules do not."""
    for protocol, ports in (("Tcp", TCP), ("Udp", UDP)):
        for port in ports:
            reached = list(_of_port(live, accepted, protocol, port))
            if reached:
                yield max(reached, key=lambda opening: (opening.critical, opening.size))


def _of_port(live: Sequence[Document], accepted: Sequence[Document], protocol: str, port: int) -> Iterator[Opening]:
    """Yield what is open at each destination and from each source port."""
    lists = [_sorted(rule for rule in rules if _is_about(rule, protocol, port)) for rules in (live, accepted)]
    if not any(rule["access"] == "Allow" for rule in lists[0]):
        return
    both = [*lists[0], *lists[1]]
    for destination, source_port in itertools.product(_destinations(both), _source_ports(both)):
        point = Point("Inbound", protocol, source_port, port, End(_VM, None, frozenset()), destination)
        live_rules, approved = ([rule for rule in rules if matches(_from_anywhere(rule), point)] for rules in lists)
        opening = _to_destination(live_rules, approved, protocol, port, destination.address.version)
        if opening is not None:
            yield opening


def _to_destination(
    live: Sequence[Document], approved: Sequence[Document], protocol: str, port: int, family: int
) -> Opening | None:
    addresses, names, rented = {4: 0, 6: 0}, set[str](), set[str]()
    parts: list[tuple[str, int, int]] = []
    for _, first, last in (cell for cell in _cells([*live, *approved]) if cell[0] == family):
        for tags in ((), _RENTED):
            rule = _first(live, family, first, tags)
            before = _first(approved, family, first, tags)
            if rule is None or rule["access"] == "Deny" or (before is not None and before["access"] == "Allow"):
                continue
            names.add(rule["name"])
            if tags:
                rented |= {rule["name"]} if _names(rule, tags) else set()
            else:
                addresses[family] += last - first + 1
                parts.append((rule["name"], family, last - first + 1))
    return Opening(protocol, port, addresses, frozenset(names), frozenset(rented), tuple(parts)) if names else None


def _first(rules: Sequence[Document], family: int, address: int, tags: tuple[str, ...]) -> Document | None:
    return next((rule for rule in rules if _is_from(rule, family, address) or (tags and _names(rule, tags))), None)


def _is_from(rule: Document, family: int, address: int) -> bool:
    words, ranges = _source(rule)
    return any(word in _ANYWHERE for word in words) or any(
        family == of and first <= address <= last for of, first, last in ranges
    )


def _names(rule: Document, tags: tuple[str, ...]) -> bool:
    return any(word.partition(".")[0] in tags for word in _source(rule)[0])


def _source(rule: Document) -> tuple[tuple[str, ...], tuple[_Range, ...]]:
    return _parsed(tuple(texts_of(rule, "sourceAddressPrefix", "sourceAddressPrefixes")))


@lru_cache(10_000)
def _parsed(texts: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[_Range, ...]]:
    networks = [ipaddress.ip_network(text, strict=False) for text in texts if is_network(text)]
    ranges = ((net.version, int(net.network_address), int(net.broadcast_address)) for net in networks)
    return tuple(text.lower() for text in texts if not is_network(text)), tuple(ranges)


@lru_cache(10_000)
def _is_public(family: int, address: int) -> bool:
    return is_public(ipaddress.IPv4Address(address) if family == 4 else ipaddress.IPv6Address(address))


def _cells(rules: Sequence[Document]) -> Iterator[_Range]:
    """Yield the ranges of public addresses that all rules treat alike."""
    ranges = [interval for rule in rules for interval in _source(rule)[1]]
    limits = [*PRIVATE, PUBLIC_6]
    ranges += [(net.version, int(net.network_address), int(net.broadcast_address)) for net in limits]
    for family, bits in _BITS.items():
        edges = {edge for of, first, last in ranges if of == family for edge in (first, last + 1)}
        for first, end in itertools.pairwise(sorted({0, 2**bits, *edges})):
            if _is_public(family, first):
                yield family, first, end - 1


def _sorted(rules: Iterator[Document]) -> list[Document]:
    return sorted(rules, key=lambda rule: int(rule["priority"]))


def _is_about(rule: Document, protocol: str, port: int) -> bool:
    """Return whether a rule is about a port, whatever its addresses and source ports."""
    anywhere = {
        **{key: value for key, value in _from_anywhere(rule).items() if not key.startswith("destinationA")},
        "destinationAddressPrefix": "*",
        "sourcePortRange": "*",
    }
    end = End(_VM, None, frozenset())
    return matches(anywhere, Point("Inbound", protocol, 50_000, port, end, end))


def _from_anywhere(rule: Document) -> Document:
    kept = {key: value for key, value in rule.items() if not key.startswith("sourceA")}
    return {**kept, "sourceAddressPrefix": "*"}


def _destinations(rules: Sequence[Document]) -> list[End]:
    """Return destinations in the virtual network: at every edge, in and outside each application security group."""
    addresses = {_VM, ipaddress.ip_address("fd00::4")}
    for rule in rules:
        texts = texts_of(rule, "destinationAddressPrefix", "destinationAddressPrefixes")
        for network in (ipaddress.ip_network(text, strict=False) for text in texts if is_network(text)):
            addresses |= {network.network_address, network.broadcast_address}
    groups = {group["id"].lower() for rule in rules for group in rule.get("destinationApplicationSecurityGroups") or ()}
    words = [frozenset({"virtualnetwork"}), *(frozenset({"virtualnetwork", group}) for group in sorted(groups))]
    private = [address for address in sorted(addresses, key=str) if not is_public(address) and int(address)]
    return [End(address, None, word) for address in private for word in words]


def _source_ports(rules: Sequence[Document]) -> list[int]:
    texts = {text for rule in rules for text in texts_of(rule, "sourcePortRange", "sourcePortRanges")} - {"*"}
    return sorted({50_000, *(int(part) for text in texts for part in text.split("-"))})
