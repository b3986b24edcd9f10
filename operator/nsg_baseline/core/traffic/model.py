"""What a change of rules lets through or cuts off, as values.

A connection is one protocol, and on each side an address, the tags and application security groups that hold for it
and, for TCP and UDP, a port. Only what opens a connection counts: answers follow from it.
"""

from dataclasses import dataclass
from typing import Literal

from nsg_baseline.core.intervals import ALL_IPV4, ALL_IPV6, ALL_PORTS, Interval

Effect = Literal["Allowed", "Denied"]
Direction = Literal["Inbound", "Outbound"]

DIRECTIONS: tuple[Direction, ...] = ("Inbound", "Outbound")
PROTOCOLS = ("Tcp", "Udp", "Icmp", "Esp", "Ah", "Other")
EVERYWHERE = (ALL_IPV4, ALL_IPV6)


@dataclass(frozen=True, slots=True)
class Place:
    """One side of a box: an address in `ranges` for which all of `tags` and none of `not_tags` hold.

    Tags are service tags as spelled on a rule, ids of application security groups, and opaque words (see `readings`).
    The platform's own traffic (AzurePlatformDNS, AzurePlatformIMDS, AzurePlatformLKM) is in a place only if `tags`
    names it; `ranges` says nothing then. `ranges` is all of IPv4 and IPv6 when addresses are not restricted.
    """

    ranges: tuple[Interval, ...] = EVERYWHERE
    tags: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()


ANYWHERE = Place()


@dataclass(frozen=True, slots=True)
class Box:
    """Connections for which every part holds. Ports say nothing for protocols other than TCP and UDP."""

    protocols: tuple[str, ...] = PROTOCOLS
    source_ports: tuple[Interval, ...] = ALL_PORTS
    destination_ports: tuple[Interval, ...] = ALL_PORTS
    source: Place = ANYWHERE
    destination: Place = ANYWHERE


@dataclass(frozen=True, slots=True)
class Entry:
    """What one approved and one live decider make of the same connections. Boxes of all entries are disjoint.

    Deciders are rule names as spelled on their own side; None stands for no NSG at all, or for the platform.
    A conditional entry is about such connections alone as carry Internet and VirtualNetwork on one side.
    """

    effect: Effect
    direction: Direction
    approved_rule: str | None
    live_rule: str | None
    boxes: tuple[Box, ...]
    conditional: bool


@dataclass(frozen=True, slots=True)
class Exposure:
    """All connections that one rule list lets through and the other does not.

    When it is not exact, every box is right all the same but there are more, and `summary` says so. `change_number`
    is that of the service tags file which the tags were read from.
    """

    entries: tuple[Entry, ...] = ()
    exact: bool = True
    summary: str | None = None
    change_number: int | None = None
