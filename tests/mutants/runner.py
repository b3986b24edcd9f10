"""Runs a part: judges its mutants file by file, skips what is stored, and sums up."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.cluster.cache import key
from tests.mutants.baseline import Baseline, baseline
from tests.mutants.equivalents import case_only, equivalents
from tests.mutants.judging import Judge, judging
from tests.mutants.mutations import Mutant, mutants
from tests.mutants.parts import PACKAGE, Part
from tests.mutants.report import Report
from tests.mutants.results import REFUSED, SURVIVED, Result, Results
from tests.mutants.typing_check import refused

LISTED = "listed as equivalent"


def run(base: Path, name: str, part: Part) -> Report:
    """Judge the mutants of a part and return the numbers."""
    _progress(f"{name}: the tests without a mutant")
    measured = baseline(base, name, part)
    results = Results(base / f"{name.replace('/', '-')}.jsonl")
    outcomes: Counter[str] = Counter()
    survivors: list[Mutant] = []
    with judging(base, measured) as judge:
        for path in part.source_files(base / "tree"):
            judged = _judge_file(base, path, measured, results, judge)
            outcomes.update(result.outcome for _, result in judged)
            survivors += [mutant for mutant, result in judged if result.outcome == SURVIVED]
    equivalent = [mutant for mutant in survivors if _is_equivalent(mutant)]
    survivors = [mutant for mutant in survivors if mutant not in equivalent]
    killed = outcomes.total() - outcomes[SURVIVED] - outcomes[REFUSED]
    return Report(name, outcomes.total(), killed, outcomes[REFUSED], len(equivalent), survivors)


def _is_equivalent(mutant: Mutant) -> bool:
    module = str(mutant.path.relative_to(PACKAGE))
    return any(entry.covers(module, mutant.before, mutant.after) for entry in case_only()) or any(
        entry.covers(module, mutant.function.name, mutant.before, mutant.after) for entry in equivalents()
    )


def _judge_file(
    base: Path, path: Path, measured: Baseline, results: Results, judge: Judge
) -> list[tuple[Mutant, Result]]:
    judged: list[tuple[Mutant, Result]] = []
    killers: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    everything = list(mutants(base / "tree", path))
    for mutant in everything:
        tests = measured.tests(mutant)
        digest = key(*_contents(base / "tree", tests))
        result = results.stored(mutant.key, digest)
        if result is None and _is_equivalent(mutant):
            # All tests would run. It is not stored, so that it is judged when its entry is deleted.
            result = Result(mutant.key, SURVIVED, LISTED, digest)
        elif result is None:
            result = judge.judge(mutant, _stages(tests, killers), digest)
            results.add(result)
        killers[result.by] += 1
        counts[result.outcome] += 1
        judged.append((mutant, result))
        if len(judged) % 10 == 0 or len(judged) == len(everything):
            _progress(f"{path.relative_to(PACKAGE)}: {len(judged)} of {len(everything)}, {dict(counts)}")
    return _without_refused(base, path, judged, results)


def _stages(tests: Sequence[str], killers: Counter[str]) -> list[list[str]]:
    """Split tests into those of the file that killed most so far, and the others: collecting files takes longest."""
    ordered = sorted(tests, key=lambda test: -killers[test])
    best = ordered[0].partition("::")[0] if ordered else ""
    stages = (
        [test for test in ordered if test.partition("::")[0] == best],
        [test for test in ordered if test.partition("::")[0] != best],
    )
    return [stage for stage in stages if stage]


def _without_refused(
    base: Path, path: Path, judged: list[tuple[Mutant, Result]], results: Results
) -> list[tuple[Mutant, Result]]:
    survivors = [mutant for mutant, result in judged if result.outcome == SURVIVED and not _is_equivalent(mutant)]
    keys = refused(base, path, survivors) if survivors else set()
    for index, (mutant, result) in enumerate(judged):
        if mutant.key in keys:
            judged[index] = (mutant, Result(mutant.key, REFUSED, "", result.tests))
            results.add(judged[index][1])
    return judged


def _contents(tree: Path, tests: Sequence[str]) -> Iterator[bytes]:
    """Yield what the judgement of the tests depends on: their names and their files."""
    yield "\n".join(sorted(tests)).encode()
    for file in sorted({test.partition("::")[0] for test in tests}):
        yield (tree / file).read_bytes()


_started = time.monotonic()


def _progress(text: str) -> None:
    print(f"{time.monotonic() - _started:6.0f} s  {text}", file=sys.stderr, flush=True)
