"""Guardrails against z3, which checks all connections at once, with any tags that the assumptions allow."""

import random

import pytest

from nsg_baseline.api.guardrail import GuardrailSpec
from nsg_baseline.core.guardrails import compiled, violations
from nsg_baseline.core.rules import normalise
from tests.support.guardrail_z3 import clause, mistake
from tests.support.traffic_rules import COMMON, STRANGE, rule_list
from tests.support.z3_pairs import CHUNKS, check_chunk

FIRST_SEED = 3_000_000


def check(seed: int, most: int = 6) -> None:
    rng = random.Random(seed)
    kind = ("never", "always")[seed % 2]
    document = clause(rng)
    rules = rule_list(rng, rng.randint(0, most), STRANGE if seed % 3 == 0 else COMMON)
    spec = GuardrailSpec.model_validate({kind: [document]})
    reported = violations([compiled("any", spec)], list(map(normalise, rules)))
    assert all(violation.exact for violation in reported)
    wrong = mistake(rules, document, "Allowed" if kind == "never" else "Denied", reported)
    assert wrong is None, f"seed {seed}: {document}: {wrong}"


@pytest.mark.parametrize("seed", range(12))
def test_z3_finds_no_violation_that_is_missing_wrong_or_impossible(seed: int) -> None:
    # A guardrail is a promise about all connections, and a sample of points can miss a corner case.
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", CHUNKS)
def test_z3_finds_no_mistake_in_thousands_of_pairs(chunk: int) -> None:
    # The same for cases that occur once in a thousand. The NSGs have up to twelve rules.
    check_chunk(chunk, FIRST_SEED, check)
