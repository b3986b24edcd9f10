"""Merging of pieces: the same traffic as fewer pieces."""

from collections.abc import Iterable
from typing import cast

from nsg_baseline.core.traffic.side import Part, Side, bits
from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace

# The indexes in a piece of the masks that can be joined, and of the words that apply (those that do not are next).
_MASKS = (3, 6, 2, 1, 0)
_WORDS = (4, 7)


def merge_pieces(pieces: Iterable[Piece], space: TrafficSpace) -> list[Piece]:
    """Return the same traffic as fewer disjoint pieces, without words that follow from the rest of a piece."""
    merged = _merged(list(pieces))
    shortened = [_without_implied_words(piece, space) for piece in merged]
    return sorted(merged if shortened == merged else _merged(shortened))


def _merged(pieces: list[Piece]) -> list[Piece]:
    count = 1
    while count != len(pieces):
        count = len(pieces)
        for index in _MASKS:
            pieces = _joined(pieces, index)
        for index in _WORDS:
            pieces = _joined_by_word(pieces, index)
    return pieces


def _joined(pieces: Iterable[Piece], index: int) -> list[Piece]:
    """Join pieces that differ only in the mask at an index."""
    groups: dict[tuple[int, ...], int] = {}
    for piece in pieces:
        other_masks = piece[:index] + piece[index + 1 :]
        groups[other_masks] = groups.get(other_masks, 0) | piece[index]
    return [cast("Piece", (*other_masks[:index], mask, *other_masks[index:])) for other_masks, mask in groups.items()]


def _joined_by_word(pieces: list[Piece], index: int) -> list[Piece]:
    """Join two pieces that differ only in one word, which applies to one of them and not to the other."""
    if not any(piece[index] for piece in pieces):
        return pieces
    joined = dict.fromkeys(pieces)
    for piece in pieces:
        for word in bits(piece[index]) if piece in joined else ():
            bit = 1 << word
            words, not_words = piece[index] & ~bit, piece[index + 1]
            twin = cast("Piece", (*piece[:index], words, not_words | bit, *piece[index + 2 :]))
            if twin in joined:
                del joined[piece], joined[twin]
                joined[cast("Piece", (*piece[:index], words, not_words, *piece[index + 2 :]))] = None
                break
    return list(joined)


def _without_implied_words(piece: Piece, space: TrafficSpace) -> Piece:
    if not (piece[4] or piece[5] or piece[7] or piece[8]):
        return piece
    source = _shortest((piece[3], piece[4], piece[5]), space.source)
    destination = _shortest((piece[6], piece[7], piece[8]), space.destination)
    return (piece[0], piece[1], piece[2], *source, *destination)


def _shortest(part: Part, side: Side) -> Part:
    """Return the same part without each word that follows from the rest of the part."""
    addresses, words, not_words = part
    for bit in (1 << index for index in bits(words)):
        if not addresses & side.possible_addresses(words & ~bit, not_words | bit):
            words &= ~bit
    for bit in (1 << index for index in bits(not_words)):
        if not addresses & side.possible_addresses(words | bit, not_words & ~bit):
            not_words &= ~bit
    return addresses, words, not_words
