"""Exposure against z3, which checks all connections at once, with any tags that the axioms allow."""

import pytest

from nsg_baseline.core.rules import normalise
from nsg_baseline.core.traffic.exposure import exposure
from tests.support.traffic_rules import COMMON, STRANGE, Document, pair
from tests.support.traffic_z3 import counterexample
from tests.support.z3_pairs import CHUNKS, check_chunk

FIRST_SEED = 1_000_000


def check(seed: int, most: int = 6) -> None:
    approved: list[Document]
    live: list[Document] | None
    approved, live = pair(seed, STRANGE if seed % 3 == 0 else COMMON, most)
    if seed % 10 == 9:
        live = None
    approved_rules, live_rules = (
        list(map(normalise, documents)) if documents is not None else None for documents in (approved, live)
    )
    exposed = exposure(approved_rules, live_rules)
    assert exposed.exact
    wrong = counterexample(approved, live, exposed)
    assert wrong is None, f"seed {seed}: {wrong}"


@pytest.mark.parametrize("seed", range(60))
def test_z3_finds_no_connection_that_is_missing_wrong_or_listed_twice(seed: int) -> None:
    # A sample of points can miss a corner case; z3 cannot.
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", CHUNKS)
def test_z3_finds_no_error_in_thousands_of_pairs(chunk: int) -> None:
    # The same for cases that occur once in a thousand. The lists have up to twelve rules.
    check_chunk(chunk, FIRST_SEED, check)
