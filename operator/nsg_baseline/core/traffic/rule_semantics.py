"""How a rule is read: what it matches, in words and ranges.

Decisions, each taken here alone:

- ICMP, ESP and AH ignore ports, as all protocols without ports do. (Some read ICMP's ports as ICMP types; Microsoft's
  support denies it: MicrosoftDocs/azure-docs#51522.)
- Protocol * with limited ports is TCP and UDP.
- What Azure does not take today is opaque, never absent. A port that is none is the word `port X` on that side. A
  protocol of another name is `Other` with the word `protocol X` on the destination's side, its ports ignored. An
  access of another name differs from both Allow and Deny. A direction of another name is in neither direction.
- A side without any value matches nothing. Azure refuses such a rule.
"""

from collections.abc import Iterable

from nsg_baseline.core.intervals import ALL_PORTS
from nsg_baseline.core.rules import Addresses, Ports, Rule
from nsg_baseline.core.traffic.model import DIRECTIONS, PROTOCOLS
from nsg_baseline.core.traffic.tags import VIRTUAL_NETWORK, is_service_tag

ALL_PROTOCOLS = (1 << len(PROTOCOLS)) - 1
# TCP and UDP alone have ports.
WITH_PORTS = 0b11
OTHER = 1 << PROTOCOLS.index("Other")
_BITS = {name: 1 << place for place, name in enumerate(PROTOCOLS)}
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
    """Return a rule's source and destination ports as far as they count."""
    return (rule.source_ports, rule.destination_ports) if of_protocols & WITH_PORTS else (_UNLIMITED, _UNLIMITED)


def protocol_word(rule: Rule) -> str | None:
    """Return the opaque word that stands for a protocol of another name."""
    return None if rule.protocol in _BITS or rule.protocol == "*" else f"protocol {rule.protocol}"


def port_word(text: str) -> str:
    """Return the opaque word that stands for a port that is none."""
    return f"port {text}"


def unreadable(rule: Rule) -> tuple[str, ...]:
    """Return the names of the fields, in ARM's terms, whose value is not understood. Their traffic is opaque."""
    problems = {
        "direction": rule.direction not in DIRECTIONS,
        "access": rule.access not in ("Allow", "Deny"),
        "protocol": protocol_word(rule) is not None,
        "sourceAddressPrefix": _is_opaque(rule.source),
        "sourcePortRange": bool(rule.source_ports.words) or not rule.source_ports.ranges,
        "destinationAddressPrefix": _is_opaque(rule.destination),
        "destinationPortRange": bool(rule.destination_ports.words) or not rule.destination_ports.ranges,
    }
    return tuple(name for name, wrong in problems.items() if wrong)


def _is_opaque(side: Addresses) -> bool:
    empty = not (side.ranges or side.words or side.groups)
    return empty or not all(word in ("*", VIRTUAL_NETWORK) or is_service_tag(word) for word in side.words)
