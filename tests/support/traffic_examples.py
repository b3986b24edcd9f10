"""Rules and values written by hand, in short."""

from typing import Any

from nsg_baseline.core.intervals import Interval, parse_prefix
from nsg_baseline.core.rules import Rule, normalise


def a_rule(name: str, priority: int = 100, **more: Any) -> Rule:
    """Return a rule that allows any TCP inbound, with some parts of another kind."""
    document = {
        "name": name, "priority": priority, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
        "sourceAddressPrefix": "*", "sourcePortRange": "*",
        "destinationAddressPrefix": "*", "destinationPortRange": "*",
    }  # fmt: skip
    return normalise(document | more)


def ports(first: int, last: int | None = None) -> tuple[Interval, ...]:
    """Return a range of ports."""
    return (Interval(0, first, last or first),)


def prefix(text: str) -> Interval:
    """Return a prefix's addresses."""
    addresses = parse_prefix(text)
    assert addresses is not None
    return addresses
