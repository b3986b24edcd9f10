"""Chooses for each mutant the fastest of three processes that judges it as an import of its file would."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.baseline import Baseline
from tests.mutants.forks import NOT_PATCHED
from tests.mutants.imports import dependents
from tests.mutants.mutations import Mutant
from tests.mutants.patches import Body, body
from tests.mutants.results import SURVIVED, Result
from tests.mutants.workspace import environment

NOT_REACHED = "no test reaches it"


class Process:
    """A judging process. It starts late, since all results may be stored, but never while a mutant is in the copy."""

    def __init__(self, base: Path, module: str, arguments: Mapping[str, object]) -> None:
        self._base = base
        self._module = module
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> bool:
        """Start the process if it does not run, and wait until it has imported what it needs."""
        if self._process:
            return False
        tree = self._base / "tree"
        file = self._base / "job.json"
        file.write_text(json.dumps(self._arguments))
        command = (sys.executable, "-W", "ignore", "-m", self._module, str(file))
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=tree, env=environment(tree), stdin=pipe, stdout=pipe, text=True)
        self._answer(self._process)
        return True

    def ask(self, job: Mapping[str, object]) -> dict[str, str]:
        """Return the answer to a job."""
        assert self._process
        assert self._process.stdin
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._answer(self._process)

    def _answer(self, process: subprocess.Popen[str]) -> dict[str, str]:
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._module} ended with {process.wait()}: run it with {self._arguments}")
        answer: dict[str, str] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()
            self._process = None


class Judge:
    """The judging processes of a part."""

    def __init__(self, base: Path, measured: Baseline) -> None:
        self._base = base
        self._measured = measured
        self._path = Path()
        self._source = ""
        self._importing: Process | None = None
        self._imported = Process(base, "tests.mutants.judge", {"names": measured.shared, "stale": []})
        collection = {"markers": measured.markers, "files": measured.files}
        self._collected = Process(base, "tests.mutants.collected", collection)

    def judge(self, mutant: Mutant, stages: Sequence[Sequence[str]], digest: str) -> Result:
        """Return the result of a mutant by tests that run stage by stage until a test fails."""
        self._open(mutant.path, self._base / "tree" / mutant.path)
        for process, patch in self._ways(mutant):
            answer = self._answer(process, patch, stages, mutant.source)
            if answer["outcome"] != NOT_PATCHED:
                break
        return Result(mutant.key, answer["outcome"], answer["by"], digest)

    def _open(self, path: Path, file: Path) -> None:
        if path == self._path:
            return
        if self._importing:
            self._importing.close()
        stale = dependents(self._base / "tree", path)
        fresh = [name for name in self._measured.shared if name not in stale]
        self._path, self._source = path, file.read_text()
        self._importing = Process(self._base, "tests.mutants.judge", {"names": fresh, "stale": sorted(stale)})

    def _ways(self, mutant: Mutant) -> Iterator[tuple[Process, Mapping[str, str]]]:
        """Yield the process for a mutant, and the slower one for the case that the mutant cannot be patched."""
        around = body(self._source, mutant.first, mutant.last)
        if around and not self._imports_run(around):
            patch = {"path": str(self._path), "function": around.name, "source": mutant.source}
            if self._measured.collecting(self._path, around.first, around.last):
                self._imported.start()
                yield self._imported, patch
            else:
                self._start_collected(patch)
                yield self._collected, patch
        assert self._importing
        self._importing.start()
        yield self._importing, {}

    def _start_collected(self, patch: Mapping[str, str]) -> None:
        """Start the process in which the tests run in any order, and prove that they pass there without a mutant."""
        if self._collected.start():
            unchanged = {**patch, "source": self._source}
            answer = self._staged(self._collected, [list(self._measured.seconds)], unchanged)
            if answer["outcome"] not in {SURVIVED, NOT_PATCHED}:
                raise RuntimeError(f"a test depends on the order or on the import: {answer}")

    def _imports_run(self, around: Body) -> bool:
        lines = self._measured.importing.get(self._path, frozenset())
        return not lines.isdisjoint(range(around.first, around.last + 1))

    def _answer(
        self, process: Process, patch: Mapping[str, str], stages: Sequence[Sequence[str]], source: str
    ) -> dict[str, str]:
        """Write the mutant into the copy, ask, restore the copy.

        The file is written for a patched mutant too, because a test may start a process or import the module late.
        """
        file = self._base / "tree" / self._path
        times = file.stat()
        try:
            file.write_text(source)
            together = [[test for tests in stages for test in tests]] if stages else []
            return self._staged(process, together if process is self._collected else stages, patch)
        finally:
            file.write_text(self._source)
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    def _staged(self, process: Process, stages: Sequence[Sequence[str]], patch: Mapping[str, str]) -> dict[str, str]:
        answer = {"outcome": SURVIVED, "by": "" if stages else NOT_REACHED}
        for tests in stages:
            seconds = sum(self._measured.seconds.get(test, 0) for test in tests)
            answer = process.ask({"tests": list(tests), "seconds": seconds, **patch})
            if answer["outcome"] != SURVIVED:
                break
        return answer

    def close(self) -> None:
        """End the processes."""
        for process in (self._importing, self._imported, self._collected):
            if process:
                process.close()


@contextmanager
def judging(base: Path, measured: Baseline) -> Iterator[Judge]:
    """Yield the judge of a part."""
    judge = Judge(base, measured)
    try:
        yield judge
    finally:
        judge.close()
