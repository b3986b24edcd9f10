"""The likely part of pieces: see `tags` for what is certain about tags whose addresses are not known.

Three further assumptions hold nearly always: no address is both Internet and VirtualNetwork; a public address outside
the virtual network is Internet; a service tag contains only addresses that are Internet.
"""

from collections.abc import Iterable

from nsg_baseline.core.traffic.side import Part, Side
from nsg_baseline.core.traffic.tags import INTERNET, PUBLIC, VIRTUAL_NETWORK, is_group, is_service_tag
from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace


class LikelyTraffic:
    """Removes from pieces of one traffic space what exists only against the assumptions."""

    def __init__(self, space: TrafficSpace) -> None:
        self._space = space
        self._source, self._destination = _LikelySide(space.source), _LikelySide(space.destination)

    def of(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Return the likely part of disjoint pieces."""
        return [likely for piece in pieces if (likely := self._narrowed(piece)) is not None]

    def _narrowed(self, piece: Piece) -> Piece | None:
        if not (piece[4] or piece[5] or piece[7] or piece[8]):
            return piece
        source = self._source.addresses((piece[3], piece[4], piece[5]))
        destination = self._destination.addresses((piece[6], piece[7], piece[8]))
        if not source or not destination:
            return None
        if (source, destination) == (piece[3], piece[6]):
            return piece
        narrowed = (*piece[:3], source, piece[4], piece[5], destination, piece[7], piece[8])
        return narrowed if self._space.exists(narrowed) else None


class _LikelySide:
    def __init__(self, side: Side) -> None:
        self._side = side
        self._internet = side.words.get(INTERNET, 0)
        self._network = side.words.get(VIRTUAL_NETWORK, 0)
        self._public = sum(bit for word, bit in side.words.items() if is_service_tag(word))
        self._inside = self._network | sum(bit for word, bit in side.words.items() if is_group(word))

    def addresses(self, part: Part) -> int:
        """Return the addresses of a part that are likely."""
        addresses, words, not_words = part
        if words & self._public and (words & self._inside or not_words & self._internet):
            return 0
        if not_words & self._internet and not_words & self._network:
            return addresses & ~self._side.axis.mask(PUBLIC)
        return addresses
