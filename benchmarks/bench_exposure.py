"""Exposure against z3's equivalence check on the same pairs of rule lists, side by side in one run.

z3 answers only whether two lists are the same; the operator says where they differ and who decides. The lists look
like a grown NSG: service and office prefixes, some tags and groups, many narrow allows, some broad denies.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / part) for part in ("operator", "tests")]

from nsg_baseline.core.rules import Rule, normalise
from nsg_baseline.core.traffic.exposure import exposure
from support.traffic_z3 import differ

Document = dict[str, Any]

SIZES = (50, 200, 1000)
EDITS = (1, 10)
PAIRS = 40
# z3 takes half a second a pair at 1,000 rules: enough pairs for a median, within a minute.
Z3_PAIRS = {50: 25, 200: 15, 1000: 9}
PORTS = (22, 25, 53, 80, 110, 123, 389, 443, 445, 636, 1433, 1521, 3306, 3389, 5432, 5671, 6379, 8080, 8443, 9093)
TAGS = ("Internet", "VirtualNetwork", "AzureLoadBalancer", "AzureCloud", "Storage.WestEurope", "Sql", "GatewayManager")
GROUP = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/applicationSecurityGroups/asg-{}"


def a_list(rng: random.Random, count: int) -> list[Document]:
    """Return a list of rules, both directions mixed."""
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
    """Return the list after some edits, as people make them."""
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
    """Yield changes that touch everything in 1,000 rules."""
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


def timed(call: Callable[[], object]) -> float:
    """Return milliseconds."""
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1000


def read(documents: list[Document] | None) -> list[Rule] | None:
    """Return rules in normal form, each list its own objects as when read from Azure."""
    return None if documents is None else [normalise(document) for document in documents]


def row(count: int, edits: int) -> float:
    """Measure one row; return the median in milliseconds."""
    ours, theirs, inexact = [], [], 0
    for seed in range(PAIRS):
        rng = random.Random(seed * 1000 + count + edits)
        approved = a_list(rng, count)
        live = edit(rng, approved, edits)
        pair = read(approved), read(live)
        ours.append(min(timed(lambda pair=pair: exposure(*pair)) for _ in range(2)))
        inexact += not exposure(*pair).exact
        if seed < Z3_PAIRS[count]:
            theirs.append(timed(lambda one=approved, other=live: differ(one, other)))
    median, reference = statistics.median(ours), statistics.median(theirs)
    print(
        f"{count:>6} rules {edits:>2} edits  median {median:8.2f} ms  p90 {_p90(ours):8.2f} ms"
        f"  z3 {reference:8.1f} ms  ratio {reference / median:6.0f}  beyond budget {inexact}/{PAIRS}"
    )
    return median


def _p90(values: list[float]) -> float:
    return statistics.quantiles(values, n=10)[-1]


def main() -> None:
    """Print all rows."""
    print("exposure of edits (both directions), and z3's equivalence check on the same pairs")
    medians = {(count, edits): row(count, edits) for edits in EDITS for count in SIZES}
    reference = medians[1000, 1]
    print("worst cases in 1,000 rules")
    for name, approved, live in worst_cases(random.Random(1)):
        pair = read(approved), read(live)
        spent = min(timed(lambda pair=pair: exposure(*pair)) for _ in range(3))
        found = exposure(*pair)
        boxes = sum(len(entry.boxes) for entry in found.entries)
        print(
            f"  {name:32} {spent:8.1f} ms  {spent / reference:5.1f} times one edit's median"
            f"  {boxes:5} boxes in {len(found.entries):4} entries  {'exact' if found.exact else 'beyond budget'}"
        )


if __name__ == "__main__":
    main()
