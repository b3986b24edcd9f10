"""kubectl, helm and the kstatus probe as the tests call them."""

import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_SECONDS = 960


class RefusedError(AssertionError):
    """A program ended with another status than 0; the message holds what it said."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command line client bound to one kubeconfig, with a home of its own: the user's settings do not count."""

    path: Path
    home: Path
    kubeconfig: Path | None = None

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """What it prints; RefusedError unless it ends with 0."""
        done = self.run(*arguments, stdin=stdin)
        if done.returncode:
            words = " ".join(map(str, arguments))
            raise RefusedError(f"{self.path.name} {words}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def run(self, *arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Status, stdout and stderr, whatever they are."""
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
        """What it says on stderr when it refuses; an AssertionError if it does not."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode, f"{self.path.name} {' '.join(map(str, arguments))} was not refused:\n{done.stdout}"
        return done.stderr

    def json(self, *arguments: str | Path, stdin: str | None = None) -> Any:
        """The JSON it prints with `-o json`."""
        return json.loads(self(*arguments, "-o", "json", stdin=stdin))

    def apply(self, *objects: dict[str, Any]) -> str:
        """`kubectl apply` of these objects, server-side as the project tells its users to."""
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        return self("apply", "--server-side", "-f", "-", stdin=items)

    def as_bearer(self, kubeconfig: Path) -> "Program":
        """The same program as somebody else."""
        return replace(self, kubeconfig=kubeconfig)

    def _environment(self) -> dict[str, str]:
        config = {"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {}
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), **config}


def kstatus_of(probe: Path, thing: dict[str, Any]) -> str:
    """What Flux and `helm --wait` would take the object's state for: Current, InProgress, Failed, Terminating, ..."""
    done = subprocess.run([probe], input=json.dumps(thing), text=True, capture_output=True, check=False)
    if done.returncode:
        raise RefusedError(f"kstatus: {done.stderr}")
    return str(json.loads(done.stdout)["status"])
