"""A pytest plugin that records how long each test takes and which modules the tests import."""

import json
import os
import sys
from collections import defaultdict
from pathlib import Path

import pytest

FILE_VARIABLE = "NSGB_MUTANTS_RECORD"

_seconds: defaultdict[str, float] = defaultdict(float)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add the time of setup, call and teardown."""
    _seconds[report.nodeid] += report.duration


def pytest_unconfigure() -> None:
    """Write the record."""
    Path(os.environ[FILE_VARIABLE]).write_text(json.dumps({"seconds": _seconds, "modules": list(sys.modules)}))
