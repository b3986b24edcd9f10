"""Builds the control plane and the kstatus probe from Go modules, once, into the user's cache, and installs Azurite.

Run it alone with `make cluster-tools`. A cold build takes about 15 minutes on two cores and 4 GB of Go's build
cache; later runs use the cache. The tests of CRDs, CEL, RBAC and charts need the real kube-apiserver.
"""

import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import cache
from tests.cluster.azurite import azurite_program
from tests.cluster.go_toolchain import Go, find_go

TOOLS = Path(__file__).parent / "tools"
_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false")
_PROGRESS_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Module:
    """One Go module under tools/ and the programs to build in it: their names and packages."""

    name: str
    programs: dict[str, str]

    @property
    def folder(self) -> Path:
        return TOOLS / self.name

    def sources(self) -> list[Path]:
        return [self.folder / "go.mod", self.folder / "go.sum", *sorted(self.folder.glob("*.go"))]


MODULES = (
    Module("kstatus", {"kstatus-probe": "."}),
    Module("alertmanager", {"alertmanager": "github.com/prometheus/alertmanager/cmd/alertmanager"}),
    Module("etcd", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Module("kube", {p: f"k8s.io/kubernetes/cmd/{p}" for p in ("kube-apiserver", "kube-controller-manager")}),
)


def build_all() -> dict[str, Path]:
    """Return every program by its name; build those that the cache does not have."""
    go = find_go()
    return {name: folder / name for m in MODULES for folder in [_built(go, m)] for name in m.programs}


def build(name: str) -> Path:
    """Return one program of a module with the same name; build it if the cache does not have it."""
    module = next(module for module in MODULES if module.name == name)
    return _built(find_go(), module) / name


def _built(go: Go, module: Module) -> Path:
    key = cache.key(
        repr(go.settings()), repr(_FLAGS), _ldflags(module), repr(module.programs),
        *(part for f in module.sources() for part in (f.name, f.read_bytes())),
    )  # fmt: skip
    return cache.kept(f"{module.name}-{key}", lambda folder: _build(go, module, folder))


def _build(go: Go, module: Module, folder: Path) -> None:
    for name, package in module.programs.items():
        start = time.monotonic()
        # -v prints each package when it is compiled, which is the only progress output of go build
        command = [go.program, "build", "-v", *_FLAGS, "-ldflags", _ldflags(module), "-o", str(folder / name), package]
        with subprocess.Popen(
            command, cwd=module.folder, env=go.environment(), stderr=subprocess.PIPE, text=True
        ) as build:
            words = _follow(name, build)
        if build.returncode:
            raise RuntimeError(f"go build of {name} failed with status {build.returncode}:\n{''.join(words[-40:])}")
        _say(f"built {name} in {time.monotonic() - start:.0f} s")


def _follow(name: str, build: subprocess.Popen[str]) -> list[str]:
    assert build.stderr is not None
    words: list[str] = []
    last_printed = time.monotonic()
    _say(f"building {name} from Go modules (once)")
    for line in build.stderr:
        words.append(line)
        if time.monotonic() - last_printed > _PROGRESS_SECONDS:
            last_printed = time.monotonic()
            _say(f"  {name}: {len(words)} packages")
    return words


def _ldflags(module: Module) -> str:
    if module.name != "kube":
        return "-s -w"
    # A build from a module does not know its version and would report v0.0.0-master. Then helm's
    # kubeVersion checks and kubectl's skew warnings would be wrong.
    match = re.search(r"k8s\.io/kubernetes v(\d+)\.(\d+)\.\d+", (module.folder / "go.mod").read_text())
    if match is None:
        raise ValueError(f"{module.folder / 'go.mod'} names no version of k8s.io/kubernetes")
    stamps = {
        "gitVersion": match[0].split()[1],
        "gitMajor": match[1],
        "gitMinor": match[2],
        "gitTreeState": "clean",
        "gitCommit": "0" * 40,
        "buildDate": "1970-01-01T00:00:00Z",
    }
    return " ".join(["-s -w", *(f"-X k8s.io/component-base/version.{k}={v}" for k, v in stamps.items())])


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    for program, path in {"azurite": azurite_program(), **build_all()}.items():
        sys.stdout.write(f"{program}\t{path}\n")
