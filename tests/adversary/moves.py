"""The moves of the adversary, who may do everything to the NSG except what Azure refuses."""

import random
from typing import Any

from nsg_baseline.core.presets.aks import checksums
from tests.adversary.operator_model import OperatorModel
from tests.support.nsgs import SUBNET, rule
from tests.support.rules import Document

GROUP = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network/applicationSecurityGroups/web"
_SOURCES: tuple[Document, ...] = (
    *({"sourceAddressPrefix": text} for text in ("Internet", "INTERNET", "*", "0.0.0.0/0", "::/0", "2000::/3")),
    *({"sourceAddressPrefix": text} for text in ("AzureCloud", "AzureCloud.WestEurope", "20.0.0.0/8", "8.0.0.0/12")),
    {"sourceAddressPrefixes": ["0.0.0.0/1", "128.0.0.0/1"]},
    {"sourceAddressPrefixes": [f"{first}.0.0.0/9" for first in range(11, 60, 7)]},
)
_PORTS: tuple[Document, ...] = (
    *({"destinationPortRange": text} for text in ("22", "20-25", "*", "3389", "0-1023", "1433", "1-65535")),
    {"destinationPortRanges": ["22", "3389"]},
    {"destinationPortRanges": ["0-21", "22-443", "1900"]},
)
_DESTINATIONS: tuple[Document, ...] = (
    *(
        {"destinationAddressPrefix": text}
        for text in ("*", "*", "VirtualNetwork", "10.0.0.0/16", "10.0.0.4", "0.0.0.0/0")
    ),
    {"destinationAddressPrefix": None, "destinationApplicationSecurityGroups": [{"id": GROUP}]},
)
_SOURCE_PORTS = ("*", "*", "*", "1024-65535", "53", "0-32767")
_PROTOCOLS = ("Tcp", "TCP", "*", "Udp")
Move = tuple[str, int]
"""The name of a move and the seed of its random parts."""


class Adversary:
    """Carries out moves against one operator."""

    def __init__(self, operator: OperatorModel) -> None:
        self._operator, self._azure = operator, operator.azure
        self._lost: list[Document] = list(operator.position.approved)

    def play(self, move: Move) -> None:
        """Carry out a move."""
        name, seed = move
        getattr(self, name)(random.Random(seed))

    def open_port(self, rng: random.Random) -> None:
        """Create a rule that opens a management port, or give an existing rule that meaning."""
        self._put(_evil(rng, self._name(rng), self._priority(rng)))

    def open_in_parts(self, rng: random.Random) -> None:
        """Open a management port with many rules, each of a small part of the Internet."""
        length, count = rng.choice(((13, 3), (13, 6), (15, 10), (17, 12), (9, 2), (20, 5)))
        first = rng.choice((11, 20, 40)) << 24
        prefix = rng.choice(("part", "co-part"))
        for number in range(count):
            address = first + number * 2 ** (32 - length)
            text = ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))
            parts = {"sourceAddressPrefix": f"{text}/{length}", "sourceAddressPrefixes": None}
            ports = {"destinationPortRange": "22", "destinationPortRanges": None, "protocol": "Tcp"}
            self._put(_evil(rng, f"{prefix}-{number}", self._free(rng), **parts, **ports))

    def alter(self, rng: random.Random) -> None:
        """Change some fields of an existing rule."""
        rules = self._azure.rules
        if rules:
            chosen = rng.choice(rules)
            evil = _evil(rng, chosen["name"], chosen["priority"])
            kind = rng.choice(
                (("source",), ("destination",), ("priority",), ("access",), ("sourcePort",), ("source", "destination"))
            )
            if "priority" in kind:
                self._put({**chosen, "priority": self._priority(rng)})
            elif "access" in kind:
                self._put({**chosen, "access": "Deny" if chosen["access"] == "Allow" else "Allow"})
            else:
                kept = {key: value for key, value in chosen.items() if not key.startswith(kind)}
                self._put({**kept, **{key: value for key, value in evil.items() if key.startswith(kind)}})

    def delete(self, rng: random.Random) -> None:
        """Delete a rule."""
        rules = self._azure.rules
        if rules:
            gone = rng.choice(rules)
            self._azure.edit([other for other in rules if other is not gone])

    def swap(self, rng: random.Random) -> None:
        """Exchange the priorities of two rules."""
        rules = self._azure.rules
        if len(rules) > 1:
            first, second = rng.sample(rules, 2)
            first["priority"], second["priority"] = second["priority"], first["priority"]
            self._azure.edit(rules)

    def renumber(self, rng: random.Random) -> None:
        """Move all rules, in the same order."""
        step, rules = rng.choice((1, 3, -1)), self._azure.rules
        self._azure.edit([{**other, "priority": other["priority"] + step} for other in rules])

    def usurp(self, rng: random.Random) -> None:
        """Delete an approved rule, or move it away, and put a harmless or tolerated rule in its place."""
        if not self._operator.approved:
            return
        approved = rng.choice(self._operator.approved)
        rules = [other for other in self._azure.rules if other["name"].lower() != approved["name"].lower()]
        if rng.random() < 0.4:
            evil = _evil(rng, approved["name"], self._free(rng))
            rules.append(evil if rng.random() < 0.5 else {**approved, "priority": self._free(rng)})
        shape = rng.choice((_harmless, _co_owned, _aks, _jit))
        rules.append(shape(rng, "usurper", approved["priority"], approved["direction"]))
        self._azure.edit(_distinct(rules))

    def tolerated(self, rng: random.Random) -> None:
        """Create rules in the form of a co-owner."""
        shape = rng.choice((_co_owned, _aks, _jit))
        self._put(shape(rng, f"t{rng.randrange(9)}", self._priority(rng), "Inbound"))

    def flood(self, rng: random.Random) -> None:
        """Create many harmless rules, at times until no rule has room."""
        count = rng.choice((2, 5, 12, self._azure.limit))
        shape = rng.choice((_harmless, _harmless, _co_owned))
        direction = rng.choice(("Inbound", "Outbound"))
        rules = self._azure.rules
        for number in range(min(count, self._azure.limit - len(rules))):
            rules.append(shape(rng, f"f{number}", 1000 + number, direction))
        self._azure.edit(_distinct(rules))

    def race(self, rng: random.Random) -> None:
        """Prepare edits directly before the next writes of the operator."""
        names = ("open_port", "alter", "delete", "usurp", "flood", "swap")
        for _ in range(rng.choice((1, 1, 2, 3, 4))):
            move = rng.choice(names), rng.randrange(2**32)
            self._azure.races.append(lambda move=move: self.play(move))  # type: ignore[misc]  # binds the loop's value

    def oscillate(self, rng: random.Random) -> None:
        """Prepare nothing, and do again in this move what was undone: delete and create one rule."""
        evil = _evil(random.Random(1), "again", 333)
        self._azure.edit([other for other in self._azure.rules if other["name"] != "again"])
        if rng.random() < 0.8:
            self._put(evil)

    def lock(self, _: random.Random) -> None:
        """Lock the NSG, or remove the lock."""
        self._azure.locked = not self._azure.locked

    def disturb(self, rng: random.Random) -> None:
        """Start an operation that does not end, or one that fails."""
        self._azure.state = rng.choice(("Updating", "Failed", "Succeeded"))

    def detach(self, rng: random.Random) -> None:
        """Attach the NSG to nothing, or to a subnet."""
        subnets = rng.choice(([], [{"id": SUBNET.format("web")}], [{"id": SUBNET.format("other")}]))
        self._azure.set(subnets=subnets)

    def restore(self, _: random.Random) -> None:
        """Restore what is approved, with a new spelling."""
        self._azure.edit([{**other, "name": other["name"].upper()} for other in self._operator.approved])

    def team_edits(self, rng: random.Random) -> None:
        """Let the team change the baseline at this moment: without a rule, or with an additional one."""
        approved = self._operator.approved
        if approved and rng.random() < 0.5:
            gone = rng.choice(approved)
            self._operator.approve(tuple(other for other in approved if other is not gone))
        elif not any(other["name"] == "later" for other in approved):
            self._operator.approve((*approved, rule("later", priority=4090, destinationPortRange="8443")))

    def _put(self, document: Document) -> None:
        document = {key: value for key, value in document.items() if value is not None}
        rules = [other for other in self._azure.rules if other["name"].lower() != document["name"].lower()]
        self._azure.edit([*rules, document])

    def _name(self, rng: random.Random) -> str:
        names = [other["name"] for other in (*self._azure.rules, *self._operator.approved)]
        names = [*names, *(name.upper() for name in names), "evil", "other", "co-evil", "break-glass"]
        return str(rng.choice(["evil", *names]))

    def _priority(self, rng: random.Random) -> int:
        priorities = [other["priority"] for other in (*self._azure.rules, *self._operator.approved)] or [500]
        near = rng.choice(priorities) + rng.choice((-1, 0, 1))
        return min(4096, max(100, rng.choice((100, 101, 500, 4096, near, near, near))))

    def _free(self, rng: random.Random) -> int:
        taken = {other["priority"] for other in self._azure.rules}
        start = rng.choice((100, 300, 2000))
        return next(number for number in range(start, 4097) if number not in taken)


MOVES: dict[str, int] = {
    "open_port": 6, "open_in_parts": 2, "alter": 5, "delete": 3, "swap": 2, "renumber": 1, "usurp": 4, "tolerated": 2,
    "flood": 3, "race": 2, "oscillate": 1, "lock": 1, "disturb": 1, "detach": 1, "restore": 1, "team_edits": 1,
}  # fmt: skip
"""The names of all moves, with the weight with which a random one is chosen."""


def random_move(rng: random.Random) -> Move:
    """Return a random move."""
    return rng.choices(list(MOVES), list(MOVES.values()))[0], rng.randrange(2**32)


def _evil(rng: random.Random, name: str, priority: int, **fields: Any) -> Document:
    parts = {
        **rng.choice(_SOURCES),
        **rng.choice(_DESTINATIONS),
        **rng.choice(_PORTS),
        "sourcePortRange": rng.choice(_SOURCE_PORTS),
        "protocol": rng.choice(_PROTOCOLS),
    }
    base = {"sourceAddressPrefix": None, "destinationPortRange": None}
    return rule(name, priority=priority, **{**base, **parts, **fields})


def _harmless(rng: random.Random, name: str, priority: int, direction: str) -> Document:
    access = rng.choice(("Allow", "Deny"))
    return rule(name, priority=priority, direction=direction, access=access, sourceAddressPrefix="10.9.9.9",
                destinationPortRange="9999")  # fmt: skip


def _co_owned(rng: random.Random, name: str, priority: int, direction: str) -> Document:
    if rng.random() < 0.3:
        return {**_evil(rng, f"co-{name}", priority), "direction": direction}
    return {**_harmless(rng, f"co-{name}", priority, direction)}


def _aks(rng: random.Random, name: str, priority: int, direction: str) -> Document:
    source, port = rng.choice(("Internet", "10.0.0.0/8")), rng.choice((22, 443))
    digits = min(checksums("Tcp", [source], [port]))
    return rule(
        f"k8s-azure-lb_allow_IPv4_{digits}",
        priority=max(500, priority),
        sourceAddressPrefix=source,
        destinationAddressPrefix="10.0.0.4",
        destinationPortRange=None,
        destinationPortRanges=[str(port)],
    )


def _jit(rng: random.Random, name: str, priority: int, direction: str) -> Document:
    return rule(f"SecurityCenter-JITRule_1_{rng.randrange(10):032X}", priority=priority,
                access=rng.choice(("Allow", "Deny")), sourceAddressPrefix="*", destinationAddressPrefix="10.0.0.4",
                destinationPortRange="22", description="ASC JIT Network Access rule for vm")  # fmt: skip


def _distinct(rules: list[Document]) -> list[Document]:
    """Return rules without those whose name or priority an earlier one has."""
    names: set[str] = set()
    slots: set[tuple[str, int]] = set()
    kept = []
    for document in rules:
        slot = document["direction"], document["priority"]
        if document["name"].lower() not in names and slot not in slots:
            kept.append(document)
            names.add(document["name"].lower())
            slots.add(slot)
    return kept
