"""Where the test tools are kept between runs: outside the checkout, under a key of all that decides their bytes."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def root() -> Path:
    """The project's folder in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "nsg-baseline-operator"


def key(*parts: str | bytes) -> str:
    """Sixteen hex digits of a digest over all parts; their borders count."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()[:16]


def kept(name: str, fill: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache, filled by `fill` unless it is there already.

    A lock lets parallel runs fill it once. It gets its name only when it is whole, so that a run that was killed
    leaves nothing that a later one takes for finished.
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
    for left_over in folder.parent.glob(f".{folder.name}.*"):  # of a killed run: the lock is ours, so nobody fills it
        shutil.rmtree(left_over)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        fill(aside)
        aside.chmod(0o755)
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside)
        raise
