"""Calls kubectl, helm and the kstatus probe for the tests."""

import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_SECONDS = 960


class RefusedError(AssertionError):
    """A program exited with a non-zero status; the message contains its output."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command line client with one kubeconfig and a separate home folder, without the user's settings."""

    path: Path
    home: Path
    kubeconfig: Path | None = None

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Return stdout; raise RefusedError unless the status is 0."""
        done = self.run(*arguments, stdin=stdin)
        if done.returncode:
            words = " ".join(map(str, arguments))
            raise RefusedError(f"{self.path.name} {words}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def run(self, *arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Return status, stdout and stderr."""
        return subprocess.run(
            [self.path, *arguments],
            input=stdin if stdin is not None else "",
            text=True,
            capture_output=True,
            env=self._environment(),
            timeout=_SECONDS,
            check=False,
        )

    def refusal(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Return stderr of a refused command; raise AssertionError if it succeeds."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode, f"{self.path.name} {' '.join(map(str, arguments))} was not refused:\n{done.stdout}"
        return done.stderr

    def json(self, *arguments: str | Path, stdin: str | None = None) -> Any:
        """Return the JSON output of `-o json`."""
        return json.loads(self(*arguments, "-o", "json", stdin=stdin))

    def apply(self, *objects: dict[str, Any]) -> str:
        """Apply objects server-side, as the documentation recommends."""
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        return self("apply", "--server-side", "-f", "-", stdin=items)

    def as_bearer(self, kubeconfig: Path) -> "Program":
        """Return the same program with another user's kubeconfig."""
        return replace(self, kubeconfig=kubeconfig)

    def _environment(self) -> dict[str, str]:
        config = {"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {}
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), **config}


def kstatus_of(probe: Path, resource: dict[str, Any]) -> str:
    """Return the state that Flux and `helm --wait` compute: Current, InProgress, Failed, Terminating, ..."""
    done = subprocess.run([probe], input=json.dumps(resource), text=True, capture_output=True, check=False)
    if done.returncode:
        raise RefusedError(f"kstatus: {done.stderr}")
    return str(json.loads(done.stdout)["status"])
