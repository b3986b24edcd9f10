"""The rule that decides one connection, and why the rules before it do not match.

The connection may be known only in part, for example not whether a service tag applies to an address. Then several
rules may decide it, each for a part of the connection.
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
from nsg_baseline.core.traffic.side import Side
from nsg_baseline.core.traffic.split import split_pieces
from nsg_baseline.core.traffic.tags import CERTAIN, PUBLIC, Reading, TagTable
from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace, port_alternatives

Field = Literal["protocol", "source", "sourcePort", "destination", "destinationPort", "earlier"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A rule, and the parts of the connection that it decides.

    `rule` is None for the platform, which allows. `access` is that of the rule, in ARM's terms.
    """

    rule: Rule | None
    access: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Miss:
    """A rule that does not match the connection, and the first field that excludes it.

    `earlier` means that each field may match, but the rules before leave no traffic that all fields match.
    """

    rule: Rule
    field: Field


@dataclass(frozen=True, slots=True)
class Decision:
    """The rules that decide a connection: one outcome if it is certain, else all possible ones in the rules' order.

    Without an outcome there is no such connection, for example between IPv4 and IPv6.

    Attributes:
        outcomes: the rules that may decide.
        misses: the rules before the last outcome that match nothing.
        depends_on: the unknown facts that distinguish the outcomes: `source Internet` for whether that tag, word or
            group applies to the source, `source port` for a field that the connection does not specify.
    """

    outcomes: tuple[Outcome, ...]
    misses: tuple[Miss, ...]
    depends_on: tuple[str, ...]

    @property
    def access(self) -> str | None:
        """Allow or Deny if all outcomes agree; None if they do not."""
        accesses = {outcome.access for outcome in self.outcomes}
        return accesses.pop() if len(accesses) == 1 else None


def decide(
    rules: Sequence[Rule] | None,
    connection: Box,
    direction: Direction,
    *,
    tags: TagTable | None = None,
    reading: Reading = CERTAIN,
) -> Decision:
    """Return the rules that decide a connection, out of custom rules and the default rules.

    Args:
        rules: The custom rules, in any order; None for no NSG.
        connection: The known facts: one protocol, one port, an address or tags on each side. Unknown parts are full.
        direction: Inbound or Outbound.
        tags: The addresses of tags, if known.
        reading: Which addresses are assumed to be Internet and VirtualNetwork (see `tags`).
    """
    all_rules = [] if rules is None else [*ordered(rules, direction), *DEFAULT_RULES[direction]]
    space = TrafficSpace(BoundingBox.everything().within(connection, tags), all_rules, connection, tags, reading)
    writer = BoxWriter(space, speller(all_rules))
    pieces = [piece for piece in space.pieces_of_box(connection) if piece[0] and space.exists(piece)]
    outcomes: list[Outcome] = []
    misses: list[Miss] = []
    for rule, inside in _split(pieces, all_rules, space):
        if inside:
            access = "Allow" if rule is None else rule.access
            outcomes.append(Outcome(rule, access, writer.boxes(merge_pieces(inside, space))))
        elif rule is not None:
            misses.append(Miss(rule, _mismatch(pieces, rule, space)))
    return Decision(tuple(outcomes), tuple(misses), tuple(_unknown_facts(connection, outcomes)))


def connection(
    protocol: str, source: str, destination: str, destination_port: int | None = None, source_port: int | None = None
) -> Box:
    """Return a connection from user input: each side is an address, a prefix, a tag, or a group's id.

    Raises:
        ValueError: the protocol does not exist.
    """
    name = next((candidate for candidate in PROTOCOLS if candidate.lower() == protocol.lower()), None)
    if name is None:
        raise ValueError(f"protocol {protocol!r:.40} is none of {', '.join(PROTOCOLS)}")
    return Box((name,), _port(source_port), _port(destination_port), _place(source), _place(destination))


def usual(connection: Box, direction: Direction) -> Box:
    """Return the part of a connection that exists in most networks, for `decide` with the likely reading.

    A public address is Internet and not VirtualNetwork, as in the likely reading. A private address is VirtualNetwork,
    which includes peered and on-premises networks, and so is the side of the NSG. A side that already has tags is not
    changed.
    """
    return replace(
        connection,
        source=_usual(connection.source, is_nsg_side=direction == "Outbound"),
        destination=_usual(connection.destination, is_nsg_side=direction == "Inbound"),
    )


def _usual(place: Place, *, is_nsg_side: bool) -> Place:
    if place.tags or place.not_tags:
        return place
    public = common(place.ranges, PUBLIC)
    if is_nsg_side or (place.ranges != EVERYWHERE and not public):
        return replace(place, tags=("VirtualNetwork",))
    if public == place.ranges:
        return replace(place, tags=("Internet",), not_tags=("VirtualNetwork",))
    return place


def _port(number: int | None) -> tuple[Interval, ...]:
    return ALL_PORTS if number is None else (Interval(0, number, number),)


def _place(text: str) -> Place:
    if text == "*":
        return ANYWHERE
    prefix = parse_prefix(text)
    return Place(tags=(text,)) if prefix is None else Place((prefix,))


def _split(rest: list[Piece], rules: Sequence[Rule], space: TrafficSpace) -> Iterator[tuple[Rule | None, list[Piece]]]:
    """Yield each rule with the traffic that it decides until no traffic is left; None stands for the platform."""
    for rule in rules:
        if not rest:
            return
        inside, rest = split_pieces(rest, space.pieces_of_rule(rule), space)
        yield rule, inside
    yield None, rest


def _mismatch(pieces: Sequence[Piece], rule: Rule, space: TrafficSpace) -> Field:
    """Return the first field of a rule, from the protocol to the destination port, that excludes the connection."""
    protocol_mask = protocols(rule)
    from_ports, to_ports = ports(rule, protocol_mask)
    alternatives: dict[Field, tuple[int, list[tuple[int, int]], Side | None]] = {
        "protocol": (0, [(protocol_mask, 0)], None),
        "source": (3, space.source.alternatives(rule.source), space.source),
        "sourcePort": (1, port_alternatives(space.source_ports, from_ports, space.source), None),
        "destination": (6, space.destination.alternatives(rule.destination), space.destination),
        "destinationPort": (2, port_alternatives(space.destination_ports, to_ports, space.destination), None),
    }
    for field, (index, pairs, side) in alternatives.items():
        if not any(_overlaps(piece, index, mask, words, side) for piece in pieces for mask, words in pairs):
            return field
    return "earlier"


def _overlaps(piece: Piece, index: int, mask: int, words: int, side: Side | None) -> bool:
    """Return whether a piece has values in common with a mask at an index; `side` is None for masks without words."""
    common = piece[index] & mask
    if side is not None:
        common &= side.possible_addresses(piece[index + 1] | words, piece[index + 2])
    return bool(common)


def _unknown_facts(connection: Box, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the facts that distinguish the outcomes and that the connection does not specify."""
    if len(outcomes) < 2:  # noqa: PLR2004 - one outcome is certain
        return
    boxes = [box for outcome in outcomes for box in outcome.boxes]
    yield from _unknown_words("source", connection.source, [box.source for box in boxes])
    yield from _unknown_words("destination", connection.destination, [box.destination for box in boxes])
    if any(box.protocols != connection.protocols for box in boxes):
        yield "protocol"
    with_ports = [box for box in boxes if not {"Tcp", "Udp"}.isdisjoint(box.protocols)]
    if any(box.source_ports != connection.source_ports for box in with_ports):
        yield "source port"
    if any(box.destination_ports != connection.destination_ports for box in with_ports):
        yield "destination port"


def _unknown_words(side: str, specified: Place, places: Sequence[Place]) -> Iterator[str]:
    words = {word for place in places for word in (*place.tags, *place.not_tags)}
    yield from (f"{side} {word}" for word in sorted(words - {*specified.tags, *specified.not_tags}))
    if any(place.ranges != specified.ranges for place in places):
        yield f"{side} address"
