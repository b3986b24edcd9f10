"""A judge of exposure for all connections at once: both rule lists as formulas, and z3 to find a counterexample.

Written from Azure's semantics alone. It shares no code with what it judges, beyond the values it is given.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

import z3

from nsg_baseline.core.traffic.model import Box, Exposure, Place
from tests.support.traffic_points import DEFAULTS, PLATFORM, PRIVATE, PUBLIC_6, Document, covers_all, is_network

PROTOCOLS = ("Tcp", "Udp", "Icmp", "Esp", "Ah", "Other")
Formula = Any


class Side:
    """One end of any connection: an address of a family or one kind of platform traffic, and words that may hold."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.family = z3.Int(f"{name}_family")
        self.address = z3.Int(f"{name}_address")
        self.platform = z3.Int(f"{name}_platform")
        self.port = z3.Int(f"{name}_port")
        self._words: dict[str, Formula] = {}

    def word(self, text: str) -> Formula:
        """Return whether a word holds."""
        key = text.lower()
        return self._words.setdefault(key, z3.Bool(f"{self.name}_{key}"))

    def within(self, network: Any) -> Formula:
        """Return whether the address is in a network."""
        first, last = int(network.network_address), int(network.broadcast_address)
        return self.between(network.version, first, last)

    def between(self, family: int, first: int, last: int) -> Formula:
        """Return whether the address is in a range."""
        return z3.And(self.family == family, self.address >= first, self.address <= last)

    def axioms(self) -> list[Formula]:
        """Return what holds for every end. To be asked when all words are known."""
        every = [
            z3.Or(z3.And(self.family == 4, self.address < 2**32), z3.And(self.family == 6, self.address < 2**128)),
            self.address >= 0,
            *(self.platform >= 0, self.platform <= len(PLATFORM), self.port >= 0, self.port <= 65535),
            z3.Implies(
                self.within(ipaddress.ip_network("168.63.129.16")),
                z3.Or(self.word("VirtualNetwork"), self.platform > 0),
            ),
        ]
        return every + [axiom for word in list(self._words) for axiom in self._word_axioms(word)]

    def _word_axioms(self, word: str) -> Iterable[Formula]:
        holds = self._words[word]
        if word.startswith(("port ", "protocol ")):
            return
        yield z3.Implies(holds, self.platform == 0)
        if word.startswith("/"):
            yield z3.Implies(holds, self.word("VirtualNetwork"))
            yield z3.Implies(holds, z3.Not(self.within(ipaddress.ip_network("168.63.129.16"))))
        elif word[0].isalpha() and word != "virtualnetwork":
            public = z3.And(
                z3.Or(self.family == 4, self.within(PUBLIC_6)), *(z3.Not(self.within(network)) for network in PRIVATE)
            )
            yield z3.Implies(holds, public)
            service, dot, _ = word.partition(".")
            for other, also in self._words.items():
                if dot and other == service:
                    yield z3.Implies(holds, also)
                if dot and service != "azuremonitor" and other != word and other.startswith(f"{service}."):
                    yield z3.Not(z3.And(holds, also))


class World:
    """All connections of one direction."""

    def __init__(self, direction: str) -> None:
        self.direction = direction
        self.protocol = z3.Int("protocol")
        self.source, self.destination = Side("source"), Side("destination")

    def axioms(self) -> list[Formula]:
        """Return what holds for every connection."""
        return [
            *(self.protocol >= 0, self.protocol < len(PROTOCOLS), self.source.family == self.destination.family),
            z3.Not(z3.And(self.source.platform > 0, self.destination.platform > 0)),
            *self.source.axioms(),
            *self.destination.axioms(),
        ]

    def is_one_of(self, protocols: Iterable[str]) -> Formula:
        """Return whether the protocol is one of some."""
        return z3.Or(*(self.protocol == PROTOCOLS.index(name) for name in protocols))

    def matches(self, rule: Document) -> Formula:
        """Return whether a rule is about the connection."""
        ports = z3.And(*(self._ports(rule, side) for side in (self.source, self.destination)))
        has_ports = self.is_one_of(("Tcp", "Udp"))
        protocol = rule["protocol"].lower()
        listed_protocol = next((name for name in PROTOCOLS[:-1] if name.lower() == protocol), None)
        if protocol == "*":
            unlimited = all(
                covers_all(_texts(rule, side.name, "PortRange")) for side in (self.source, self.destination)
            )
            wanted = z3.Or(z3.BoolVal(unlimited), has_ports)
        elif listed_protocol:
            wanted = self.is_one_of([listed_protocol])
        else:
            wanted = z3.And(self.is_one_of(["Other"]), self.destination.word(f"protocol {protocol}"))
        return z3.And(
            wanted, z3.Implies(has_ports, ports), *(self._end(rule, side) for side in (self.source, self.destination))
        )

    def _ports(self, rule: Document, side: Side) -> Formula:
        matches = []
        for text in _texts(rule, side.name, "PortRange"):
            first, _, last = ("0-65535" if text == "*" else text).partition("-")
            if first.isdigit():
                matches.append(z3.And(side.port >= int(first), side.port <= int(last or first)))
            else:
                matches.append(side.word(f"port {text}"))
        return z3.Or(*matches)

    def _end(self, rule: Document, side: Side) -> Formula:
        ordinary = side.platform == 0
        matches = [
            z3.And(ordinary, side.word(group["id"]))
            for group in rule.get(f"{side.name}ApplicationSecurityGroups") or ()
        ]
        for text in _texts(rule, side.name, "AddressPrefix"):
            word = text.lower()
            if word in PLATFORM:
                matches.append(side.platform == 1 + PLATFORM.index(word))
            elif word == "*":
                matches.append(ordinary)
            elif word == "azureloadbalancer":
                matches.append(z3.And(ordinary, side.within(ipaddress.ip_network("168.63.129.16"))))
            elif is_network(text):
                matches.append(z3.And(ordinary, side.within(ipaddress.ip_network(text, strict=False))))
            else:
                matches.append(z3.And(ordinary, side.word(word)))
        return z3.Or(*matches)

    def deciders(self, rules: Sequence[Document] | None) -> tuple[Formula, Formula]:
        """Return who decides, as a number, and whether it is allowed. The platform is -1."""
        decider, allowed = z3.IntVal(-1), z3.BoolVal(True)
        if rules is None:
            return decider, allowed
        every = sorted([*rules, *DEFAULTS], key=lambda document: document["priority"], reverse=True)
        for rule in every:
            if rule["direction"] == self.direction:
                met = self.matches(rule)
                decider = z3.If(met, z3.IntVal(number_of(rules, rule["name"])), decider)
                allowed = z3.If(met, z3.BoolVal(rule["access"] == "Allow"), allowed)
        return decider, allowed

    def contains(self, box: Box) -> Formula:
        """Return whether the connection is in a box."""
        ports = [
            z3.Or(*(z3.And(side.port >= first, side.port <= last) for _, first, last in ranges))
            for side, ranges in ((self.source, box.source_ports), (self.destination, box.destination_ports))
        ]
        return z3.And(
            self.is_one_of(box.protocols),
            z3.Implies(self.is_one_of(("Tcp", "Udp")), z3.And(*ports)),
            self._in_place(self.source, box.source),
            self._in_place(self.destination, box.destination),
        )

    def _in_place(self, side: Side, place: Place) -> Formula:
        special = [tag for tag in place.tags if tag.lower() in PLATFORM]
        words = [tag for tag in place.tags if tag not in special]
        where = z3.And(side.platform == 0, z3.Or(*(side.between(*interval) for interval in place.ranges)))
        if special:
            where = z3.And(*(side.platform == 1 + PLATFORM.index(tag.lower()) for tag in special))
        return z3.And(where, *map(side.word, words), *(z3.Not(side.word(tag)) for tag in place.not_tags))


def number_of(rules: Sequence[Document] | None, name: str | None) -> int:
    """Return the number that stands for a rule's name in formulas."""
    if name is None:
        return -1
    return [document["name"] for document in (*(rules or ()), *DEFAULTS)].index(name)


def counterexample(
    approved: Sequence[Document] | None, live: Sequence[Document] | None, exposure: Exposure
) -> str | None:
    """Return a connection that an exposure gets wrong, or tells twice; None when there is none."""
    for direction in ("Inbound", "Outbound"):
        world = World(direction)
        (approved_rule, before), (live_rule, after) = world.deciders(approved), world.deciders(live)
        entries = [entry for entry in exposure.entries if entry.direction == direction]
        right, counts = [], []
        for entry in entries:
            inside = [world.contains(box) for box in entry.boxes]
            counts += inside
            as_entry = z3.And(
                approved_rule == number_of(approved, entry.approved_rule),
                live_rule == number_of(live, entry.live_rule),
                before == z3.BoolVal(entry.effect == "Denied"),
                after == z3.BoolVal(entry.effect == "Allowed"),
            )
            right.append(z3.Implies(z3.Or(*inside), as_entry))
        solver = z3.Solver()
        twice = z3.Not(z3.AtMost(*counts, 1)) if len(counts) > 1 else z3.BoolVal(False)
        missed = z3.And(before != after, z3.Not(z3.Or(*counts)))
        wrong = z3.Or(missed, z3.Not(z3.And(*right)), twice)
        # Words of boxes and rules are all known by now.
        solver.add(*world.axioms(), *world.axioms(), wrong)
        if solver.check() != z3.unsat:
            return f"{direction}: {solver.model()}"
    return None


def _texts(rule: Document, side: str, field: str) -> list[str]:
    plural = f"{side}{field}es" if field.endswith("x") else f"{side}{field}s"
    return [text for text in (rule.get(f"{side}{field}"), *(rule.get(plural) or ())) if text]
