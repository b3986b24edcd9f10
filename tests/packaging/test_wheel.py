"""The distributions that ship: what they contain, and that the operator's wheel works without the emulator."""

import json
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from nsg_baseline.cli.main import COMMANDS
from tests.packaging.conftest import Built, Installation
from tests.support.nsgs import nsg
from tests.support.rule_shorthand import arm_rule

WEB = "100 web allow tcp Internet -> *:443"
SSH = "200 open-ssh allow tcp Internet -> *:22"
INSTALL = "pip install 'nsg-baseline-operator[demo]'"


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def test_the_operator_wheel_contains_neither_emulator_nor_demo_data(built: Built) -> None:
    # The emulator mints tokens and accepts any credential: it must not reach a production image.
    folders = {name.split("/")[0] for name in built.wheel_files}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"nsg_baseline"}
    assert [name for name in built.wheel_files if "emulator" in name and name != "nsg_baseline/cli/emulator.py"] == []
    kinds = {Path(name).suffix for name in built.wheel_files if name.startswith("nsg_baseline/")}
    assert kinds == {".py", ".css", ".typed"}


def test_the_operator_wheel_contains_its_data_files(built: Built) -> None:
    # Hatchling selects files by pattern; a missing stylesheet or type marker shows only after installation.
    assert "nsg_baseline/py.typed" in built.wheel_files
    assert "nsg_baseline/cli/render/report.css" in built.wheel_files
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in built.wheel_files)


def test_the_sdist_contains_sources_and_crds_only(built: Built) -> None:
    folders = {name.split("/")[0] for name in built.sdist_files if "/" in name}
    assert folders == {"operator", "crds"}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= built.sdist_files


def test_the_emulator_wheel_contains_the_demo_data(built: Built) -> None:
    # `pip install 'nsg-baseline-operator[demo]'` must be enough for `nsgb demo`.
    folders = {name.split("/")[0] for name in built.emulator_wheel_files}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"nsg_emulator"}
    assert "nsg_emulator/samples/nsgs.json" in built.emulator_wheel_files
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in built.emulator_wheel_files)


def test_the_metadata_declares_the_demo_extra(built: Built) -> None:
    # The error message of `nsgb demo` names this extra.
    fields = metadata(built.wheel)
    assert fields.get_all("Provides-Extra") == ["demo"]
    required = fields.get_all("Requires-Dist") or []
    assert [line for line in required if "extra" in line] == ["nsg-emulator==0.1.0; extra == 'demo'"]
    assert not any("jsonpatch" in line for line in required)


def test_plan_lint_diff_probe_and_import_run_from_the_wheel(installation: Installation) -> None:
    # Pipelines install the wheel alone. One test: each step reads the file of the step before.
    live, changed = json.dumps([nsg([arm_rule(WEB)])]), json.dumps([nsg(map(arm_rule, (WEB, SSH)))])
    imported = installation.run("import", "--live", "-", text=live)
    assert (imported.returncode, imported.stderr) == (0, "")
    (installation.home / "web.yaml").write_text(imported.stdout)
    plan = installation.run("plan", "-f", "web.yaml", "--live", "-", text=changed)
    assert (plan.returncode, plan.stderr) == (2, "")
    assert "RuleCreated open-ssh" in plan.stdout
    assert installation.run("lint", "web.yaml").returncode == 0
    assert installation.run("diff", "web.yaml", "web.yaml").returncode == 0
    probe = installation.run("probe", "web.yaml", "--source", "Internet", "--port", "443")
    assert (probe.returncode, probe.stderr) == (0, "")
    assert "allowed by web (100)" in probe.stdout


def test_every_command_loads_from_the_wheel(installation: Installation) -> None:
    # One process for all commands, since each import of the Kubernetes and Azure clients takes a second.
    names = ", ".join(f"'{command.module}'" for command in COMMANDS.values())
    loaded = installation.python(f"from importlib import import_module\nfor name in ({names}): import_module(name)")
    assert (loaded.returncode, loaded.stderr) == (0, "")


@pytest.mark.parametrize("command", ["run", "demo", "emulator"])
def test_help_works_from_the_wheel(installation: Installation, command: str) -> None:
    # Also of `demo` and `emulator`: help is how people learn that they need the extra.
    shown = installation.run(command, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"Usage: nsgb {command}")


@pytest.mark.parametrize("command", ["demo", "emulator"])
def test_commands_that_need_the_emulator_say_what_to_install(installation: Installation, command: str) -> None:
    shown = installation.run(command)
    assert (shown.returncode, shown.stdout) == (1, "")
    (line,) = shown.stderr.splitlines()
    assert line.startswith("nsgb: ")
    assert INSTALL in line


def test_undeclared_modules_are_not_importable_in_the_installation(installation: Installation) -> None:
    # Without this, the tests above could pass because of the developer's environment.
    loaded = installation.python("import nsg_baseline, kopf")
    assert (loaded.returncode, loaded.stderr) == (0, "")
    for module in ("nsg_emulator", "pytest", "hypothesis"):
        assert f"No module named '{module}'" in installation.python(f"import {module}").stderr
