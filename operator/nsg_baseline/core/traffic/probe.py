"""Which rule decides one connection, and why the rules before it do not.

Of a connection less may be known than decides it: whether a service tag holds for an address, say. Then more than one
rule may decide, each with the circumstances under which it does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nsg_baseline.core.intervals import ALL_PORTS, Interval, common, parse_prefix
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.bounding_box import BoundingBox
from nsg_baseline.core.traffic.boxes import BoxWriter
from nsg_baseline.core.traffic.defaults import DEFAULT_RULES
from nsg_baseline.core.traffic.merging import merge_pieces
from nsg_baseline.core.traffic.model import ANYWHERE, EVERYWHERE, PROTOCOLS, Box, Direction, Place
from nsg_baseline.core.traffic.original_case import speller
from nsg_baseline.core.traffic.rule_diff import ordered
from nsg_baseline.core.traffic.rule_semantics import ports, protocols
from nsg_baseline.core.traffic.split import split_pieces
from nsg_baseline.core.traffic.tags import PUBLIC, TagTable
from nsg_baseline.core.traffic.traffic_space import Piece, Side, TrafficSpace, port_alternatives

Field = Literal["protocol", "source", "sourcePort", "destination", "destinationPort", "earlier"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A rule that decides the connection where it is in one of `boxes`, which are parts of it.

    `rule` is None for the platform, which allows. `access` is the rule's, in ARM's terms.
    """

    rule: Rule | None
    access: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Miss:
    """A rule that does not match the connection, and the first field that rules it out.

    `earlier` means that each field alone may match, but together, after the rules before, nothing is left.
    """

    rule: Rule
    field: Field


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides a connection: one outcome when it is certain; else all that are possible, in the rules' order.

    No outcome at all means that there is no such connection: between IPv4 and IPv6, for one.

    `depends_on` names what is not known and makes the difference: `source Internet` for whether that tag (or word, or
    group's id) holds there, `source port` for a field that the connection leaves open. `misses` are the rules before
    the last outcome that match nothing.
    """

    outcomes: tuple[Outcome, ...]
    misses: tuple[Miss, ...]
    depends_on: tuple[str, ...]

    @property
    def access(self) -> str | None:
        """Allow or Deny where all outcomes agree; None where they do not."""
        every = {outcome.access for outcome in self.outcomes}
        return every.pop() if len(every) == 1 else None


def decide(
    rules: Sequence[Rule] | None, connection: Box, direction: Direction, *, tags: TagTable | None = None
) -> Decision:
    """Return who decides a connection under custom rules, the default rules added; None stands for no NSG.

    Args:
        rules: The custom rules, in any order.
        connection: What is known: one protocol, one port, an address or tags on each side. What is left open is full.
        direction: Inbound or Outbound.
        tags: Tags' addresses, if known.
    """
    every = [] if rules is None else [*ordered(rules, direction), *DEFAULT_RULES[direction]]
    space = TrafficSpace(BoundingBox.everything().within(connection, tags), every, connection, tags)
    writer = BoxWriter(space, speller(every))
    whole = [piece for piece in space.pieces_of_box(connection) if piece[0] and space.exists(piece)]
    outcomes: list[Outcome] = []
    misses: list[Miss] = []
    for rule, inside in _split(whole, every, space):
        if inside:
            access = "Allow" if rule is None else rule.access
            outcomes.append(Outcome(rule, access, writer.boxes(merge_pieces(inside, space))))
        elif rule is not None:
            misses.append(Miss(rule, _mismatch(whole, rule, space)))
    return Decision(tuple(outcomes), tuple(misses), tuple(_open_questions(connection, outcomes)))


def connection(
    protocol: str, source: str, destination: str, destination_port: int | None = None, source_port: int | None = None
) -> Box:
    """Return a connection as users write it: each side an address, a prefix, a tag, or a group's id.

    Raises:
        ValueError: there is no such protocol.
    """
    name = next((known for known in PROTOCOLS if known.lower() == protocol.lower()), None)
    if name is None:
        raise ValueError(f"protocol {protocol!r:.40} is none of {', '.join(PROTOCOLS)}")
    return Box((name,), _port(source_port), _port(destination_port), _place(source), _place(destination))


def usual(connection: Box, direction: Direction) -> Box:
    """Return the part of a connection that there nearly always is.

    A public address is Internet and not VirtualNetwork, a private one is VirtualNetwork (which holds what is peered and
    on premises), and so is the side where the NSG is. What has tags already stays as it is.
    """
    return replace(
        connection,
        source=_usual(connection.source, own=direction == "Outbound"),
        destination=_usual(connection.destination, own=direction == "Inbound"),
    )


def _usual(place: Place, *, own: bool) -> Place:
    if place.tags or place.not_tags:
        return place
    public = common(place.ranges, PUBLIC)
    if own or (place.ranges != EVERYWHERE and not public):
        return replace(place, tags=("VirtualNetwork",))
    if public == place.ranges:
        return replace(place, tags=("Internet",), not_tags=("VirtualNetwork",))
    return place


def _port(number: int | None) -> tuple[Interval, ...]:
    return ALL_PORTS if number is None else (Interval(0, number, number),)


def _place(text: str) -> Place:
    if text == "*":
        return ANYWHERE
    found = parse_prefix(text)
    return Place(tags=(text,)) if found is None else Place((found,))


def _split(left: list[Piece], rules: Sequence[Rule], space: TrafficSpace) -> Iterator[tuple[Rule | None, list[Piece]]]:
    """Yield each rule with what it takes, until nothing is left; what is left in the end is the platform's."""
    for rule in rules:
        if not left:
            return
        inside, left = split_pieces(left, space.pieces_of_rule(rule), space)
        yield rule, inside
    yield None, left


def _mismatch(whole: Sequence[Piece], rule: Rule, space: TrafficSpace) -> Field:
    """Return the first field, in the order in which people read a rule, that keeps it from the connection."""
    of = protocols(rule)
    from_ports, to_ports = ports(rule, of)
    alternatives: dict[Field, tuple[int, list[tuple[int, int]], Side | None]] = {
        "protocol": (0, [(of, 0)], None),
        "source": (3, space.source.alternatives(rule.source), space.source),
        "sourcePort": (1, port_alternatives(space.source_ports, from_ports, space.source), None),
        "destination": (6, space.destination.alternatives(rule.destination), space.destination),
        "destinationPort": (2, port_alternatives(space.destination_ports, to_ports, space.destination), None),
    }
    for field, (place, offered, side) in alternatives.items():
        if not any(_meets(piece, place, mask, held, side) for piece in whole for mask, held in offered):
            return field
    return "earlier"


def _meets(piece: Piece, place: int, mask: int, held: int, side: Side | None) -> bool:
    room = -1 if side is None else side.room(piece[place + 1] | held, piece[place + 2])
    return bool(piece[place] & mask & room)


def _open_questions(connection: Box, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield what tells the outcomes apart."""
    if len(outcomes) < 2:  # noqa: PLR2004 - one outcome is certain
        return
    boxes = [box for outcome in outcomes for box in outcome.boxes]
    yield from _open_words("source", connection.source, [box.source for box in boxes])
    yield from _open_words("destination", connection.destination, [box.destination for box in boxes])
    if any(box.protocols != connection.protocols for box in boxes):
        yield "protocol"
    with_ports = [box for box in boxes if not {"Tcp", "Udp"}.isdisjoint(box.protocols)]
    if any(box.source_ports != connection.source_ports for box in with_ports):
        yield "source port"
    if any(box.destination_ports != connection.destination_ports for box in with_ports):
        yield "destination port"


def _open_words(side: str, known: Place, places: Sequence[Place]) -> Iterator[str]:
    words = {word for place in places for word in (*place.tags, *place.not_tags)}
    yield from (f"{side} {word}" for word in sorted(words - {*known.tags, *known.not_tags}))
    if any(place.ranges != known.ranges for place in places):
        yield f"{side} address"
