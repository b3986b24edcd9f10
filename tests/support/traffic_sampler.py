"""Connections at and around every edge that some rules have, in worlds that the axioms allow."""

import ipaddress
import random
from collections.abc import Sequence

from tests.support.traffic_points import (
    PLATFORM,
    SIDES,
    Address,
    Document,
    End,
    Point,
    follow_parents,
    in_a_likely_network,
    is_network,
    is_possible,
    texts_of,
)

# TCP most often: most rules are about it.
PROTOCOLS = ("Tcp", "Tcp", "Tcp", "Udp", "Udp", "Icmp", "Esp", "Ah", "Other")


class Sampler:
    """Draws possible connections at and around every edge that some rules have, most of them aimed at one rule."""

    def __init__(self, rng: random.Random, rules: Sequence[Document], *, likely: bool = False) -> None:
        self._rng = rng
        self._likely = likely
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
        platforms = [text for rule in aimed for text in _addresses(rule, side) if text in PLATFORM]
        while True:
            words = {word for word in self._words[side] if self._rng.random() < 0.2}
            if wanted and self._rng.random() < 0.9:
                words |= self._with_wider(self._rng.choice(sorted(wanted)), side)
            platform = self._rng.choice(platforms or PLATFORM) if self._rng.random() < 0.1 else None
            end = End(self._rng.choice(addresses), platform, frozenset(words))
            end = in_a_likely_network(end) if self._likely else end
            if is_possible(end) and follow_parents(end.words, self._words[side]):
                return end
            addresses = self._addresses[side]

    def _with_wider(self, word: str, side: str) -> set[str]:
        wider = {word.split(".", maxsplit=1)[0]} & set(self._words[side])
        return {word, *wider, *(("virtualnetwork",) if word.startswith("/") else ())}


def _addresses(rule: Document, side: str) -> list[str]:
    return [text.lower() for text in texts_of(rule, f"{side}AddressPrefix", f"{side}AddressPrefixes")]


def _used_words(rules: Sequence[Document], side: str) -> set[str]:
    words = {"virtualnetwork", "internet"} if len(rules) != 1 else set()
    for rule in rules:
        texts = _addresses(rule, side)
        words |= {text for text in texts if not is_network(text)} - {"*", "azureloadbalancer", *PLATFORM}
        words |= {group["id"].lower() for group in rule.get(f"{side}ApplicationSecurityGroups") or ()}
        ports = texts_of(rule, f"{side}PortRange", f"{side}PortRanges")
        words |= {f"port {text}" for text in ports if text[0].isalpha()}
        if side == "destination" and rule["protocol"].lower() == "sctp":
            words.add("protocol sctp")
    return words


def _address_edges(rules: Sequence[Document], side: str, *, around: bool) -> list[Address]:
    texts = ["10.0.0.0/8", "8.8.8.8", "168.63.129.16", "fd00::/8", "2000::/3", "224.0.0.0/3", "0.0.0.0/0"]
    texts = texts if around else []
    for rule in rules:
        texts += filter(is_network, _addresses(rule, side))
    edges: set[Address] = set()
    for network in (ipaddress.ip_network(text, strict=False) for text in texts):
        kind = type(network.network_address)
        first, last = int(network.network_address), int(network.broadcast_address)
        numbers = (first - 1, first, last, last + 1) if around else (first, last)
        edges |= {kind(number) for number in numbers if 0 <= number < 2**network.max_prefixlen}
    return sorted(edges, key=lambda address: (address.version, int(address)))


def _port_edges(rules: Sequence[Document], side: str, *, around: bool) -> list[int]:
    edges = {0, 22, 443, 65535} if around else set()
    for rule in rules:
        for text in texts_of(rule, f"{side}PortRange", f"{side}PortRanges"):
            if text[0].isdigit():
                first, _, last = text.partition("-")
                edges |= {int(first), int(last or first)}
                edges |= {int(first) - 1, int(last or first) + 1} if around else set()
    return sorted(port for port in edges if 0 <= port <= 65535)
