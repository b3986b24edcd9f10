"""A pytest plugin that records how long each test takes, which modules the tests import, and what each import runs."""

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import Coverage

FILE_VARIABLE = "NSGB_MUTANTS_RECORD"

_seconds: defaultdict[str, float] = defaultdict(float)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Name the test file as the context of the lines that its import runs."""
    coverage = Coverage.current()
    if not isinstance(collector, pytest.Module) or coverage is None:
        return (yield)
    coverage.switch_context(collector.nodeid)
    try:
        return (yield)
    finally:
        coverage.switch_context("")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add the time of setup, call and teardown."""
    _seconds[report.nodeid] += report.duration


def pytest_unconfigure() -> None:
    """Write the record."""
    Path(os.environ[FILE_VARIABLE]).write_text(json.dumps({"seconds": _seconds, "modules": list(sys.modules)}))
