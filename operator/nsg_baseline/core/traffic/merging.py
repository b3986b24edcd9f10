"""The same traffic as fewer pieces."""

from collections.abc import Iterable
from typing import cast

from nsg_baseline.core.traffic.traffic_space import Part, Piece, Side, TrafficSpace, bits

# Where in a piece the masks stand that can be joined, and the words that hold (those that do not stand behind them).
_MASKS = (3, 6, 2, 1, 0)
_WORDS = (4, 7)


def merge_pieces(pieces: Iterable[Piece], space: TrafficSpace) -> list[Piece]:
    """Return the same traffic as fewer disjoint pieces, without words that follow from the rest of their piece."""
    merged = _merged(list(pieces))
    tidied = [_tidied(piece, space) for piece in merged]
    return sorted(merged if tidied == merged else _merged(tidied))


def _merged(pieces: list[Piece]) -> list[Piece]:
    before = 1
    while before != len(pieces):
        before = len(pieces)
        for place in _MASKS:
            pieces = _joined(pieces, place)
        for place in _WORDS:
            pieces = _indifferent(pieces, place)
    return pieces


def _joined(pieces: Iterable[Piece], place: int) -> list[Piece]:
    """Join pieces that differ at one place alone."""
    groups: dict[tuple[int, ...], int] = {}
    for piece in pieces:
        rest = piece[:place] + piece[place + 1 :]
        groups[rest] = groups.get(rest, 0) | piece[place]
    return [cast("Piece", (*rest[:place], mask, *rest[place:])) for rest, mask in groups.items()]


def _indifferent(pieces: list[Piece], place: int) -> list[Piece]:
    """Join pieces of which one wants a word to hold, the other wants it not to, and nothing else differs."""
    if not any(piece[place] for piece in pieces):
        return pieces
    left = dict.fromkeys(pieces)
    for piece in pieces:
        for index in bits(piece[place]) if piece in left else ():
            bit = 1 << index
            held, missing = piece[place] & ~bit, piece[place + 1]
            twin = cast("Piece", (*piece[:place], held, missing | bit, *piece[place + 2 :]))
            if twin in left:
                del left[piece], left[twin]
                left[cast("Piece", (*piece[:place], held, missing, *piece[place + 2 :]))] = None
                break
    return list(left)


def _tidied(piece: Piece, space: TrafficSpace) -> Piece:
    if not (piece[4] or piece[5] or piece[7] or piece[8]):
        return piece
    source = _shortest((piece[3], piece[4], piece[5]), space.source)
    destination = _shortest((piece[6], piece[7], piece[8]), space.destination)
    return (piece[0], piece[1], piece[2], *source, *destination)


def _shortest(part: Part, side: Side) -> Part:
    """Leave out each word that could not be otherwise."""
    addresses, held, missing = part
    for bit in (1 << index for index in bits(held)):
        if not addresses & side.room(held & ~bit, missing | bit):
            held &= ~bit
    for bit in (1 << index for index in bits(missing)):
        if not addresses & side.room(held | bit, missing & ~bit):
            missing &= ~bit
    return addresses, held, missing
