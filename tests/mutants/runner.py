"""Runs a part: judges its mutants file by file, skips what is stored, and sums up."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.cache import key
from tests.mutants.baseline import Baseline, baseline
from tests.mutants.equivalents import case_only, equivalents
from tests.mutants.imports import dependents
from tests.mutants.mutations import Mutant, mutants
from tests.mutants.parts import PACKAGE, Part
from tests.mutants.report import Report
from tests.mutants.results import REFUSED, SURVIVED, Result, Results
from tests.mutants.typing_check import refused
from tests.mutants.workspace import environment

NOT_REACHED = "no test reaches it"
LISTED = "listed as equivalent"


def run(base: Path, name: str, part: Part) -> Report:
    """Judge the mutants of a part and return the numbers."""
    _progress(f"{name}: the tests without a mutant")
    measured = baseline(base, name, part)
    results = Results(base / f"{name.replace('/', '-')}.jsonl")
    outcomes: Counter[str] = Counter()
    survivors: list[Mutant] = []
    for path in part.source_files(base / "tree"):
        judged = _judge_file(base, path, measured, results)
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


def _judge_file(base: Path, path: Path, measured: Baseline, results: Results) -> list[tuple[Mutant, Result]]:
    judged: list[tuple[Mutant, Result]] = []
    killers: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    everything = list(mutants(base / "tree", path))
    with _judging(base, path, measured) as judge:
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


class Judge:
    """The judging process of one file. It starts with the first job, since all results may be stored."""

    def __init__(self, base: Path, path: Path, measured: Baseline) -> None:
        self._base = base
        self._path = path
        self._measured = measured
        self._process: subprocess.Popen[str] | None = None

    def judge(self, mutant: Mutant, stages: Sequence[Sequence[str]], digest: str) -> Result:
        """Write the mutant into the copy, run the tests stage by stage until a test fails, restore the copy."""
        file = self._base / "tree" / self._path
        original, times = file.read_text(), file.stat()
        answer = {"outcome": SURVIVED, "by": "" if stages else NOT_REACHED}
        try:
            file.write_text(mutant.source)
            for tests in stages:
                answer = self._ask(tests)
                if answer["outcome"] != SURVIVED:
                    break
        finally:
            file.write_text(original)
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        return Result(mutant.key, answer["outcome"], answer["by"], digest)

    def _ask(self, tests: Sequence[str]) -> dict[str, str]:
        process = self._process = self._process or self._start()
        assert process.stdin
        assert process.stdout
        seconds = sum(self._measured.seconds.get(test, 0) for test in tests)
        process.stdin.write(json.dumps({"tests": list(tests), "seconds": seconds}) + "\n")
        process.stdin.flush()
        answer: dict[str, str] = json.loads(process.stdout.readline())
        return answer

    def _start(self) -> subprocess.Popen[str]:
        tree = self._base / "tree"
        stale = dependents(tree, self._path)
        names = [name for name in self._measured.modules if _is_shared(name, stale)]
        file = self._base / "modules.json"
        file.write_text(json.dumps({"names": names, "stale": sorted(stale)}))
        command = (sys.executable, "-W", "ignore", "-m", "tests.mutants.judge", str(file))
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=tree, env=environment(tree), stdin=pipe, stdout=pipe, text=True)

    def close(self) -> None:
        """End the process."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()


def _is_shared(name: str, stale: set[str]) -> bool:
    is_test = name.startswith("tests.") and not name.startswith(("tests.support.", "tests.cluster."))
    return name not in stale and not is_test and name not in {"__main__", "tests"}


@contextmanager
def _judging(base: Path, path: Path, measured: Baseline) -> Iterator[Judge]:
    judge = Judge(base, path, measured)
    try:
        yield judge
    finally:
        judge.close()


_started = time.monotonic()


def _progress(text: str) -> None:
    print(f"{time.monotonic() - _started:6.0f} s  {text}", file=sys.stderr, flush=True)
