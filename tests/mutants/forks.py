"""Runs a judgement in a child process with limits, so that no mutant can harm or block the judging process."""

import contextlib
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

MEMORY = 6 * 2**30
SPARE_CPU_SECONDS = 10
SPARE_IDLE_SECONDS = 10
SPARE_WALL_SECONDS = 60
"""With other work on the machine a test can take many times longer, and no mutant may count as killed for that. So the
limit of CPU time ends what computes for ever, and the limit of idle time, in which no thread runs or waits for a
processor, ends what waits for ever. The limit of wall-clock time is for the rest.
"""
POLL_SECONDS = 0.5

NOT_PATCHED = "not patched"
OUTCOMES = {0: "survived", 1: "killed", 64: NOT_PATCHED}
"""The outcomes by the child's exit code."""


def judged(run: Callable[[int], int], seconds: float) -> dict[str, str]:
    """Return the outcome of `run` in a child; it gets a pipe for the name of a failed test and returns the exit code.

    `seconds` is how long it takes without a mutant.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run(run, writing, seconds)
    os.close(writing)
    ended = _wait(child, seconds)
    by = os.read(reading, 4096).decode(errors="replace")
    os.close(reading)
    return {"outcome": ended, "by": by}


def _run(run: Callable[[int], int], answer: int, seconds: float) -> None:
    code = 3
    try:
        os.setsid()
        limit = SPARE_CPU_SECONDS + int(3 * seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        code = run(answer)
    finally:
        os._exit(code)


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
