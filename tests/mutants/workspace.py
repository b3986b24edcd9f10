"""A copy of the tree in the user's cache, so that no mutated file ever stands in the checkout."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.cache import root as cache_root

CHECKOUT = Path(__file__).parents[2]


@contextmanager
def workspace() -> Iterator[Path]:
    """Yield the folder `mutants` of the cache, locked, with the current files of the checkout in `tree`."""
    base = cache_root() / "mutants"
    base.mkdir(parents=True, exist_ok=True)
    with (base / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _synchronize(base / "tree")
        yield base


def _synchronize(tree: Path) -> None:
    """Copy what differs and delete the rest; an interrupted run may have left a mutated file."""
    files = _files()
    for path in files:
        _copy(CHECKOUT / path, tree / path)
    stale = {path.relative_to(tree) for path in tree.rglob("*.py")} - set(files)
    for path in stale:
        (tree / path).unlink()


def _copy(source: Path, target: Path) -> None:
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def _files() -> list[Path]:
    git = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    listing = subprocess.run(git, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    return [path for name in listing.split("\0") if name and (CHECKOUT / (path := Path(name))).is_file()]


def environment(tree: Path) -> dict[str, str]:
    """Return the environment of test processes: imports from the copy, no bytecode of mutated files, fixed laws."""
    return {
        **os.environ,
        "CI": "true",
        "PYTHONPATH": os.pathsep.join(str(tree / folder) for folder in ("operator", "emulator", ".")),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TZ": "UTC",
    }
