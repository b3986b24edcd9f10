"""What could not be read is never in order: the exit of a pipeline's command is what lets a change through."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from nsg_baseline.cli import main
from nsg_baseline.cli.main import nsgb
from tests.support.baselines import write_baseline
from tests.support.nsgs import NSG
from tests.support.rule_shorthand import terse

WEB = "100 web allow tcp Internet -> *:443"
SSH = "200 ssh allow tcp Internet -> *:22"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(nsgb, arguments)


def live(*rules: str) -> dict[str, Any]:
    documents = [{"name": fields["name"], "properties": {**fields}} for fields in map(terse, rules)]
    return {"id": NSG, "name": "web", "properties": {"provisioningState": "Succeeded", "securityRules": documents}}


@pytest.fixture
def baseline(tmp_path: Path) -> str:
    return write_baseline(tmp_path / "baselines" / "web.yaml", WEB)


@pytest.fixture
def page(tmp_path: Path) -> str:
    file = tmp_path / "page.json"
    file.write_text(json.dumps({"value": [], "nextLink": "https://management.azure.com/next"}))
    return str(file)


@pytest.mark.parametrize("form", ["table", "json", "yaml", "markdown", "junit"])
def test_a_page_without_the_nsg_is_not_in_order(baseline: str, page: str, form: str) -> None:
    result = run("plan", "-f", baseline, "--live", page, "-o", form)
    assert result.exit_code == 1
    assert "in order" not in result.stdout
    assert {"json": '"unknown": 1', "yaml": "unknown: 1", "junit": 'skipped="1"'}.get(
        form, "1 unknown"
    ) in result.stdout
    assert "next page" in result.stderr


def test_a_page_is_not_imported_for_the_whole(page: str) -> None:
    result = run("import", "--live", page)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "next page" in result.stderr


@pytest.mark.parametrize("command", [("lint",), ("plan", "--live", "LIVE", "-f")])
def test_a_folder_that_cannot_be_read_is_an_error(
    baseline: str, page: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # os.walk passes over what it cannot enter; root can enter everything, so the refusal is made here.
    hidden = Path(baseline).parent / "hidden"
    hidden.mkdir()
    scan = os.scandir

    def refusing(path: str) -> Any:
        if Path(path) == hidden:
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    result = run(*(page if argument == "LIVE" else argument for argument in command), str(Path(baseline).parent))
    assert result.exit_code == 1
    assert f"{hidden}: Permission denied" in result.stderr


@pytest.mark.parametrize("command", [("lint",), ("plan", "--live", "LIVE", "-f")])
def test_a_misspelled_kind_of_our_own_is_an_error(baseline: str, page: str, command: tuple[str, ...]) -> None:
    # Passed over, it would watch nothing, and nobody would know.
    odd = Path(baseline).with_name("odd.yaml")
    odd.write_text("apiVersion: nsg-baseline.io/v1alpha1\nmetadata: {name: odd}\nkind: NSGBaselin\n")
    result = run(*(page if argument == "LIVE" else argument for argument in command), str(odd.parent))
    assert result.exit_code == 1
    assert f"{odd}:3: kind: 'NSGBaselin' is unknown; use one of NSGBaseline, NSGScope" in result.stderr


def test_two_accounts_of_one_nsg_are_an_error(tmp_path: Path, baseline: str) -> None:
    # Which of the two is live decides whether a door is open.
    file = tmp_path / "live.json"
    file.write_text(json.dumps([live(WEB, SSH), live(WEB)]))
    result = run("plan", "-f", baseline, "--live", str(file))
    assert result.exit_code == 1
    assert "[1]: same NSG as [0], with different content" in result.stderr
    file.write_text(json.dumps([live(WEB), live(WEB)]))
    assert run("plan", "-f", baseline, "--live", str(file)).exit_code == 0


def test_a_file_without_a_baseline_is_no_removal(tmp_path: Path, baseline: str) -> None:
    # Somebody compares with the wrong file. The last baseline of a folder may go.
    file = tmp_path / "live.json"
    file.write_text(json.dumps(live(WEB)))
    result = run("diff", baseline, str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "contains no NSGBaseline" in result.stderr
    (tmp_path / "empty").mkdir()
    assert "the baseline is removed" in run("diff", baseline, str(tmp_path / "empty")).stdout


def test_ports_that_are_left_empty_are_not_no_ports(tmp_path: Path, baseline: str) -> None:
    # A pipeline's variable that is not set must not turn a critical change into a high one.
    file = tmp_path / "live.json"
    file.write_text(json.dumps(live(WEB, SSH)))
    result = run("plan", "-f", baseline, "--live", str(file), "--management-ports", "")
    assert "critical" in result.stdout


def test_two_baselines_of_one_nsg_are_found(tmp_path: Path, baseline: str) -> None:
    twin = write_baseline(tmp_path / "baselines" / "xweb.yaml", WEB)
    result = run("lint", str(Path(baseline).parent), "-o", "yaml")
    assert result.exit_code == 2
    findings = yaml.safe_load(result.stdout)["findings"]
    assert [finding["id"] for finding in findings] == ["DuplicateBaseline", "DuplicateTarget"]
    assert {finding["file"] for finding in findings} == {twin}
    assert f"{baseline}:" in findings[1]["message"]


def test_what_cannot_be_written_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # A traceback says nothing to whoever misspelled a folder.
    def write(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "x"))

    monkeypatch.setattr(main.nsgb, "main", write)
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    main.main()
    assert ended == [1]
    assert capfd.readouterr().err == f"nsgb: {tmp_path / 'x'}: No space left on device\n"


def test_the_folder_of_a_report_is_looked_for_before_the_cluster_is_asked() -> None:
    result = run("report", "--to", "/nowhere/at/all.html")
    assert (result.exit_code, result.stderr) == (1, "nsgb: --to: folder /nowhere/at does not exist\n")
    assert "is in the future" in run("report", "--since", "2999-01-01T00:00:00Z").stderr


def test_what_is_no_kubeconfig_is_told_in_a_line(tmp_path: Path) -> None:
    odd = tmp_path / "kubeconfig"
    odd.write_bytes(b"\x80\x81")
    result = run("incidents", "--kubeconfig", str(odd))
    assert result.exit_code == 1
    assert f"{odd} is no kubeconfig" in result.stderr
