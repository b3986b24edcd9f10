"""A judge of exposure that looks at one connection at a time: first match, straight from the documents.

Written from Azure's semantics alone. It shares no code with what it judges.
"""

import ipaddress
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nsg_baseline.core.traffic.model import Box, Place

Document = dict[str, Any]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SIDES = ("source", "destination")
PROTOCOLS = ("Tcp", "Tcp", "Tcp", "Udp", "Udp", "Icmp", "Esp", "Ah", "Other")
PLATFORM = ("azureplatformdns", "azureplatformimds", "azureplatformlkm")
HEALTH_PROBES = ipaddress.ip_address("168.63.129.16")
PRIVATE = [
    ipaddress.ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    )
]
PUBLIC_6 = ipaddress.ip_network("2000::/3")

DEFAULTS: list[Document] = [
    {"name": name, "priority": priority, "direction": direction, "access": access, "protocol": "*",
     "sourceAddressPrefix": source, "sourcePortRange": "*",
     "destinationAddressPrefix": destination, "destinationPortRange": "*"}
    for name, priority, direction, access, source, destination in (
        ("AllowVnetInBound", 65000, "Inbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
        ("AllowAzureLoadBalancerInBound", 65001, "Inbound", "Allow", "AzureLoadBalancer", "*"),
        ("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*"),
        ("AllowVnetOutBound", 65000, "Outbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
        ("AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "Internet"),
        ("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*"),
    )
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection: an address, or one kind of platform traffic; and the words that hold there, folded."""

    address: Address
    platform: str | None
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Point:
    """One connection."""

    direction: str
    protocol: str
    source_port: int
    destination_port: int
    source: End
    destination: End


def decide(rules: Sequence[Document] | None, point: Point) -> tuple[str | None, str]:
    """Return who decides one connection, and how. Without an NSG the platform allows."""
    if rules is not None:
        for one in sorted([*rules, *DEFAULTS], key=lambda document: document["priority"]):
            if matches(one, point):
                return one["name"], one["access"]
    return None, "Allow"


def matches(rule: Document, point: Point) -> bool:
    """Say whether a rule is about a connection."""
    if rule["direction"] != point.direction:
        return False
    ports = [_texts(rule, f"{side}PortRange", f"{side}PortRanges") for side in ("source", "destination")]
    protocol = rule["protocol"].lower()
    if protocol == "*":
        limited = any(not covers_all(texts) for texts in ports)
        if limited and point.protocol not in ("Tcp", "Udp"):
            return False
    elif protocol in ("tcp", "udp", "icmp", "esp", "ah"):
        if protocol != point.protocol.lower():
            return False
    elif point.protocol != "Other" or f"protocol {protocol}" not in point.destination.words:
        return False
    if point.protocol in ("Tcp", "Udp"):
        if not _port_matches(ports[0], point.source_port, point.source):
            return False
        if not _port_matches(ports[1], point.destination_port, point.destination):
            return False
    return _end_matches(rule, "source", point.source) and _end_matches(rule, "destination", point.destination)


def _end_matches(rule: Document, side: str, end: End) -> bool:
    for group in rule.get(f"{side}ApplicationSecurityGroups") or ():
        if end.platform is None and group["id"].lower() in end.words:
            return True
    for text in _texts(rule, f"{side}AddressPrefix", f"{side}AddressPrefixes"):
        word = text.lower()
        if end.platform is not None:
            if word == end.platform:
                return True
        elif word == "*" or (word == "azureloadbalancer" and end.address == HEALTH_PROBES):
            return True
        elif is_network(text):
            if end.address in ipaddress.ip_network(text, strict=False):
                return True
        elif word in end.words:
            return True
    return False


def _port_matches(texts: Iterable[str], port: int, end: End) -> bool:
    return any(
        _in_range(text, port) if text == "*" or text[0].isdigit() else f"port {text}" in end.words for text in texts
    )


def _in_range(text: str, port: int) -> bool:
    first, _, last = text.partition("-")
    return text == "*" or int(first) <= port <= int(last or first)


def covers_all(texts: Sequence[str]) -> bool:
    """Say whether ports together are all ports."""
    ranges = sorted(
        (0, 65535) if text == "*" else (int(text.split("-")[0]), int(text.split("-")[-1]))
        for text in texts
        if text == "*" or text[0].isdigit()
    )
    reached = -1
    for first, last in ranges:
        if first > reached + 1:
            return False
        reached = max(reached, last)
    return reached == 65535


def contains(box: Box, point: Point) -> bool:
    """Say whether a connection is in a box."""
    if point.protocol not in box.protocols:
        return False
    if point.protocol in ("Tcp", "Udp"):
        for ranges, port in ((box.source_ports, point.source_port), (box.destination_ports, point.destination_port)):
            if not any(first <= port <= last for _, first, last in ranges):
                return False
    return _place_contains(box.source, point.source) and _place_contains(box.destination, point.destination)


def _place_contains(place: Place, end: End) -> bool:
    tags = {tag.lower() for tag in place.tags}
    held = set(end.words) | ({end.platform} if end.platform else set())
    if end.platform is None and end.address == HEALTH_PROBES:
        held.add("azureloadbalancer")
    if not tags <= held or held & {tag.lower() for tag in place.not_tags}:
        return False
    if end.platform is not None:
        return end.platform in tags
    number, family = int(end.address), end.address.version
    return any(family == of and first <= number <= last for of, first, last in place.ranges)


def is_possible(end: End) -> bool:
    """Say whether the sound axioms allow such an end."""
    words = end.words
    if any(word.startswith("/") for word in words) and "virtualnetwork" not in words:
        return False
    address_words = {word for word in words if not word.startswith(("port ", "protocol "))}
    if end.platform is not None:
        return not address_words
    if end.address == HEALTH_PROBES and ("virtualnetwork" not in words or any(word.startswith("/") for word in words)):
        return False
    services = [word for word in address_words if word[0].isalpha() and word != "virtualnetwork"]
    if services and not is_public(end.address):
        return False
    regions = [word.split(".")[0] for word in services if "." in word]
    # A parent that no rule names may hold or not: it is not among the words then.
    return all(regions.count(service) <= 1 for service in regions if service != "azuremonitor")


def follow_parents(words: frozenset[str], used: Iterable[str]) -> bool:
    """Say whether each word's wider service holds too, where rules name it."""
    return all(word.split(".")[0] in words for word in words if "." in word and word.split(".")[0] in set(used))


def is_public(address: Address) -> bool:
    """Say whether an address is one that Internet and service tags may hold."""
    if isinstance(address, ipaddress.IPv6Address):
        return address in PUBLIC_6
    return not any(address in network for network in PRIVATE)


def is_network(text: str) -> bool:
    """Say whether a text is an address or a prefix."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _texts(rule: Document, one: str, many: str) -> list[str]:
    return [text for text in (rule.get(one), *(rule.get(many) or ())) if text]


class Sampler:
    """Draws possible connections at and around every edge that some rules have, most of them aimed at one rule."""

    def __init__(self, rng: random.Random, rules: Sequence[Document]) -> None:
        self._rng = rng
        self._rules = rules
        self._words = {side: sorted(_used_words(rules, side)) for side in SIDES}
        self._addresses = {side: _address_edges(rules, side, around=True) for side in SIDES}
        self._ports = {side: _port_edges(rules, side, around=True) for side in SIDES}

    def points(self, count: int) -> list[Point]:
        """Return that many connections."""
        return [self._point() for _ in range(count)]

    def _point(self) -> Point:
        aim = self._rng.choice(self._rules) if self._rules and self._rng.random() < 0.8 else None
        while True:
            source, destination = self._end("source", aim), self._end("destination", aim)
            same_family = source.address.version == destination.address.version
            if same_family and not (source.platform and destination.platform):
                break
        protocols = [name for name in PROTOCOLS if aim and name.lower() == aim["protocol"].lower()]
        return Point(
            aim["direction"] if aim else self._rng.choice(("Inbound", "Outbound")),
            self._rng.choice(protocols or PROTOCOLS),
            self._port("source", aim),
            self._port("destination", aim),
            source,
            destination,
        )

    def _port(self, side: str, aim: Document | None) -> int:
        aimed = _port_edges([aim], side, around=False) if aim and self._rng.random() < 0.8 else ()
        return self._rng.choice(aimed or self._ports[side])

    def _end(self, side: str, aim: Document | None) -> End:
        aimed = [aim] if aim and self._rng.random() < 0.8 else []
        wanted = _used_words(aimed, side)
        addresses = _address_edges(aimed, side, around=False) or self._addresses[side]
        platforms = [text for one in aimed for text in _addresses(one, side) if text in PLATFORM]
        while True:
            words = {word for word in self._words[side] if self._rng.random() < 0.2}
            if wanted and self._rng.random() < 0.9:
                words |= self._with_wider(self._rng.choice(sorted(wanted)), side)
            platform = self._rng.choice(platforms or PLATFORM) if self._rng.random() < 0.1 else None
            end = End(self._rng.choice(addresses), platform, frozenset(words))
            if is_possible(end) and follow_parents(end.words, self._words[side]):
                return end
            addresses = self._addresses[side]

    def _with_wider(self, word: str, side: str) -> set[str]:
        wider = {word.split(".")[0]} & set(self._words[side])
        return {word, *wider, *(("virtualnetwork",) if word.startswith("/") else ())}


def _addresses(rule: Document, side: str) -> list[str]:
    return [text.lower() for text in _texts(rule, f"{side}AddressPrefix", f"{side}AddressPrefixes")]


def _used_words(rules: Sequence[Document], side: str) -> set[str]:
    known = {"virtualnetwork", "internet"} if len(rules) != 1 else set()
    for one in rules:
        texts = _addresses(one, side)
        known |= {text for text in texts if not is_network(text)} - {"*", "azureloadbalancer", *PLATFORM}
        known |= {group["id"].lower() for group in one.get(f"{side}ApplicationSecurityGroups") or ()}
        ports = _texts(one, f"{side}PortRange", f"{side}PortRanges")
        known |= {f"port {text}" for text in ports if text[0].isalpha()}
        if side == "destination" and one["protocol"].lower() == "sctp":
            known.add("protocol sctp")
    return known


def _address_edges(rules: Sequence[Document], side: str, *, around: bool) -> list[Address]:
    texts = ["10.0.0.0/8", "8.8.8.8", "168.63.129.16", "fd00::/8", "2000::/3", "224.0.0.0/3", "0.0.0.0/0"]
    texts = texts if around else []
    for one in rules:
        texts += filter(is_network, _addresses(one, side))
    found: set[Address] = set()
    for network in (ipaddress.ip_network(text, strict=False) for text in texts):
        kind = type(network.network_address)
        first, last = int(network.network_address), int(network.broadcast_address)
        numbers = (first - 1, first, last, last + 1) if around else (first, last)
        found |= {kind(number) for number in numbers if 0 <= number < 2**network.max_prefixlen}
    return sorted(found, key=lambda address: (address.version, int(address)))


def _port_edges(rules: Sequence[Document], side: str, *, around: bool) -> list[int]:
    found = {0, 22, 443, 65535} if around else set()
    for one in rules:
        for text in _texts(one, f"{side}PortRange", f"{side}PortRanges"):
            if text[0].isdigit():
                first, _, last = text.partition("-")
                found |= {int(first), int(last or first)}
                found |= {int(first) - 1, int(last or first) + 1} if around else set()
    return sorted(port for port in found if 0 <= port <= 65535)
