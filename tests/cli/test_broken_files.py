"""Broken files end with one line that names the file, the line and the fix, and never with a traceback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from nsg_baseline.cli.main import nsgb
from tests.support.baselines import write_baseline
from tests.support.nsgs import NSG

WEB = "100 web allow tcp Internet -> *:443"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("? [1, 2]\n: 3\n", "1: invalid YAML: a key must be text"),
        ("kind: NSGBaseline\n? {a: 1}\n: 3\n", "2: invalid YAML: a key must be text"),
        ("a:\n\tb: 1\n", "2: invalid YAML: found character that cannot start any token; indent with spaces"),
        ("a: !!python/object:os.system x\n", "1: invalid YAML: could not determine a constructor for the tag"),
        ("a: [b", "invalid YAML: did not find expected"),
        ("[" * 20_000, "invalid YAML: exceeded maximum nesting depth"),
        ("apiVersion: v1\nkind: List\nitems: 5\n", "3: items: must be a list"),
        ("", " contains no NSGBaseline"),
        ("# comment\n---\n", " contains no NSGBaseline"),
    ],
)
@pytest.mark.parametrize("command", [("lint",), ("plan", "--live", "LIVE", "-f")])
def test_a_broken_baseline_file_is_one_line(tmp_path: Path, command: tuple[str, ...], text: str, message: str) -> None:
    (tmp_path / "live.json").write_text("[]")
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    arguments = [str(tmp_path / "live.json") if part == "LIVE" else part for part in command]
    result = CliRunner().invoke(nsgb, [*arguments, str(file)])
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1), result.stderr
    assert result.stderr.startswith(f"nsgb: {file}:")
    assert message in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; JSON is expected"),
        ("kind: NSGBaseline\n", "1: invalid JSON"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        (f'[{{"id": {"9" * 5000}}}]', "a number has too many digits"),
        ("[1]", "[0]: not an NSG; pass the unfiltered output"),
        (json.dumps([{"id": NSG, "name": "web"}]), "properties.securityRules is missing; pass the unfiltered output"),
    ],
)
@pytest.mark.parametrize(
    "command", [("import", "--live"), ("probe",), ("plan", "-f", "BASELINE", "--live"), ("lint", "BASELINE", "TAGS")]
)
def test_a_broken_json_file_is_one_line(tmp_path: Path, command: tuple[str, ...], text: str, message: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    places = {"BASELINE": write_baseline(tmp_path / "web.yaml", WEB), "TAGS": "--service-tags"}
    result = CliRunner().invoke(nsgb, [*(places.get(part, part) for part in command), str(file)])
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1), result.stderr
    assert result.stderr.startswith(f"nsgb: {file}:")
    # The error about a service tags file has other words.
    assert message in result.stderr or ("TAGS" in command and "not a service tags file" in result.stderr)


def test_an_empty_folder_of_baselines_is_allowed(tmp_path: Path) -> None:
    # A repository without baselines yet: the plan lists the NSGs that need one.
    (tmp_path / "live.json").write_text("[]")
    (tmp_path / "baselines").mkdir()
    result = CliRunner().invoke(
        nsgb, ["plan", "-f", str(tmp_path / "baselines"), "--live", str(tmp_path / "live.json")]
    )
    assert (result.exit_code, result.stdout) == (0, "0 baselines, 0 drifted, 0 NSGs without a baseline\n")


def test_a_closed_standard_input_is_named() -> None:
    # Python replaces a closed standard input by None.
    command = f"exec {sys.executable} -m nsg_baseline.cli lint - <&-"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "nsgb: -: standard input is closed\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--state", "deep.json"), "--state: deep.json: not JSON: nested too deeply"),
        (("--save", "folder"), "is a directory"),
        (("--save", "missing/state.json"), "--save: folder missing does not exist"),
        (("--host", "192.0.2.1"), "--host 192.0.2.1, --port 0: cannot listen"),
    ],
)
def test_the_emulator_names_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "folder").mkdir()
    result = CliRunner().invoke(nsgb, ["emulator", *arguments])
    assert result.exit_code != 0
    assert message in result.stderr
