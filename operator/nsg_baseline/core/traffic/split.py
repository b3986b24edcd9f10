"""Splitting of pieces into the traffic that a rule matches and the rest."""

from collections.abc import Iterable, Iterator, Sequence

from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace


def split_pieces(
    pieces: Iterable[Piece], rule: Sequence[Piece], space: TrafficSpace
) -> tuple[list[Piece], list[Piece]]:
    """Return the traffic of disjoint pieces that a rule matches, and the rest. Both are disjoint.

    The pieces of the rule may overlap: each is applied to the rest of the one before.
    """
    inside: list[Piece] = []
    outside = list(pieces)
    for rule_piece in rule:
        pieces, outside = outside, []
        _split_by_piece(pieces, rule_piece, space, inside, outside)
    return inside, outside


def _split_by_piece(
    pieces: Iterable[Piece], rule_piece: Piece, space: TrafficSpace, inside: list[Piece], outside: list[Piece]
) -> None:
    """Add the traffic that one piece of a rule matches to `inside`, and the rest to `outside`."""
    (
        rule_protocols,
        rule_from_ports,
        rule_to_ports,
        rule_source,
        rule_source_words,
        rule_source_not_words,
        rule_destination,
        rule_destination_words,
        rule_destination_not_words,
    ) = rule_piece
    for piece in pieces:
        (
            protocols,
            from_ports,
            to_ports,
            source,
            source_words,
            source_not_words,
            destination,
            destination_words,
            destination_not_words,
        ) = piece
        # Most pieces end here, and most of the run time is spent here, so the test is a single expression.
        if not (
            to_ports & rule_to_ports
            and source & rule_source
            and destination & rule_destination
            and protocols & rule_protocols
            and from_ports & rule_from_ports
        ):
            outside.append(piece)
            continue
        common = (
            protocols & rule_protocols,
            from_ports & rule_from_ports,
            to_ports & rule_to_ports,
            source & rule_source,
            source_words | rule_source_words,
            source_not_words | rule_source_not_words,
            destination & rule_destination,
            destination_words | rule_destination_words,
            destination_not_words | rule_destination_not_words,
        )
        if not space.exists(common):
            outside.append(piece)
            continue
        inside.append(common)
        if common != piece:
            outside.extend(_remainder(piece, common, space))


def _remainder(piece: Piece, common: Piece, space: TrafficSpace) -> Iterator[Piece]:
    """Yield a piece without a part of it, as disjoint pieces: one or more for each mask in which the two differ."""
    protocols, from_ports, to_ports = piece[:3]
    common_protocols, common_from_ports, common_to_ports = common[:3]
    if rest := protocols & ~common_protocols:
        yield (rest, from_ports, to_ports, *piece[3:])
    if rest := to_ports & ~common_to_ports:
        yield (common_protocols, from_ports, rest, *piece[3:])
    if rest := from_ports & ~common_from_ports:
        yield (common_protocols, rest, common_to_ports, *piece[3:])
    # The pieces above have the addresses and words of the whole piece, so they exist. Those below may not.
    yield from filter(space.exists, _remaining_parts(piece, common))


def _remaining_parts(piece: Piece, common: Piece) -> Iterator[Piece]:
    """Yield the pieces with the ports of the common part that differ from it in addresses or words."""
    head = common[:3]
    source, source_words, source_not_words, destination, destination_words, destination_not_words = piece[3:]
    common_source, common_destination = common[3], common[6]
    if rest := source & ~common_source:
        yield (*head, rest, *piece[4:])
    if rest := destination & ~common_destination:
        yield (*head, common_source, source_words, source_not_words, rest, destination_words, destination_not_words)
    for words, not_words in _other_words(source_words, source_not_words, common[4], common[5]):
        yield (*head, common_source, words, not_words, common_destination, destination_words, destination_not_words)
    for words, not_words in _other_words(destination_words, destination_not_words, common[7], common[8]):
        yield (*head, *common[3:6], common_destination, words, not_words)


def _other_words(words: int, not_words: int, common_words: int, common_not_words: int) -> Iterator[tuple[int, int]]:
    """Yield disjoint pairs of words and excluded words that together are all cases outside the common part."""
    rest = common_words & ~words
    while rest:
        bit = rest & -rest
        yield words, not_words | bit
        words, rest = words | bit, rest & ~bit
    rest = common_not_words & ~not_words
    while rest:
        bit = rest & -rest
        yield words | bit, not_words
        not_words, rest = not_words | bit, rest & ~bit
