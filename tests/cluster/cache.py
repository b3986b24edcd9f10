"""The cache of test tools between runs: outside the checkout, under a key of everything that determines their bytes."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def root() -> Path:
    """Return the project's folder in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "nsg-baseline-operator"


def key(*parts: str | bytes) -> str:
    """Return 16 hex digits of a digest over all parts, with their boundaries."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()[:16]


def kept(name: str, fill: Callable[[Path], None]) -> Path:
    """Return the folder `name` of the cache; `fill` creates it if it does not exist.

    A lock makes parallel runs fill it once. It gets its name when it is complete, so that a killed run
    leaves no partial folder that a later run would use.
    """
    base = root()
    base.mkdir(parents=True, exist_ok=True)
    folder = base / name
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _fill_aside(folder, fill)
    return folder


def _fill_aside(folder: Path, fill: Callable[[Path], None]) -> None:
    for left_over in folder.parent.glob(
        f".{folder.name}.*"
    ):  # from a killed run: this run holds the lock, so no other run fills the folder
        shutil.rmtree(left_over)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        fill(aside)
        aside.chmod(0o755)
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside)
        raise
