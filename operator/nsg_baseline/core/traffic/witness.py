"""Sample connections of a rule. One for which the rule makes a difference saves an analysis of all its traffic."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.side import Part, Side
from nsg_baseline.core.traffic.tags import VIRTUAL_NETWORK
from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace

_SAMPLES = 12
# A prime far above the number of coordinates of most spaces, so that samples are spread over all coordinates.
_STRIDE = 7919


class RuleMatches(NamedTuple):
    """A rule and the pieces that it matches; they may overlap."""

    rule: Rule
    pieces: Sequence[Piece]


def makes_a_difference(
    own: RuleMatches, earlier: Iterable[RuleMatches], later: Iterable[RuleMatches], space: TrafficSpace
) -> bool:
    """Return whether a sample connection is decided by a rule and would be decided differently by later rules.

    True is certain; False means only that the samples contain no such connection.
    """
    earlier_pieces = [piece for other in earlier for piece in other.pieces]
    later_pieces = [(piece, other.rule) for other in later for piece in other.pieces]
    for point in _points(own.pieces, space):
        if any(_contains(piece, point) for piece in earlier_pieces):
            continue
        next_rule = next((rule for piece, rule in later_pieces if _contains(piece, point)), None)
        if next_rule is None or next_rule.access != own.rule.access:
            return True
    return False


def _contains(piece: Piece, point: Piece) -> bool:
    """Return whether a piece of a rule contains a point. Such a piece has no words that must not apply."""
    return bool(
        piece[2] & point[2]
        and piece[3] & point[3]
        and piece[6] & point[6]
        and piece[0] & point[0]
        and piece[1] & point[1]
        and not piece[4] & ~point[4]
        and not piece[7] & ~point[7]
    )


def _points(pieces: Sequence[Piece], space: TrafficSpace) -> Iterator[Piece]:
    """Yield single connections within some pieces; every word either applies to them or does not."""
    added_words = _added_words(space)
    for piece in pieces:
        for number in range(_SAMPLES):
            source_words, destination_words = added_words[number % len(added_words)]
            source = _sample_part(piece[3], piece[4] | source_words, space.source, number)
            destination = _sample_part(piece[6], piece[7] | destination_words, space.destination, number)
            if source is not None and destination is not None:
                protocol, from_port, to_port = (_sample_bit(mask, number) for mask in piece[:3])
                point = (protocol, from_port, to_port, *source, *destination)
                if space.exists(point):
                    yield point


def _sample_part(addresses: int, words: int, side: Side, number: int) -> Part | None:
    """Return a single address to which only some words and the words that they imply apply; None if there is none."""
    words = side.with_implied(words)
    not_words = side.all_words & ~words
    possible = addresses & side.possible_addresses(words, not_words)
    return (_sample_bit(possible, number), words, not_words) if possible else None


def _sample_bit(mask: int, number: int) -> int:
    """Return one bit of a mask that is not empty."""
    start = number * _STRIDE % mask.bit_length()
    from_start = mask >> start << start or mask
    return from_start & -from_start


def _added_words(space: TrafficSpace) -> list[tuple[int, int]]:
    """Return words that apply on both sides besides those of the rule: none, or the virtual network."""
    inside = (space.source.words.get(VIRTUAL_NETWORK, 0), space.destination.words.get(VIRTUAL_NETWORK, 0))
    return [(0, 0), inside] if any(inside) else [(0, 0)]
