"""Cutting pieces of traffic along the edges of a rule."""

from collections.abc import Iterable, Iterator, Sequence

from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace


def split_pieces(
    pieces: Iterable[Piece], rule: Sequence[Piece], space: TrafficSpace
) -> tuple[list[Piece], list[Piece]]:
    """Return what a rule matches of disjoint pieces, and what it does not. Both are disjoint.

    The rule's own pieces may overlap: what the first takes is no longer there for the second.
    """
    inside: list[Piece] = []
    outside = list(pieces)
    for block in rule:
        pieces, outside = outside, []
        _carve_block(pieces, block, space, inside, outside)
    return inside, outside


def _carve_block(
    pieces: Iterable[Piece], block: Piece, space: TrafficSpace, inside: list[Piece], outside: list[Piece]
) -> None:
    b_protocols, b_from, b_to, b_source, b_held, b_missing, b_destination, b_there, b_absent = block
    for piece in pieces:
        protocols, from_ports, to_ports, source, held, missing, destination, there, absent = piece
        # The whole test in one expression: most pieces end here, and this is where the time goes.
        if not (
            to_ports & b_to
            and source & b_source
            and destination & b_destination
            and protocols & b_protocols
            and from_ports & b_from
        ):
            outside.append(piece)
            continue
        common = (
            protocols & b_protocols,
            from_ports & b_from,
            to_ports & b_to,
            source & b_source,
            held | b_held,
            missing | b_missing,
            destination & b_destination,
            there | b_there,
            absent | b_absent,
        )
        if not space.exists(common):
            outside.append(piece)
            continue
        inside.append(common)
        if common != piece:
            outside.extend(_cut_off(piece, common, space))


def _cut_off(piece: Piece, common: Piece, space: TrafficSpace) -> Iterator[Piece]:
    """Yield what is left of a piece around a common part: one cut for each part of a connection that a rule limits."""
    protocols, from_ports, to_ports, source, held, missing, destination, there, absent = piece
    in_protocols, in_from, in_to, in_source, in_held, in_missing, in_destination, in_there, in_absent = common
    if rest := protocols & ~in_protocols:
        yield (rest, from_ports, to_ports, source, held, missing, destination, there, absent)
    if rest := to_ports & ~in_to:
        yield (in_protocols, from_ports, rest, source, held, missing, destination, there, absent)
    if rest := from_ports & ~in_from:
        yield (in_protocols, rest, in_to, source, held, missing, destination, there, absent)
    # Ports that are left are left for all addresses; of the following not all need exist.
    head, cuts = (in_protocols, in_from, in_to), []
    if rest := source & ~in_source:
        cuts.append((*head, rest, held, missing, destination, there, absent))
    if rest := destination & ~in_destination:
        cuts.append((*head, in_source, held, missing, rest, there, absent))
    for some, others in _without(held, missing, in_held, in_missing):
        cuts.append((*head, in_source, some, others, in_destination, there, absent))
    for some, others in _without(there, absent, in_there, in_absent):
        cuts.append((*head, in_source, in_held, in_missing, in_destination, some, others))
    yield from filter(space.exists, cuts)


def _without(held: int, missing: int, in_held: int, in_missing: int) -> Iterator[tuple[int, int]]:
    """Yield in how many disjoint ways words can fail to be as they are inside."""
    rest = in_held & ~held
    while rest:
        bit = rest & -rest
        yield held, missing | bit
        held, rest = held | bit, rest & ~bit
    rest = in_missing & ~missing
    while rest:
        bit = rest & -rest
        yield held | bit, missing
        missing, rest = missing | bit, rest & ~bit
