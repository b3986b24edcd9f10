"""Distributions built once a session, and the operator's wheel installed without the emulator."""

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
# Loads the console script from the wheel's own metadata, so that the test runs what a user runs.
LAUNCHER = """
sys.argv[:2] = ["nsgb"]
from importlib.metadata import entry_points
(script,) = entry_points(group="console_scripts", name="nsgb")
script.load()()
"""


@dataclass(frozen=True, slots=True)
class Built:
    """The names of the files in each distribution."""

    wheel: Path
    wheel_files: frozenset[str]
    sdist_files: frozenset[str]
    emulator_wheel_files: frozenset[str]


@dataclass(frozen=True, slots=True)
class Installation:
    """The operator's wheel beside its declared dependencies, in a folder that holds nothing else."""

    path: str
    home: Path

    def run(self, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        """Run nsgb."""
        return self.python(LAUNCHER, *arguments, text=text)

    def python(self, code: str, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        """Run code in a process that sees neither this environment's site-packages nor the working directory."""
        isolated = f"import sys\nsys.path[:0] = sys.argv[1].split(':')\n{code}"
        command = [sys.executable, "-I", "-S", "-c", isolated, self.path, *arguments]
        environment = {"HOME": str(self.home), "LANG": "C.UTF-8"}
        return subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, cwd=self.home, env=environment, timeout=60
        )


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build both distributions with hatchling, without a network."""
    folder = tmp_path_factory.mktemp("dist")
    for project, name in ((ROOT, "operator"), (ROOT / "emulator", "emulator")):
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder / name)]
        subprocess.run(command, cwd=project, check=True, capture_output=True)
    (wheel,) = (folder / "operator").glob("*.whl")
    (sdist,) = (folder / "operator").glob("*.tar.gz")
    (emulator_wheel,) = (folder / "emulator").glob("*.whl")
    with tarfile.open(sdist) as archive:
        sdist_files = frozenset(name.partition("/")[2] for name in archive.getnames())
    return Built(wheel, _names(wheel), sdist_files, _names(emulator_wheel))


@pytest.fixture(scope="session")
def installation(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Unpack the wheel, and link the distributions that its metadata requires (not those of extras) beside it.

    An undeclared dependency, the emulator and the libraries that only the emulator needs are not importable.
    """
    root = tmp_path_factory.mktemp("installation")
    packages, dependencies = root / "wheel", root / "dependencies"
    with zipfile.ZipFile(built.wheel) as archive:
        archive.extractall(packages)
    dependencies.mkdir()
    (info,) = packages.glob("*.dist-info")
    for required in _closure(PathDistribution(info)):
        for entry in _top_level(required):
            link = dependencies / entry.name
            if not link.exists():
                link.symlink_to(entry)
    return Installation(f"{packages}:{dependencies}", root)


def _names(wheel: Path) -> frozenset[str]:
    with zipfile.ZipFile(wheel) as archive:
        return frozenset(archive.namelist())


def _closure(root: Distribution) -> list[Distribution]:
    """Return the installed distributions that a distribution requires, directly or not."""
    pending, required = [(root, "")], dict[str, Distribution]()
    while pending:
        dist, extra = pending.pop()
        for requirement in map(Requirement, dist.requires or ()):
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
            if applies and requirement.name.lower() not in required:
                child = distribution(requirement.name)
                required[requirement.name.lower()] = child
                pending += [(child, name) for name in ("", *requirement.extras)]
    return list(required.values())


def _top_level(dist: Distribution) -> Iterator[Path]:
    """Yield the files and folders of a distribution in site-packages."""
    names = {file.parts[0] for file in dist.files or ()} - {"..", "__pycache__"}
    yield from (Path(str(dist.locate_file(name))) for name in sorted(names))
