"""Chance in tests: a seed of its own for each run, that a failure names and NSGB_SEED repeats."""

import os
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dice:
    """A seed, and the chance that follows from it."""

    seed: int
    chance: random.Random

    @classmethod
    def thrown(cls) -> "Dice":
        """Return another one each time, or the one that the environment names."""
        return cls.of(int(os.environ.get("NSGB_SEED", "0")) or random.randrange(2**32))

    @classmethod
    def of(cls, seed: int) -> "Dice":
        """Return the one with this seed."""
        return cls(seed, random.Random(seed))

    def __str__(self) -> str:
        return f"NSGB_SEED={self.seed} repeats it"
