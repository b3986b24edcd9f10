"""Two rule lists as bit-vector formulas, and whether z3 finds a connection that they decide differently.

This is the equivalence part of the exposure: both address families, with tags and groups as symbols under the same
axioms. The list is a chain of disjunctions and conjunctions, which z3 solves faster than if-then-else.
"""

# ruff: noqa: PLR2004 - address families, and the bits of addresses and ports

from collections.abc import Sequence
from typing import Any

import z3

from nsg_baseline.core.intervals import ALL_PORTS
from nsg_baseline.core.rules import Addresses, Rule
from nsg_baseline.core.traffic.defaults import DEFAULT_RULES
from nsg_baseline.core.traffic.model import DIRECTIONS, PROTOCOLS
from nsg_baseline.core.traffic.rule_diff import ordered
from nsg_baseline.core.traffic.tags import (
    LOAD_BALANCER,
    LOAD_BALANCER_ADDRESS,
    PUBLIC,
    VIRTUAL_NETWORK,
    disjoint,
    parent,
)

Formula = Any


class _Side:
    def __init__(self, name: str) -> None:
        self._name = name
        self.is_six = z3.Bool(f"{name}-six")
        self._addresses = {4: z3.BitVec(f"{name}-4", 32), 6: z3.BitVec(f"{name}-6", 128)}
        self._words: dict[str, Formula] = {}

    def within(self, family: int, first: int, last: int) -> Formula:
        address = self._addresses[family]
        right = self.is_six if family == 6 else z3.Not(self.is_six)
        return z3.And(right, _between(address, first, last))

    def word(self, word: str) -> Formula:
        return self._words.setdefault(word, z3.Bool(f"{self._name}-{word}"))

    def matches(self, side: Addresses) -> Formula:
        if "*" in side.words:
            return z3.And()
        ranges = [*side.ranges, *([LOAD_BALANCER_ADDRESS] if LOAD_BALANCER in side.words else [])]
        words = [word for word in (*side.words, *side.groups) if word != LOAD_BALANCER]
        return z3.Or(*(self.within(*interval) for interval in ranges), *map(self.word, words))

    def axioms(self) -> list[Formula]:
        axioms = [z3.Implies(self.within(*LOAD_BALANCER_ADDRESS), self.word(VIRTUAL_NETWORK))]
        for word, holds in list(self._words.items()):
            above = parent(word)
            if above in self._words:
                axioms.append(z3.Implies(holds, self.word(above)))
            if not word.startswith("/") and word != VIRTUAL_NETWORK:
                axioms.append(z3.Implies(holds, z3.Or(*(self.within(*interval) for interval in PUBLIC))))
            apart = [also for other, also in self._words.items() if other != word and disjoint(word, other)]
            axioms += [z3.Not(z3.And(holds, also)) for also in apart]
        return axioms


def formulas(approved: Sequence[Rule], live: Sequence[Rule]) -> list[list[Formula]]:
    """Return for each direction the formula of a connection that the two lists decide differently."""
    return [_of_direction(approved, live, direction) for direction in DIRECTIONS]


def differ(questions: list[list[Formula]]) -> bool:
    """Return whether z3 finds such a connection."""
    answers = []
    for question in questions:
        solver = z3.SolverFor("QF_BV")
        solver.add(*question)
        answers.append(solver.check())
    return z3.sat in answers


def _of_direction(approved: Sequence[Rule], live: Sequence[Rule], direction: str) -> list[Formula]:
    protocol, ports = z3.BitVec("protocol", 3), (z3.BitVec("from", 16), z3.BitVec("to", 16))
    source, destination = _Side("source"), _Side("destination")

    def matches(rule: Rule) -> Formula:
        limits = (rule.source_ports.ranges, rule.destination_ports.ranges)
        limited = [
            z3.Or(*(_between(port, first, last) for _, first, last in ranges))
            for port, ranges in zip(ports, limits, strict=True)
            if ranges != ALL_PORTS and rule.protocol in ("Tcp", "Udp", "*")
        ]
        if rule.protocol != "*":
            limited.append(protocol == PROTOCOLS.index(rule.protocol))
        elif limited:
            limited.append(z3.ULE(protocol, 1))
        return z3.And(*limited, source.matches(rule.source), destination.matches(rule.destination))

    def allows(rules: Sequence[Rule]) -> Formula:
        allowed = z3.And()
        for rule in reversed([*ordered(rules, direction), *DEFAULT_RULES[direction]]):
            met = matches(rule)
            allowed = z3.Or(met, allowed) if rule.access == "Allow" else z3.And(z3.Not(met), allowed)
        return allowed

    otherwise = allows(approved) != allows(live)
    possible = [source.is_six == destination.is_six, z3.ULT(protocol, len(PROTOCOLS))]
    return [otherwise, *possible, *source.axioms(), *destination.axioms()]


def _between(value: Formula, first: int, last: int) -> Formula:
    if first == last:
        return value == first
    return z3.And(z3.UGE(value, first), z3.ULE(value, last))
