"""Servers that run during a test run."""

import ctypes
import os
import signal
import subprocess
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.1
_STOP_SECONDS = 10


class StartError(RuntimeError):
    """A server exited or was not ready in time; the message ends with the last lines of its log."""


class Server:
    """One program that logs to `<folder>/<its name>.log`."""

    def __init__(self, program: Path, folder: Path, arguments: list[str]) -> None:
        """Start `program` in `folder`."""
        self.name = program.name
        self._log = folder / f"{program.name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={"PATH": os.environ["PATH"], "HOME": str(folder)},
                preexec_fn=_die_with_parent,  # noqa: PLW1509  # prctl only; a test run that is killed must leave no server
            )

    def wait_ready(self, ready: Callable[[], bool], seconds: float) -> None:
        """Poll `ready`, because these servers send no signal; an OSError counts as not ready."""
        end = time.monotonic() + seconds
        while not _says_yes(ready):
            if self._process.poll() is not None:
                raise StartError(f"{self.name} ended with status {self._process.returncode}:\n{self.log_end()}")
            if time.monotonic() > end:
                raise StartError(f"{self.name} was not ready within {seconds:.0f} s:\n{self.log_end()}")
            time.sleep(_POLL_SECONDS)

    def log_end(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]

    def pause(self) -> None:
        """Freeze the process: connections hang."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _says_yes(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except (OSError, urllib.error.URLError):
        return False


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
