"""The exposure compared with z3's equivalence check, on the same pairs of rule lists in one run.

z3 computes only whether two lists are equivalent; the exposure describes where they differ and which rules decide. Both
start from rules in normal form. The time of z3 and the time to build its formulas are shown separately.
"""

import random
import statistics
import time
from collections.abc import Callable
from functools import partial

from benchmarks.rule_lists import Document, a_list, edit, worst_cases
from benchmarks.z3_equivalence import differ, formulas
from nsg_baseline.core.rules import Rule, normalise
from nsg_baseline.core.traffic.exposure import exposure

SIZES = (50, 200, 1000)
EDITS = (1, 10)
PAIRS = 40
# At 1,000 rules z3 takes three seconds per pair. These are enough pairs for a median within a minute.
Z3_PAIRS = {50: 20, 200: 11, 1000: 5}


def timed(call: Callable[[], object]) -> float:
    """Return the duration in milliseconds."""
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1000


def read(documents: list[Document]) -> list[Rule]:
    """Return rules in normal form, as separate objects for each list, as when they are read from Azure."""
    return [normalise(document) for document in documents]


def row(count: int, edits: int) -> float:
    """Measure one row and return the median in milliseconds."""
    exposing, writing, solving, inexact = [], [], [], 0
    for seed in range(PAIRS):
        rng = random.Random(seed * 1000 + count + edits)
        documents = a_list(rng, count)
        approved, live = read(documents), read(edit(rng, documents, edits))
        exposing.append(min(timed(partial(exposure, approved, live)) for _ in range(3)))
        result = exposure(approved, live)
        inexact += not result.exact
        if seed < Z3_PAIRS[count]:
            begin = time.perf_counter()
            questions = formulas(approved, live)
            written = time.perf_counter()
            differing = differ(questions)
            solving.append((time.perf_counter() - written) * 1000)
            writing.append((written - begin) * 1000)
            if result.exact and differing != bool(result.entries):
                raise AssertionError(f"z3 and exposure disagree: {count} rules, {edits} edits, seed {seed}")
    median, solved = statistics.median(exposing), statistics.median(solving)
    p90 = statistics.quantiles(exposing, n=10)[-1]
    z3_total = statistics.median(write + solve for write, solve in zip(writing, solving, strict=True))
    print(
        f"{count:>6} rules {edits:>2} edits  exposure {median:7.2f} ms  p90 {p90:7.2f}"
        f"  beyond budget {inexact}/{PAIRS}  z3 {z3_total:7.0f} ms = {z3_total / median:4.0f} times"
        f"  (its search alone {solved:5.0f} ms = {solved / median:4.0f} times)"
    )
    return median


def main() -> None:
    """Print all rows."""
    print("exposure of edits (both directions), and z3's equivalence check on the same pairs")
    medians = {(count, edits): row(count, edits) for edits in EDITS for count in SIZES}
    reference = medians[1000, 1]
    print("worst cases in 1,000 rules")
    for name, before, after in worst_cases(random.Random(1)):
        approved, live = read(before), None if after is None else read(after)
        spent = min(timed(partial(exposure, approved, live)) for _ in range(3))
        result = exposure(approved, live)
        boxes = sum(len(entry.boxes) for entry in result.entries)
        print(
            f"  {name:32} {spent:6.0f} ms = {spent / reference:3.0f} times the median of one edit"
            f"  {boxes:5} boxes in {len(result.entries):3} entries  {'exact' if result.exact else 'beyond budget'}"
        )


if __name__ == "__main__":
    main()
