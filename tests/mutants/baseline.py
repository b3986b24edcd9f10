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
"""The context of a line that is run while anything but a test file is imported."""


@dataclass(frozen=True)
class Baseline:
    """Seconds of each test, the test files, the modules that all tests share, in the order of their import, the lines
    of each file that the import of these modules runs, and the contexts of each line: tests, test files or IMPORT.
    """

    markers: str
    files: tuple[str, ...]
    seconds: Mapping[str, float]
    shared: tuple[str, ...]
    importing: Mapping[Path, frozenset[int]]
    contexts: Mapping[Path, Mapping[int, frozenset[str]]]

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests that can see a mutant, those that reach it and are fast first.

        What the import of a test file evaluates, such as a table of cases, may be seen by all tests of the file, and a
        constant of the package by all tests. A line without a record continues the line before it, so that the whole
        function counts.
        """
        function = mutant.function
        contexts = self._contexts(mutant.path, mutant.first, mutant.last)
        contexts = contexts or self._contexts(mutant.path, function.first, function.last)
        tests = [test for test in self.seconds if {test, test.partition("::")[0], IMPORT} & contexts]
        return sorted(tests, key=lambda test: (test not in contexts, self.seconds[test]))

    def collecting(self, path: Path, first: int, last: int) -> bool:
        """Tell whether the import of a test file runs lines."""
        return any("::" not in context for context in self._contexts(path, first, last))

    def _contexts(self, path: Path, first: int, last: int) -> set[str]:
        lines = self.contexts.get(path, {})
        contexts = {context for line in range(first, last + 1) for context in lines.get(line, ())}
        return (
            contexts
            if self.importing.get(path, frozenset()).isdisjoint(range(first, last + 1))
            else contexts | {IMPORT}
        )


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
    shared = tuple(name for name in record["modules"] if _is_shared(name))
    importing = _importing(tree, part, shared, stem)
    files = tuple(map(str, tests))
    return Baseline(part.markers, files, record["seconds"], shared, importing, _contexts(tree, part, stem))


def _is_shared(name: str) -> bool:
    is_test = name.startswith("tests.") and not name.startswith(("tests.support.", "tests.cluster."))
    return not is_test and name not in {"__main__", "tests"}


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


def _importing(tree: Path, part: Part, shared: tuple[str, ...], stem: Path) -> dict[Path, frozenset[int]]:
    data, names = stem.with_suffix(".imports"), stem.with_suffix(".names")
    names.write_text(json.dumps({"names": shared, "stale": []}))
    if not data.is_file():
        command = (
            sys.executable,
            "-m",
            "coverage",
            "run",
            f"--data-file={data}",
            "-m",
            "tests.mutants.judge",
            str(names),
        )
        silence = subprocess.DEVNULL
        subprocess.run(command, cwd=tree, env=environment(tree), check=True, stdin=silence, stdout=silence)
    return {path: frozenset(lines) for path, lines in _lines(tree, part, data).items()}


def _contexts(tree: Path, part: Part, stem: Path) -> dict[Path, dict[int, frozenset[str]]]:
    return {
        path: {
            line: frozenset(context.rpartition("|")[0] or context for context in contexts)
            for line, contexts in lines.items()
        }
        for path, lines in _lines(tree, part, stem.with_suffix(".coverage")).items()
    }


def _lines(tree: Path, part: Part, file: Path) -> dict[Path, dict[int, list[str]]]:
    data = CoverageData(str(file))
    data.read()
    return {path: data.contexts_by_lineno(str(tree / path)) for path in part.source_files(tree)}
