"""Rules on one line, for tables of cases: `100 ssh allow tcp Internet -> *:22`, `out` before the access if outbound."""

import re
from typing import Any

from nsg_baseline.core.rules import PROTOCOLS

_RULE = re.compile(
    r"(?P<priority>\d+) (?P<name>\S+) (?P<out>out )?(?P<access>allow|deny) (?P<protocol>\S+) "
    r"(?P<source>\S+) -> (?P<destination>\S+):(?P<ports>[^\s:]+)"
)
_GROUP = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network/applicationSecurityGroups/"


def arm_rule(text: str) -> dict[str, Any]:
    """Return the document of a rule that is written on one line."""
    match = _RULE.fullmatch(text)
    assert match is not None, f"{text} is no rule"
    ports = match["ports"].split(",")
    return {
        "name": match["name"],
        "priority": int(match["priority"]),
        "direction": "Outbound" if match["out"] else "Inbound",
        "access": match["access"].capitalize(),
        "protocol": PROTOCOLS.get(match["protocol"].lower(), match["protocol"]),
        **_side("source", match["source"]),
        "sourcePortRange": "*",
        **_side("destination", match["destination"]),
        **({"destinationPortRange": ports[0]} if len(ports) == 1 else {"destinationPortRanges": ports}),
    }


def _side(side: str, text: str) -> dict[str, Any]:
    parts = text.split(",")
    if text.startswith("asg:"):
        return {f"{side}ApplicationSecurityGroups": [{"id": _GROUP + part.removeprefix("asg:")} for part in parts]}
    return {f"{side}AddressPrefix": text} if len(parts) == 1 else {f"{side}AddressPrefixes": parts}
