"""Conversion of pieces to boxes in the words of the rules."""

from collections.abc import Iterable, Iterator

from nsg_baseline.core.intervals import Interval, merge
from nsg_baseline.core.traffic.model import EVERYWHERE, PROTOCOLS, Box, Place
from nsg_baseline.core.traffic.original_case import Speller
from nsg_baseline.core.traffic.side import Part, Side, bits
from nsg_baseline.core.traffic.tags import PLATFORM, spelled
from nsg_baseline.core.traffic.traffic_space import Piece, TrafficSpace


class BoxWriter:
    """Converts the pieces of one traffic space to boxes."""

    def __init__(self, space: TrafficSpace, spell: Speller) -> None:
        self._space = space
        self._source = _PlaceWriter(space.source, spell)
        self._destination = _PlaceWriter(space.destination, spell)

    def boxes(self, pieces: Iterable[Piece]) -> tuple[Box, ...]:
        """Return a box for each piece, or several if a piece contains both ordinary and platform traffic."""
        return tuple(box for piece in pieces for box in self._boxes(piece))

    def _boxes(self, piece: Piece) -> Iterator[Box]:
        protocols = tuple(PROTOCOLS[index] for index in bits(piece[0]))
        from_ports = self._space.source_ports.ranges(piece[1])
        to_ports = self._space.destination_ports.ranges(piece[2])
        for source in self._source.places((piece[3], piece[4], piece[5])):
            for destination in self._destination.places((piece[6], piece[7], piece[8])):
                yield Box(protocols, from_ports, to_ports, source, destination)


class _PlaceWriter:
    def __init__(self, side: Side, spell: Speller) -> None:
        self._side = side
        self._spell = spell
        self._places_by_part: dict[Part, tuple[Place, ...]] = {}
        self._ruled_out: dict[int, tuple[Interval, ...]] = {}

    def places(self, part: Part) -> tuple[Place, ...]:
        """Return one side of a piece: ordinary addresses as one place, and each kind of platform traffic as another."""
        places = self._places_by_part.get(part)
        if places is None:
            places = self._places_by_part[part] = tuple(self._places(*part))
        return places

    def _places(self, addresses: int, words: int, not_words: int) -> Iterator[Place]:
        tags, not_tags = self._spelled(words), self._spelled(not_words)
        ordinary = addresses & self._side.ordinary
        if ordinary:
            yield Place(self._ranges(ordinary, words), tags, not_tags)
        for _, first, last in self._side.axis.ranges(addresses & ~self._side.ordinary):
            for name in PLATFORM[first : last + 1]:
                yield Place(EVERYWHERE, (spelled(name) or name, *tags), not_tags)

    def _spelled(self, words: int) -> tuple[str, ...]:
        return tuple(sorted(map(self._spell, self._side.names(words)))) if words else ()

    def _ranges(self, ordinary: int, words: int) -> tuple[Interval, ...]:
        """Return the addresses; addresses that the words exclude anyway are added if that makes the list shorter."""
        ranges = self._side.axis.ranges(ordinary)
        if not words:
            return ranges
        ruled_out = self._ruled_out.get(words)
        if ruled_out is None:
            ruled_out = self._ruled_out[words] = self._side.ruled_out(words)
        wider = merge((*ranges, *ruled_out))
        return wider if len(wider) < len(ranges) or wider == EVERYWHERE else ranges
