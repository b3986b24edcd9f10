"""The semantics of a rule: the traffic that it matches, in words and ranges.

Only this module decides the following:

- ICMP, ESP and AH ignore ports, as all protocols without ports do. (Ports are not ICMP types, according to Microsoft's
  support: MicrosoftDocs/azure-docs#51522.)
- Protocol * with limited ports means TCP and UDP.
- Values that Azure does not accept today are opaque, never absent. A value that is not a port is the word `port X` on
  that side. An unknown protocol is `Other` with the word `protocol X` on the destination side; its ports are ignored.
  An unknown access differs from both Allow and Deny. A rule with an unknown direction applies in neither direction.
- A side without any value matches nothing. Azure refuses such a rule.
"""

from collections.abc import Iterable

from nsg_baseline.core.intervals import ALL_PORTS
from nsg_baseline.core.rules import Addresses, Ports, Rule
from nsg_baseline.core.traffic.model import DIRECTIONS, PROTOCOLS
from nsg_baseline.core.traffic.tags import VIRTUAL_NETWORK, is_service_tag

ALL_PROTOCOLS = (1 << len(PROTOCOLS)) - 1
# Only TCP and UDP have ports.
WITH_PORTS = 0b11
OTHER = 1 << PROTOCOLS.index("Other")
_BITS = {name: 1 << place for place, name in enumerate(PROTOCOLS)}
ICMPV6 = "protocol icmpv6"
"""The word for a protocol that Azure may accept, and that opens no port."""
_UNLIMITED = Ports(ALL_PORTS)


def protocols(rule: Rule) -> int:
    """Return the protocols that a rule matches, as a set of bits in the order of PROTOCOLS."""
    if rule.protocol != "*":
        return _BITS.get(rule.protocol, OTHER)
    limited = rule.source_ports.ranges != ALL_PORTS or rule.destination_ports.ranges != ALL_PORTS
    return WITH_PORTS if limited else ALL_PROTOCOLS


def protocol_bits(names: Iterable[str]) -> int:
    """Return protocols of a box as a set of bits."""
    return sum({_BITS[name] for name in names})


def ports(rule: Rule, of_protocols: int) -> tuple[Ports, Ports]:
    """Return a rule's source and destination ports, unlimited if none of the protocols has ports."""
    return (rule.source_ports, rule.destination_ports) if of_protocols & WITH_PORTS else (_UNLIMITED, _UNLIMITED)


def protocol_word(rule: Rule) -> str | None:
    """Return the opaque word for an unknown protocol; None if the protocol is known."""
    return None if rule.protocol in _BITS or rule.protocol == "*" else f"protocol {rule.protocol}"


def port_word(text: str) -> str:
    """Return the opaque word for a value that is not a port."""
    return f"port {text}"


def unreadable(rule: Rule) -> tuple[str, ...]:
    """Return the names of the fields, in ARM's terms, whose values are not recognised. Their traffic is opaque."""
    problems = {
        "direction": rule.direction not in DIRECTIONS,
        "access": rule.access not in ("Allow", "Deny"),
        "protocol": protocol_word(rule) not in (None, ICMPV6),
        "sourceAddressPrefix": _is_opaque(rule.source),
        "sourcePortRange": bool(rule.source_ports.words) or not rule.source_ports.ranges,
        "destinationAddressPrefix": _is_opaque(rule.destination),
        "destinationPortRange": bool(rule.destination_ports.words) or not rule.destination_ports.ranges,
    }
    return tuple(name for name, is_unreadable in problems.items() if is_unreadable)


def _is_opaque(side: Addresses) -> bool:
    empty = not (side.ranges or side.words or side.groups)
    return empty or not all(word in ("*", VIRTUAL_NETWORK) or is_service_tag(word) for word in side.words)
