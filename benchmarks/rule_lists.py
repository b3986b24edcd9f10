"""Rule lists that resemble a real NSG, and edits of them: random, but the same in each run."""

# ruff: noqa: PLR2004 - the numbers are proportions

import random
from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]

PORTS = (22, 25, 53, 80, 110, 123, 389, 443, 445, 636, 1433, 1521, 3306, 3389, 5432, 5671, 6379, 8080, 8443, 9093)
TAGS = ("Internet", "VirtualNetwork", "AzureLoadBalancer", "AzureCloud", "Storage.WestEurope", "Sql", "GatewayManager")
GROUP = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/applicationSecurityGroups/asg-{}"


def a_list(rng: random.Random, count: int) -> list[Document]:
    """Return a list of rules of both directions."""
    return [a_rule(rng, f"rule-{number}", 100 + number * (3990 // count)) for number in range(count)]


def a_rule(rng: random.Random, name: str, priority: int) -> Document:
    """Return one rule."""
    inbound = rng.random() < 0.7
    return {
        "name": name,
        "priority": priority,
        "direction": "Inbound" if inbound else "Outbound",
        "access": "Allow" if rng.random() < 0.8 else "Deny",
        "protocol": rng.choices(("Tcp", "Udp", "*", "Icmp"), (75, 10, 12, 3))[0],
        "sourcePortRange": "*",
        **_ports(rng),
        **_side(rng, "source"),
        **_side(rng, "destination"),
    }


def _ports(rng: random.Random) -> Document:
    form = rng.random()
    if form < 0.1:
        return {"destinationPortRange": "*"}
    if form < 0.75:
        return {"destinationPortRange": str(rng.choice(PORTS))}
    first = rng.randrange(1024, 60000)
    return {"destinationPortRanges": [str(rng.choice(PORTS)), f"{first}-{first + rng.randrange(1, 2000)}"]}


def _side(rng: random.Random, side: str) -> Document:
    form = rng.random()
    if form < 0.1:
        return {f"{side}AddressPrefix": "*"}
    if form < 0.2:
        return {f"{side}AddressPrefix": rng.choice(TAGS)}
    if form < 0.25:
        return {f"{side}ApplicationSecurityGroups": [{"id": GROUP.format(rng.randrange(8))}]}
    return {f"{side}AddressPrefixes": sorted({_prefix(rng) for _ in range(rng.choice((1, 1, 2, 5)))})}


def _prefix(rng: random.Random) -> str:
    form = rng.random()
    if form < 0.2:
        return f"{rng.choice((13, 20, 52, 104, 203))}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}"
    length = rng.choice((16, 24, 24, 24, 27, 32))
    number = (10 << 24 | rng.getrandbits(24)) >> (32 - length) << (32 - length)
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{length}"


def edit(rng: random.Random, rules: list[Document], edits: int) -> list[Document]:
    """Return the list after some typical edits."""
    live = [dict(rule) for rule in rules]
    for number in range(edits):
        place = rng.randrange(len(live))
        kind = rng.randrange(5)
        if kind == 0:
            live.append(a_rule(rng, f"new-{number}", rng.randrange(100, 4096)))
        elif kind == 1:
            live.pop(place)
        elif kind == 2:
            live[place]["access"] = "Deny" if live[place]["access"] == "Allow" else "Allow"
        elif kind == 3:
            live[place] |= {"destinationPortRange": str(rng.choice(PORTS)), "destinationPortRanges": []}
        else:
            live[place]["priority"] = rng.randrange(100, 4096)
    return live


def worst_cases(rng: random.Random) -> Iterator[tuple[str, list[Document], list[Document] | None]]:
    """Yield changes that affect all of 1,000 rules."""
    rules = a_list(rng, 1000)
    anything = {
        "priority": 99, "protocol": "*", "sourcePortRange": "*", "destinationPortRange": "*",
        "sourceAddressPrefix": "*", "destinationAddressPrefix": "*",
    }  # fmt: skip
    for direction in ("Inbound", "Outbound"):
        for access in ("Allow", "Deny"):
            top = {**anything, "name": "top", "direction": direction, "access": access}
            yield f"{access} any-any {direction} on top", rules, [*rules, top]
    yield "all rules deleted", rules, []
    yield "the NSG deleted", rules, None
    yield "another list altogether", rules, a_list(rng, 1000)
    yield "all priorities reversed", rules, [{**rule, "priority": 4196 - rule["priority"]} for rule in rules]
