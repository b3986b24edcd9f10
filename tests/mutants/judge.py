"""The process that judges mutants by the import of their tests: `python -m tests.mutants.judge FILE`, jobs on stdin.

It imports the modules of the file's `names`, then forks for each mutant, so that a mutant costs only the import of the
rest and the tests that reach it. A job is a line of JSON: `tests`, `seconds` (their time without the mutant), and what
`patches` needs if the mutated module is among those imported. The answer is a line of JSON: `outcome` and `by`, the
test that failed.
"""

import contextlib
import gc
import importlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.mutants.baseline import PYTEST
from tests.mutants.forks import judged
from tests.mutants.patches import CANNOT_PATCH, Functions

FASTER = ("-p", "no:cov", "-p", "no:unraisableexception")
"""The second plugin collects garbage twice, which would take half of the time of a mutant."""


class Selection:
    """A pytest plugin: runs the selected tests in their order, and names the test that failed."""

    def __init__(self, tests: Sequence[str], answer: int) -> None:
        self._order = {test: index for index, test in enumerate(tests)}
        self._answer = answer

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the selected tests; a mutant that changes the names of the tests is seen by all of them."""
        selected = [item for item in items if item.nodeid in self._order]
        if len(selected) == len(self._order):
            items[:] = sorted(selected, key=lambda item: self._order[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send the name of the failed test."""
        if report.failed:
            os.write(self._answer, report.nodeid.encode()[:1000])


def short_laws() -> tuple[str, str]:
    """Return the options with which hypothesis tries few examples, the same ones for each mutant."""
    laws = {"max_examples": 10, "database": None, "derandomize": True, "deadline": None}
    checks = [HealthCheck.too_slow]
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutants", settings.default, **laws, suppress_health_check=checks, phases=phases)
    return "--hypothesis-profile", "mutants"


def main(names: Sequence[str], stale: Sequence[str]) -> None:
    """Import the modules of these names, none that is stale, say so, then answer jobs until stdin ends."""
    options = (*PYTEST, *FASTER, "-x", *short_laws())
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    if early := set(stale) & set(sys.modules):
        raise SystemExit(f"imported before the mutant is written: {sorted(early)}")
    functions = Functions()
    gc.freeze()
    print("{}", flush=True)
    for line in sys.stdin:
        print(json.dumps(_judge(json.loads(line), options, functions)), flush=True)


def _judge(job: dict[str, object], options: Sequence[str], functions: Functions) -> dict[str, str]:
    tests = [str(test) for test in job["tests"]] if isinstance(job["tests"], list) else []
    files = sorted({test.partition("::")[0] for test in tests})

    def run(answer: int) -> int:
        if "source" in job and not functions.patch(job):
            return CANNOT_PATCH
        return int(pytest.main([*options, *files], plugins=[Selection(tests, answer)]))

    return judged(run, float(str(job["seconds"])))


if __name__ == "__main__":
    main(**json.loads(Path(sys.argv[1]).read_text()))
