"""A judge of exposure that looks at one connection at a time: first match, straight from the documents.

Written from Azure's semantics alone. It shares no code with what it judges.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nsg_baseline.core.traffic.model import Box, Place

Document = dict[str, Any]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SIDES = ("source", "destination")
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
        for rule in sorted([*rules, *DEFAULTS], key=lambda document: document["priority"]):
            if matches(rule, point):
                return rule["name"], rule["access"]
    return None, "Allow"


def matches(rule: Document, point: Point) -> bool:
    """Say whether a rule is about a connection."""
    return (
        rule["direction"] == point.direction
        and _protocol_matches(rule, point)
        and (point.protocol not in ("Tcp", "Udp") or _ports_match(rule, point))
        and _end_matches(rule, "source", point.source)
        and _end_matches(rule, "destination", point.destination)
    )


def _protocol_matches(rule: Document, point: Point) -> bool:
    protocol = rule["protocol"].lower()
    if protocol == "*":
        unlimited = all(covers_all(texts_of(rule, f"{side}PortRange", f"{side}PortRanges")) for side in SIDES)
        return unlimited or point.protocol in ("Tcp", "Udp")
    if protocol in ("tcp", "udp", "icmp", "esp", "ah"):
        return bool(protocol == point.protocol.lower())
    return point.protocol == "Other" and f"protocol {protocol}" in point.destination.words


def _ports_match(rule: Document, point: Point) -> bool:
    ends = (("source", point.source_port, point.source), ("destination", point.destination_port, point.destination))
    return all(
        _port_matches(texts_of(rule, f"{side}PortRange", f"{side}PortRanges"), port, end) for side, port, end in ends
    )


def _end_matches(rule: Document, side: str, end: End) -> bool:
    for group in rule.get(f"{side}ApplicationSecurityGroups") or ():
        if end.platform is None and group["id"].lower() in end.words:
            return True
    for text in texts_of(rule, f"{side}AddressPrefix", f"{side}AddressPrefixes"):
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
    words = set(end.words) | ({end.platform} if end.platform else set())
    if end.platform is None and end.address == HEALTH_PROBES:
        words.add("azureloadbalancer")
    if not tags <= words or words & {tag.lower() for tag in place.not_tags}:
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


def in_a_likely_network(end: End) -> End:
    """Return the same end with the words that hold for it if no virtual network contains a public address."""
    if end.platform is not None:
        return end
    if is_public(end.address):
        inside = {word for word in end.words if word == "virtualnetwork" or word.startswith("/")}
        return replace(end, words=(end.words - inside) | {"internet"})
    return replace(end, words=end.words - {"internet"})


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


def texts_of(rule: Document, singular: str, plural: str) -> list[str]:
    """Return the values of a singular and a plural field."""
    return [text for text in (rule.get(singular), *(rule.get(plural) or ())) if text]
