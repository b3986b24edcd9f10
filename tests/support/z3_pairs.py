"""How many random pairs the comparisons with z3 check, and in which chunks.

For a longer run: NSGB_Z3_PAIRS=10000 NSGB_Z3_SEED=7 pytest -m slow tests/core
"""

import os
from collections.abc import Callable

CHUNKS = range(20)
PAIRS = int(os.environ.get("NSGB_Z3_PAIRS", "2000"))


def check_chunk(chunk: int, first_seed: int, check: Callable[[int, int], None]) -> None:
    """Call a check with every twentieth seed, and with the largest number of rules: up to twelve."""
    first = int(os.environ.get("NSGB_Z3_SEED", first_seed))
    for seed in range(first + chunk, first + PAIRS, len(CHUNKS)):
        check(seed, 4 + chunk % 9)
