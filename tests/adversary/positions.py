"""The start of a game: what is approved, tolerated and excepted, and how it is enforced."""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.support.nsgs import SUBNET
from tests.support.rule_shorthand import arm_rule
from tests.support.rules import Document

GROUP = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network/applicationSecurityGroups/web"
APPROVED: tuple[tuple[str, ...], ...] = (
    ("100 web allow tcp Internet -> *:443", "200 ssh allow tcp 10.0.0.0/8 -> *:22"),
    (
        "100 deny-ssh deny tcp Internet -> *:22",
        "110 deny-rdp deny * Internet -> *:3389",
        "200 range allow tcp Internet -> *:20-30",
        "210 desk allow * * -> *:3380-3400",
    ),
    (
        "150 web allow tcp * -> asg:web:443",
        "160 admin allow tcp 198.51.100.7 -> 10.0.0.0/24:22",
        "300 deny-all deny * Internet -> *:*",
        "400 behind allow * Internet -> *:0-65535",
    ),
    ("4096 last deny * * -> *:*", "4000 sql allow tcp 10.1.0.0/16 -> *:1433", "4001 guard deny tcp * -> *:1433"),
    (),
)
PATTERN: Document = {"name": "co-*"}
TOLERATE: tuple[tuple[Document, ...], ...] = (
    (),
    (PATTERN,),
    ({"preset": "AKS"}, {"preset": "DefenderJIT"}),
    ({"name": "co-*", "access": "Deny"}, {"preset": "ClusterAPI"}),
)


@dataclass(frozen=True)
class Position:
    """The approved rules, those under an exception with the minutes that remain, and fields of the spec."""

    approved: tuple[Document, ...]
    excepted: tuple[tuple[Document, int], ...] = ()
    spec: dict[str, Any] = field(default_factory=dict)

    @property
    def attached(self) -> bool:
        """Whether the baseline declares subnets."""
        return "associations" in self.spec


def position(rng: random.Random) -> Position:
    """Return a random start."""
    lines = rng.choice(APPROVED)
    spec: dict[str, Any] = {
        "tolerate": list(rng.choice(TOLERATE)),
        "enforcement": {"maxChanges": rng.choice((1, 3, 10)), "only": rng.choice(("All", "All", "Openings"))},
    }
    if rng.random() < 0.3:
        spec["associations"] = {"subnets": [SUBNET.format("web")]}
    excepted: list[tuple[Document, int]] = []
    if rng.random() < 0.4:
        excepted.append((arm_rule("120 break-glass allow tcp Internet -> *:22"), rng.choice((10, 45))))
    if rng.random() < 0.2 and lines:
        name = rng.choice(lines).split()[1]
        excepted.append((arm_rule(f"130 {name} deny tcp 203.0.113.0/24 -> *:22"), rng.choice((10, 45))))
    return Position(tuple(map(arm_rule, lines)), tuple(excepted), spec)
