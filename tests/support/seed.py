"""A random seed for each test run. A failure prints it, and NSGB_SEED repeats the run."""

import os
import random
from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Seed:
    """A seed and its random number generator."""

    value: int
    rng: random.Random

    @classmethod
    def from_environment(cls) -> "Seed":
        """Return the seed from NSGB_SEED, or a new random seed."""
        return cls.of(int(os.environ.get("NSGB_SEED", "0")) or random.randrange(2**32))

    @classmethod
    def of(cls, value: int) -> "Seed":
        """Return a seed with a given value."""
        return cls(value, random.Random(value))

    @override
    def __str__(self) -> str:
        return f"NSGB_SEED={self.value} repeats it"
