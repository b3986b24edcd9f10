"""`nsgb run`, with a measurement of its event loop: `python -m tests.engine.measured_operator REPORT`.

Each callback of the loop is measured by the processor time of the loop's thread, which the load of the machine does not
prolong. The report has one line for each new maximum: milliseconds, and the callback.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from nsg_baseline.cli.main import main

_MIN_SECONDS = 0.02
"""Shorter callbacks are not reported."""


def measure(report: Path) -> None:
    """Report the callbacks of every event loop of this process from now on."""
    run = asyncio.Handle._run
    longest = _MIN_SECONDS
    report.touch()

    def measured(handle: asyncio.Handle) -> None:
        nonlocal longest
        started = time.thread_time()
        run(handle)
        seconds = time.thread_time() - started
        if seconds > longest:
            longest = seconds
            with report.open("a", encoding="utf-8") as lines:
                lines.write(f"{seconds * 1000:.0f} {_name(handle)}\n")

    asyncio.Handle._run = measured  # type: ignore[assignment, method-assign]


def longest_stall(report: Path) -> tuple[float, str]:
    """Return the longest callback of a report: milliseconds, and which it was."""
    lines = report.read_text(encoding="utf-8").splitlines()
    milliseconds, _, name = (lines[-1] if lines else "0 none").partition(" ")
    return float(milliseconds), name


def _name(handle: Any) -> str:
    callback = handle._callback
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return f"{owner.get_name()}: {getattr(owner.get_coro(), '__qualname__', owner)}"
    return str(getattr(callback, "__qualname__", callback))


if __name__ == "__main__":
    measure(Path(sys.argv[1]))
    sys.argv[:] = ["nsgb", "run"]
    main()
