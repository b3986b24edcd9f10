"""Each import contract fails when it is broken: a contract that cannot fail protects nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.names import ROOT

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"
BREACHES = [
    ("core/nsg.py", "import nsg_baseline.engine.run", "imports go one way"),
    ("azure/read.py", "import nsg_baseline.kube.store", "imports go one way"),
    ("alerts/message.py", "import nsg_baseline.azure.errors", "imports go one way"),
    ("core/nsg.py", "import socket", "the core is pure"),
    ("api/rule.py", "import kopf", "the core is pure"),
    ("alerts/templating.py", "import jinja2", "only the process that renders templates uses Jinja"),
    ("engine/run.py", "import azure.storage.queue.aio", "only the azure edge uses the Azure SDK"),
    ("engine/run.py", "import nsg_emulator.arm", "only the demo and the emulator command import the emulator"),
    ("../../emulator/nsg_emulator/arm/store.py", "import nsg_baseline", "the emulator imports nothing of the operator"),
]


@pytest.mark.parametrize(("file", "line", "contract"), BREACHES)
def test_a_breach_is_reported(file: str, line: str, contract: str, tmp_path: Path) -> None:
    for folder in ("operator", "emulator"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    broken = tmp_path / "operator" / "nsg_baseline" / file
    broken.write_text(f"{line}\n{broken.read_text()}")
    environment = {"PYTHONPATH": f"{tmp_path / 'operator'}:{tmp_path / 'emulator'}", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", LINT], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout
