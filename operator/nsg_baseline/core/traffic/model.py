"""The exposure of a change of rules, as values.

A connection is a protocol and, on each side, an address, the tags and application security groups that apply to the
address and, for TCP and UDP, a port. Only the packet that opens a connection is modelled: NSGs are stateful.
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
    """One side of a box: the addresses in `ranges` to which all of `tags` and none of `not_tags` apply.

    Tags are service tags as spelled on a rule, ids of application security groups, and opaque words (see
    `rule_semantics`). Platform traffic (AzurePlatformDNS, AzurePlatformIMDS, AzurePlatformLKM) is in a place only if
    `tags` names it; `ranges` has no meaning then. `ranges` is all of IPv4 and IPv6 if addresses are not limited.
    """

    ranges: tuple[Interval, ...] = EVERYWHERE
    tags: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()


ANYWHERE = Place()


@dataclass(frozen=True, slots=True)
class Box:
    """The connections that match every part. Ports have no meaning for protocols other than TCP and UDP."""

    protocols: tuple[str, ...] = PROTOCOLS
    source_ports: tuple[Interval, ...] = ALL_PORTS
    destination_ports: tuple[Interval, ...] = ALL_PORTS
    source: Place = ANYWHERE
    destination: Place = ANYWHERE


@dataclass(frozen=True, slots=True)
class NamedTag:
    """A tag as a rule spells it, and its addresses if a service tags file resolves it."""

    name: str
    ranges: tuple[Interval, ...] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """The connections that an approved rule and a live rule decide differently. Boxes of all entries are disjoint.

    The rules are given by name; None stands for no NSG, or for the platform. A conditional entry contains
    nothing in the likely reading of tags (see `tags`). `tags` are those that the two rules name on the side that is not
    the NSG's. All traffic of the entry is within them, also where the boxes show addresses.
    """

    effect: Effect
    direction: Direction
    approved_rule: str | None
    live_rule: str | None
    boxes: tuple[Box, ...]
    conditional: bool
    tags: tuple[NamedTag, ...] = ()


@dataclass(frozen=True, slots=True)
class Exposure:
    """All connections that one rule list allows and the other does not.

    If `exact` is false, the boxes are correct and not complete, and `summary` says so. `change_number` is that of the
    service tags file from which the tags were read.
    """

    entries: tuple[Entry, ...] = ()
    exact: bool = True
    summary: str | None = None
    change_number: int | None = None
