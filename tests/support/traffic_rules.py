"""Pairs of rule lists for checks of exposure: a list, and the same list after a few edits, from a seed.

Values come from small pools, so that rules meet, cover and shadow each other all the time.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

Document = dict[str, Any]

PROTOCOLS = ("*", "*", "Tcp", "Tcp", "tcp", "Udp", "Icmp", "Esp", "Ah")
PORTS = ("*", "*", "22", "80", "443", "20-25", "22-443", "0-1023", "1024-65535", "65535", "0")
PREFIXES_4 = (
    *("10.0.0.0/8", "10.0.0.0/9", "10.1.0.0/16", "10.1.2.3", "10.255.255.255/32", "192.168.0.0/16", "0.0.0.0/0"),
    *("0.0.0.0/1", "128.0.0.0/1", "8.8.8.0/24", "168.63.129.16", "168.63.129.0/24", "52.0.0.0/8", "172.16.0.0/12"),
)
PREFIXES_6 = ("::/0", "2000::/3", "fd00::/8", "2603:1000::/24", "fd00::1")
TAGS = (
    *("Internet", "VirtualNetwork", "AzureLoadBalancer", "INTERNET", "virtualnetwork"),
    *("Storage", "Storage.WestEurope", "Storage.NorthEurope", "AzureMonitor.EastUS", "AzureMonitor.WestUS"),
    *("GatewayManager", "10.0.0.0/42"),
)
GROUP = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/applicationSecurityGroups/{}"
GROUPS = tuple(GROUP.format(name) for name in ("web", "db", "Ops"))


@dataclass(frozen=True, slots=True)
class Pools:
    """What rules are made of."""

    protocols: tuple[str, ...] = PROTOCOLS
    ports: tuple[str, ...] = PORTS
    prefixes: tuple[tuple[str, ...], ...] = (PREFIXES_4, PREFIXES_4, PREFIXES_6)
    tags: tuple[str, ...] = TAGS
    groups: tuple[str, ...] = GROUPS
    directions: tuple[str, ...] = ("Inbound", "Outbound")
    platform: tuple[str, ...] = ()


COMMON = Pools()
# What occurs seldom, or not yet: platform tags, opaque values.
STRANGE = replace(
    COMMON,
    protocols=(*PROTOCOLS, "Sctp"),
    ports=(*PORTS, "ftp"),
    platform=("AzurePlatformDNS", "AzurePlatformIMDS", "AzurePlatformLKM"),
)


def pair(seed: int, pools: Pools = COMMON, most: int = 6) -> tuple[list[Document], list[Document]]:
    """Return an approved and a live list of up to `most` rules, a few edits apart."""
    rng = random.Random(seed)
    approved = rule_list(rng, rng.randint(0, most), pools)
    return approved, edited(rng, approved, rng.randint(1, 3), pools)


def rule_list(rng: random.Random, count: int, pools: Pools = COMMON) -> list[Document]:
    """Return rules of distinct priorities and names."""
    priorities = rng.sample(range(100, 100 + 4 * count + 1), count)
    return [rule(rng, f"r{number}", priority, pools) for number, priority in enumerate(priorities)]


def rule(rng: random.Random, name: str, priority: int, pools: Pools = COMMON) -> Document:
    """Return a rule."""
    return {
        "name": name,
        "priority": priority,
        "direction": rng.choice(pools.directions),
        "access": rng.choice(("Allow", "Deny")),
        "protocol": rng.choice(pools.protocols),
        **_ports(rng, "source", pools, ("*",) * 8),
        **_ports(rng, "destination", pools),
        **_addresses(rng, "source", pools),
        **_addresses(rng, "destination", pools),
    }


def edited(rng: random.Random, rules: list[Document], edits: int, pools: Pools = COMMON) -> list[Document]:
    """Return the rules after some edits: rules added, removed, changed in one part, or moved."""
    live = [dict(document) for document in rules]
    for number in range(edits):
        edit = rng.choice((_add, _add, _remove, _change, _change, _move))
        edit(rng, live, pools, f"new{number}")
    rng.shuffle(live)
    return live


def _add(rng: random.Random, rules: list[Document], pools: Pools, name: str) -> None:
    rules.append(rule(rng, name, _free_priority(rng, rules), pools))


def _remove(rng: random.Random, rules: list[Document], pools: Pools, name: str) -> None:
    if rules:
        rules.pop(rng.randrange(len(rules)))


def _change(rng: random.Random, rules: list[Document], pools: Pools, name: str) -> None:
    if not rules:
        return
    old = rules.pop(rng.randrange(len(rules)))
    new = rule(rng, old["name"], old["priority"], pools)
    parts: tuple[Callable[[str], bool], ...] = (
        lambda key: key == "access",
        lambda key: key == "protocol",
        lambda key: key.startswith("destinationPort"),
        lambda key: key.startswith(("sourceAddress", "sourceApplication")),
        lambda key: key.startswith(("destinationAddress", "destinationApplication")),
    )
    part = rng.choice(parts)
    kept = {key: value for key, value in old.items() if not part(key)}
    rules.append({**kept, **{key: value for key, value in new.items() if part(key)}, "direction": old["direction"]})


def _move(rng: random.Random, rules: list[Document], pools: Pools, name: str) -> None:
    if rules:
        rules[rng.randrange(len(rules))]["priority"] = _free_priority(rng, rules)


def _free_priority(rng: random.Random, rules: list[Document]) -> int:
    return rng.choice(
        [priority for priority in range(100, 150) if priority not in {document["priority"] for document in rules}]
    )


def _ports(rng: random.Random, side: str, pools: Pools, more: tuple[str, ...] = ()) -> Document:
    choices = (*pools.ports, *more)
    if rng.random() < 0.8:
        return {f"{side}PortRange": rng.choice(choices)}
    return {f"{side}PortRanges": rng.sample([port for port in pools.ports if port != "*"], 2)}


def _addresses(rng: random.Random, side: str, pools: Pools) -> Document:
    form = rng.random()
    if form < 0.3:
        return {f"{side}AddressPrefix": "*"}
    if form < 0.5:
        return {f"{side}AddressPrefix": rng.choice((*pools.tags, *pools.platform))}
    if form < 0.6 and pools.groups:
        groups = rng.sample(pools.groups, rng.randint(1, 2))
        return {f"{side}ApplicationSecurityGroups": [{"id": group} for group in groups]}
    family = rng.choice(pools.prefixes)
    if form < 0.8:
        return {f"{side}AddressPrefix": rng.choice(family)}
    return {f"{side}AddressPrefixes": rng.sample(family, rng.randint(1, 3))}
