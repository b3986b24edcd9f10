"""A judge of guardrails for all connections at once: the clause and the rules as formulas, and z3 to find a mistake.

Written from the description of the clauses alone. It shares no code with what it judges, beyond the values it is given.
"""

import ipaddress
import random
from collections.abc import Iterable, Sequence
from typing import Any

import z3

from nsg_baseline.core.guardrails import Violation
from tests.support.traffic_points import PLATFORM, PRIVATE, PUBLIC_6, Document, is_network
from tests.support.traffic_rules import PREFIXES_4, PREFIXES_6
from tests.support.traffic_z3 import Formula, Side, World, number_of

_FAR = (
    *("*", "*", "Internet", "Internet", "internet", "VirtualNetwork", "AzureLoadBalancer", "GatewayManager"),
    *("Storage", "Storage.WestEurope", "AzurePlatformDNS", *PREFIXES_4, *PREFIXES_6),
)
_NEAR = ("*", "*", "*", "*", "VirtualNetwork", "10.1.2.3", "10.0.0.0/9", "52.0.0.0/8", "fd00::/8")
_PORTS = (["*"], ["*"], ["22"], ["80", "443"], ["20-25", "3389"], ["0-1023"], ["65535"])


def clause(rng: random.Random) -> Document:
    """Return a clause of a guardrail."""
    direction = rng.choice(("Inbound", "Outbound"))
    far, near = ("source", "destination") if direction == "Inbound" else ("destination", "source")
    ports = rng.choice(_PORTS)
    with_ports = [["Tcp"], ["Udp"], ["Tcp", "Udp"], ["*"]]
    protocols = rng.choice([*with_ports, *([["Icmp"], ["Tcp", "Esp"]] if ports == ["*"] else [])])
    places = {far: rng.choice(_FAR), near: rng.choice(_NEAR)}
    return {"direction": direction, "protocols": protocols, "ports": ports, **places}


def mistake(rules: Sequence[Document], document: Document, effect: str, violations: Iterable[Violation]) -> str | None:
    """Return a connection that the violations of one clause get wrong; None if there is none."""
    world = World(document["direction"])
    decider, allowed = world.deciders(rules)
    violated = allowed if effect == "Allowed" else z3.Not(allowed)
    inside = _region(world, document, effect)
    listed = [(violation, z3.Or(*map(world.contains, violation.boxes))) for violation in violations]
    right = [
        z3.Implies(formula, z3.And(violated, decider == number_of(rules, _name(violation))))
        for violation, formula in listed
    ]
    wrong = z3.And(inside, z3.Or(z3.And(violated, z3.Not(z3.Or(*(f for _, f in listed)))), z3.Not(z3.And(*right))))
    model = _solved(world, wrong)
    if model is not None:
        return f"wrong: {model}"
    empty = [violation for violation, formula in listed if _solved(world, z3.And(inside, formula)) is None]
    return f"does not exist: {empty[0]}" if empty else None


def _solved(world: World, formula: Formula) -> Any:
    solver = z3.Solver()
    sides = (world.source, world.destination)
    solver.add(formula, *(axiom for side in sides for axiom in _likely(side)))
    # Words of rules, boxes and clauses are all known by now.
    solver.add(*world.axioms(), *world.axioms())
    if solver.check() == z3.unsat:
        return None
    return solver.model()


def _likely(side: Side) -> list[Formula]:
    internet, network, ordinary = side.word("Internet"), side.word("VirtualNetwork"), side.platform == 0
    return [
        z3.Implies(ordinary, internet == _public(side)),
        z3.Implies(network, z3.Not(_public(side))),
    ]


def _public(side: Side) -> Formula:
    private = z3.Or(*(side.within(network) for network in PRIVATE))
    return z3.If(side.family == 4, z3.Not(private), side.within(PUBLIC_6))


def _region(world: World, document: Document, effect: str) -> Formula:
    inbound = document["direction"] == "Inbound"
    source, destination = document.get("source", "*"), document.get("destination", "*")
    near, far = (world.destination, world.source) if inbound else (world.source, world.destination)
    near_text, far_text = (destination, source) if inbound else (source, destination)
    is_any = document["ports"] == ["*"]
    protocols = set(document["protocols"]) - {"*"}
    if "*" in document["protocols"]:
        protocols = {"Tcp", "Udp", *(("Icmp", "Esp", "Ah", "Other") if is_any else ())}
    ports = [text.partition("-") for text in document["ports"] if text != "*"]
    in_ports = [
        z3.And(world.destination.port >= int(low), world.destination.port <= int(high or low)) for low, _, high in ports
    ]
    return z3.And(
        world.is_one_of(protocols),
        z3.BoolVal(val=True) if is_any else z3.Or(*in_ports),
        near.platform == 0,
        _near(near, near_text, effect),
        _far(far, far_text),
    )


def _near(side: Side, text: str, effect: str) -> Formula:
    if is_network(text):
        inside = z3.Or(_public(side), side.word("VirtualNetwork"))
        return z3.And(side.within(ipaddress.ip_network(text, strict=False)), inside)
    return z3.BoolVal(val=True) if text == "*" and effect == "Allowed" else side.word("VirtualNetwork")


def _far(side: Side, text: str) -> Formula:
    word, ordinary = text.lower(), side.platform == 0
    if word in PLATFORM:
        return side.platform == 1 + PLATFORM.index(word)
    if word == "*":
        return ordinary
    if word == "azureloadbalancer":
        return z3.And(ordinary, side.within(ipaddress.ip_network("168.63.129.16")))
    if is_network(text):
        inside = z3.Or(_public(side), side.word("VirtualNetwork"))
        return z3.And(ordinary, side.within(ipaddress.ip_network(text, strict=False)), inside)
    return z3.And(ordinary, side.word(word))


def _name(violation: Violation) -> str | None:
    return violation.rule.name if violation.rule is not None else None
