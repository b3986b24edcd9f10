"""One side of all connections in a traffic space: its addresses, and the opaque words that may apply to them."""

from collections.abc import Iterable, Iterator

from nsg_baseline.core.ids import fold
from nsg_baseline.core.intervals import Interval
from nsg_baseline.core.rules import Addresses
from nsg_baseline.core.traffic.axes import Axis, Bounds
from nsg_baseline.core.traffic.model import EVERYWHERE, Place
from nsg_baseline.core.traffic.tags import (
    CERTAIN,
    PLATFORM,
    Reading,
    TagTable,
    disjoint,
    lower,
    parent,
    resolve,
    ruled_out,
    upper,
)

Part = tuple[int, int, int]
"""One side of a piece: masks of addresses, of the words that apply to them, and of the words that do not."""


class Side:
    """The addresses and the opaque words of one side of all connections, as masks.

    Attributes:
        axis: the addresses.
        ordinary: the mask of the addresses that are not platform traffic.
        words: the bit of each opaque word.
    """

    __slots__ = (
        "_excluded",
        "_implied",
        "_lower",
        "_possible",
        "_reading",
        "_table",
        "_upper",
        "axis",
        "ordinary",
        "words",
    )

    def __init__(
        self,
        bounds: Bounds,
        ranges: Iterable[tuple[Interval, ...]],
        words: Iterable[str],
        table: TagTable | None,
        reading: Reading = CERTAIN,
    ) -> None:
        extents = {word: resolve(word, table) for word in words}
        opaque = [word for word, extent in extents.items() if extent is None]
        self._table = table
        self._reading = reading
        self.words = {word: 1 << index for index, word in enumerate(opaque)}
        used = [*ranges, *(extent for extent in extents.values() if extent is not None)]
        limits = [limit for word in self.words for limit in (upper(word, table, reading), lower(word, reading))]
        self.axis = Axis(bounds, [*used, *limits])
        self.ordinary = self.axis.mask(EVERYWHERE)
        self._upper = [self.axis.mask(upper(word, table, reading)) for word in self.words]
        self._lower = [self.axis.mask(lower(word, reading)) for word in self.words]
        self._implied = [self.words.get(parent(word) or "", 0) for word in self.words]
        regions = [(word, bit) for word, bit in self.words.items() if "." in word]
        self._excluded = [
            sum(bit for other, bit in regions if other != word and disjoint(word, other)) for word in self.words
        ]
        self._possible: dict[tuple[int, int], int] = {}

    def alternatives(self, side: Addresses) -> list[tuple[int, int]]:
        """Return what a rule's side matches, as pairs of addresses and of words that apply; any pair suffices."""
        mask = self.axis.mask(side.ranges)
        by_word: list[tuple[int, int]] = []
        for word in (*side.words, *side.groups):
            bit = self.words.get(word)
            if bit is None:
                mask |= self.axis.mask(resolve(word, self._table) or ())
            else:
                by_word.append((self.ordinary, bit))
        return [(mask, 0), *by_word] if mask else by_word

    def part(self, place: Place) -> Part:
        """Return the masks of a place."""
        mask, words, not_words = self.axis.mask(place.ranges), 0, 0
        for word in map(fold, place.tags):
            extent = resolve(word, self._table)
            if word in PLATFORM:
                mask = self.axis.mask(extent or ())
            elif extent is not None:
                mask &= self.axis.mask(extent)
            else:
                words |= self.words[word]
        for word in map(fold, place.not_tags):
            extent = resolve(word, self._table)
            if extent is None:
                not_words |= self.words[word]
            else:
                mask &= ~self.axis.mask(extent)
        return mask, words, not_words

    def possible_addresses(self, words: int, not_words: int) -> int:
        """Return all addresses to which some words can apply while others do not.

        The axioms are only implications, exclusions and limits of addresses. It therefore suffices to add the words
        that are implied; no further word needs to apply.
        """
        possible = self._possible.get((words, not_words))
        if possible is None:
            possible = self._possible[words, not_words] = self._find_possible_addresses(words, not_words)
        return possible

    @property
    def all_words(self) -> int:
        """The mask of all words of this side."""
        return (1 << len(self.words)) - 1

    def with_implied(self, words: int) -> int:
        """Return words together with the words that they imply."""
        for index in bits(words):
            words |= self._implied[index]
        return words

    def names(self, words: int) -> list[str]:
        """Return the words of a mask, folded."""
        return [word for word, bit in self.words.items() if words & bit] if words else []

    def ruled_out(self, words: int) -> tuple[Interval, ...]:
        """Return the ordinary addresses, within bounds or not, to which at least one of some words cannot apply."""
        return ruled_out(self.names(words), self._table, self._reading)

    def _find_possible_addresses(self, words: int, not_words: int) -> int:
        words = self.with_implied(words)
        if words & not_words:
            return 0
        addresses = self.axis.whole
        for index in bits(words):
            if self._excluded[index] & words:
                return 0
            addresses &= self._upper[index]
        for index in bits(not_words):
            addresses &= ~self._lower[index]
        return addresses


def bits(mask: int) -> Iterator[int]:
    """Yield the indexes of a mask's bits, lowest first."""
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1
