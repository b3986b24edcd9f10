"""The process that judges mutants by collected tests: `python -m tests.mutants.collected FILE`, jobs on stdin.

pytest collects the tests of the whole part once, then the process forks for each mutant, so that a mutant costs only
the tests that reach it. The tables of the tests are computed by then, so this is only for functions that no import
runs. Jobs and answers are those of `judge`.
"""

import gc
import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

import pytest

from tests.mutants.baseline import PYTEST
from tests.mutants.forks import judged
from tests.mutants.judge import FASTER, short_laws
from tests.mutants.patches import CANNOT_PATCH, Functions


class Judging:
    """A pytest plugin: answers jobs instead of running the collected tests."""

    def __init__(self, jobs: TextIO, answers: TextIO) -> None:
        self._jobs = jobs
        self._answers = answers
        self._failed = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Answer jobs until the input ends."""
        items = {item.nodeid: item for item in session.items}
        functions = Functions()
        gc.freeze()
        print("{}", file=self._answers, flush=True)
        for line in self._jobs:
            job = json.loads(line)
            answer = judged(partial(self._run, job, items, functions), float(str(job["seconds"])))
            print(json.dumps(answer), file=self._answers, flush=True)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the failed test."""
        if report.failed:
            self._failed = report.nodeid

    def _run(self, job: dict[str, object], items: dict[str, pytest.Item], functions: Functions, answer: int) -> int:
        names = [str(test) for test in job["tests"]] if isinstance(job["tests"], list) else []
        if not set(names) <= set(items) or not functions.patch(job):
            return CANNOT_PATCH
        for name, after in zip(names, [*names[1:], ""], strict=True):
            items[name].config.hook.pytest_runtest_protocol(item=items[name], nextitem=items.get(after))
            if self._failed:
                os.write(answer, self._failed.encode()[:1000])
                return 1
        return 0


def main(markers: str, files: Sequence[str]) -> None:
    """Collect the tests, then answer jobs. pytest replaces stdin and writes to stdout, so the plugin gets copies."""
    jobs, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    options = (*PYTEST, *FASTER, *short_laws(), "-m", markers)
    raise SystemExit(int(pytest.main([*options, *files], plugins=[Judging(jobs, answers)])))


if __name__ == "__main__":
    main(**json.loads(Path(sys.argv[1]).read_text()))
