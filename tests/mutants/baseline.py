"""The run of a part's tests without a mutant: which tests reach which line, and how long each takes."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData

from tests.cluster.cache import key
from tests.mutants.mutations import Mutant
from tests.mutants.parts import Part
from tests.mutants.recording import FILE_VARIABLE
from tests.mutants.workspace import environment

PYTEST = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--assert=plain")

IMPORT = ""
"""The context of a line that is run while the tests are imported."""


@dataclass(frozen=True)
class Baseline:
    """Seconds of each test, the imported modules in their order, and the tests that reach each line of each file."""

    seconds: Mapping[str, float]
    modules: tuple[str, ...]
    reaching: Mapping[Path, Mapping[int, frozenset[str]]]

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests that can see a mutant, those that reach it and are fast first.

        What is evaluated while the tests are imported, such as a constant or a table of cases, may be seen by all.
        A line without a record continues the line before it, so that the whole function counts.
        """
        function = mutant.function
        reaching = self._contexts(mutant.path, mutant.first, mutant.last)
        reaching = reaching or self._contexts(mutant.path, function.first, function.last)
        tests = sorted(reaching - {IMPORT}, key=self._seconds)
        return tests + sorted(set(self.seconds) - reaching, key=self._seconds) if IMPORT in reaching else tests

    def _contexts(self, path: Path, first: int, last: int) -> set[str]:
        lines = self.reaching.get(path, {})
        return {test for line in range(first, last + 1) for test in lines.get(line, ())}

    def _seconds(self, test: str) -> float:
        return self.seconds.get(test, 0)


def baseline(base: Path, name: str, part: Part) -> Baseline:
    """Return the baseline of a part; it is measured again if a source or test file changed."""
    tree = base / "tree"
    tests = part.test_files(tree)
    digest = key(
        part.markers, *(path.read_bytes() for path in sorted(tree.glob("operator/**/*.py"))), *_contents(tree, tests)
    )
    stem = base / f"{name.replace('/', '-')}-{digest}"
    if not stem.with_suffix(".json").is_file():
        for stale in base.glob(f"{name.replace('/', '-')}-*"):
            stale.unlink()
        _measure(tree, part, stem)
    record = json.loads(stem.with_suffix(".json").read_text())
    return Baseline(record["seconds"], tuple(record["modules"]), _reaching(tree, part, stem))


def _contents(tree: Path, tests: list[Path]) -> list[bytes]:
    support = sorted(tree.glob("tests/support/*.py"))
    return [path.read_bytes() for path in (*support, *(tree / test for test in tests))]


def _measure(tree: Path, part: Part, stem: Path) -> None:
    record = stem.with_suffix(".part")
    variables = environment(tree) | {FILE_VARIABLE: str(record), "COVERAGE_FILE": str(stem.with_suffix(".coverage"))}
    variables.pop("PYTHONDONTWRITEBYTECODE")
    recording = ("-p", "tests.mutants.recording", "--cov", "--cov-context=test", "--cov-report=")
    tests = map(str, part.test_files(tree))
    command = (sys.executable, "-m", "pytest", *PYTEST, "-m", part.markers, *recording, *tests)
    run = subprocess.run(command, cwd=tree, env=variables, check=False, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(
            f"{run.stdout[-3000:]}{run.stderr[-2000:]}\nthe tests fail without any mutant: mend them first"
        )
    record.rename(stem.with_suffix(".json"))


def _reaching(tree: Path, part: Part, stem: Path) -> dict[Path, dict[int, frozenset[str]]]:
    data = CoverageData(str(stem.with_suffix(".coverage")))
    data.read()
    return {
        path: {
            line: frozenset(context.rpartition("|")[0] for context in contexts)
            for line, contexts in data.contexts_by_lineno(str(tree / path)).items()
        }
        for path in part.source_files(tree)
    }
