"""The process that judges the mutants of one source file: `python -m tests.mutants.judge NAMES`, jobs on stdin.

It imports everything that does not depend on the mutated file, then forks for each mutant, so that a mutant costs only
the import of what depends on it and the tests that reach it. A job is a line of JSON: `tests`, `seconds` (their time
without the mutant). The answer is a line of JSON: `outcome` and `by`, the test that failed.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.mutants.baseline import PYTEST

FASTER = ("-p", "no:cov", "-p", "no:unraisableexception")
"""The second plugin collects garbage twice, which would take half of the time of a mutant."""
MEMORY = 6 * 2**30
SPARE_CPU_SECONDS = 10
SPARE_IDLE_SECONDS = 10
SPARE_WALL_SECONDS = 60
"""With other work on the machine a test can take many times longer, and no mutant may count as killed for that. So the
limit of CPU time ends what computes for ever, and the limit of idle time, in which no thread runs or waits for a
processor, ends what waits for ever. The limit of wall-clock time is for the rest.
"""
POLL_SECONDS = 0.5

OUTCOMES = {0: "survived", 1: "killed"}


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


def main(names: Sequence[str], stale: Sequence[str]) -> None:
    """Import the modules of these names, none that is stale, then answer jobs until stdin ends."""
    laws = {"max_examples": 10, "database": None, "derandomize": True, "deadline": None}
    checks = [HealthCheck.too_slow]
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutants", settings.default, **laws, suppress_health_check=checks, phases=phases)
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    if early := set(stale) & set(sys.modules):
        raise SystemExit(f"imported before the mutant is written: {sorted(early)}")
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(_judge(json.loads(line))), flush=True)


def _judge(job: dict[str, object]) -> dict[str, str]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run(job, writing)
    os.close(writing)
    ended = _wait(child, float(str(job["seconds"])))
    by = os.read(reading, 4096).decode(errors="replace")
    os.close(reading)
    return {"outcome": ended, "by": by}


def _wait(child: int, seconds: float) -> str:
    """Return the outcome of a child; a child that does not end is killed with its own children."""
    handle = os.pidfd_open(child)
    started = time.monotonic()
    try:
        while not select.select([handle], [], [], POLL_SECONDS)[0]:
            elapsed = time.monotonic() - started
            idle = elapsed - _busy_seconds(child)
            if elapsed > SPARE_WALL_SECONDS + 20 * seconds or idle > SPARE_IDLE_SECONDS + 3 * seconds:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return "timed out"
    finally:
        os.close(handle)
    status = os.waitpid(child, 0)[1]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if os.WIFSIGNALED(status):
        return "timed out" if os.WTERMSIG(status) == signal.SIGXCPU else "killed"
    return OUTCOMES.get(os.WEXITSTATUS(status), "does not import")


def _busy_seconds(child: int) -> float:
    """Return how long the threads of a process ran or waited for a processor."""
    nanoseconds = 0
    for file in Path(f"/proc/{child}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            nanoseconds += sum(map(int, file.read_text().split()[:2]))
    return nanoseconds / 1e9


def _run(job: dict[str, object], answer: int) -> None:
    code = 3
    try:
        os.setsid()
        limit = SPARE_CPU_SECONDS + int(3 * float(str(job["seconds"])))
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        tests = [str(test) for test in job["tests"]] if isinstance(job["tests"], list) else []
        files = sorted({test.partition("::")[0] for test in tests})
        options = (*PYTEST, *FASTER, "-x", "--hypothesis-profile", "mutants")
        code = int(pytest.main([*options, *files], plugins=[Selection(tests, answer)]))
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(**json.loads(Path(sys.argv[1]).read_text()))
