"""Unreadable input never exits with 0: pipelines let a change through on the exit code alone."""

import json
import os
import subprocess
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from typing_extensions import override

from nsg_baseline.cli import main
from nsg_baseline.cli.main import nsgb
from tests.support.baselines import write_baseline
from tests.support.nsgs import NSG
from tests.support.rule_shorthand import arm_rule

WEB = "100 web allow tcp Internet -> *:443"
SSH = "200 ssh allow tcp Internet -> *:22"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(nsgb, arguments)


def live(*rules: str) -> dict[str, Any]:
    documents = [{"name": fields["name"], "properties": {**fields}} for fields in map(arm_rule, rules)]
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
def test_an_nsg_missing_from_a_page_exits_with_1(baseline: str, page: str, form: str) -> None:
    result = run("plan", "-f", baseline, "--live", page, "-o", form)
    assert result.exit_code == 1
    assert "in order" not in result.stdout
    # An empty list would claim that no NSG lacks a baseline.
    assert ('"unbaselined": null' in result.stdout) == (form == "json")
    assert {"json": '"unknown": 1', "yaml": "unknown: 1", "junit": 'skipped="1"'}.get(
        form, "1 unknown"
    ) in result.stdout
    assert "next page" in result.stderr


def test_a_page_is_not_imported(page: str) -> None:
    result = run("import", "--live", page)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "next page" in result.stderr


@pytest.mark.parametrize("command", [("lint",), ("plan", "--live", "LIVE", "-f")])
def test_a_folder_that_cannot_be_read_is_an_error(
    baseline: str, page: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # os.walk skips folders that it cannot enter. Tests may run as root, so the error is simulated.
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
def test_an_unknown_kind_of_the_api_group_is_an_error(baseline: str, page: str, command: tuple[str, ...]) -> None:
    # Skipping a misspelled kind would leave its NSG unwatched without notice.
    odd = Path(baseline).with_name("odd.yaml")
    odd.write_text("apiVersion: nsg-baseline.io/v1alpha1\nmetadata: {name: odd}\nkind: NSGBaselin\n")
    result = run(*(page if argument == "LIVE" else argument for argument in command), str(odd.parent))
    assert result.exit_code == 1
    assert f"{odd}:3: kind: 'NSGBaselin' is unknown; use one of NSGBaseline, NSGScope" in result.stderr


def test_different_documents_of_one_nsg_are_an_error(tmp_path: Path, baseline: str) -> None:
    # The result depends on which of the two is live.
    file = tmp_path / "live.json"
    file.write_text(json.dumps([live(WEB, SSH), live(WEB)]))
    result = run("plan", "-f", baseline, "--live", str(file))
    assert result.exit_code == 1
    assert "[1]: same NSG as [0], with different content" in result.stderr
    file.write_text(json.dumps([live(WEB), live(WEB)]))
    assert run("plan", "-f", baseline, "--live", str(file)).exit_code == 0


def test_a_file_without_a_baseline_is_an_error_and_not_a_removal(tmp_path: Path, baseline: str) -> None:
    # The wrong file must not read as a removal. The last baseline of a folder can be removed.
    file = tmp_path / "live.json"
    file.write_text(json.dumps(live(WEB)))
    result = run("diff", baseline, str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "contains no NSGBaseline" in result.stderr
    (tmp_path / "empty").mkdir()
    assert "the baseline is removed" in run("diff", baseline, str(tmp_path / "empty")).stdout


def test_an_empty_port_list_keeps_the_default_ports(tmp_path: Path, baseline: str) -> None:
    # An unset variable of a pipeline must not lower a severity.
    file = tmp_path / "live.json"
    file.write_text(json.dumps(live(WEB, SSH)))
    result = run("plan", "-f", baseline, "--live", str(file), "--management-ports", "")
    assert "critical" in result.stdout


def test_duplicate_baselines_and_targets_are_findings(tmp_path: Path, baseline: str) -> None:
    twin = write_baseline(tmp_path / "baselines" / "xweb.yaml", WEB)
    result = run("lint", str(Path(baseline).parent), "-o", "yaml")
    assert result.exit_code == 2
    findings = yaml.safe_load(result.stdout)["findings"]
    assert [finding["id"] for finding in findings] == ["DuplicateBaseline", "DuplicateTarget"]
    assert {finding["file"] for finding in findings} == {twin}
    assert f"{baseline}:" in findings[1]["message"]


def test_a_write_error_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # A traceback does not help users who misspelled a folder.
    def write(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "x"))

    monkeypatch.setattr(main.nsgb, "main", write)
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    main.main()
    assert ended == [1]
    assert capfd.readouterr().err == f"nsgb: {tmp_path / 'x'}: No space left on device\n"


def test_the_folder_of_a_report_is_checked_before_the_cluster_is_read() -> None:
    result = run("report", "--to", "/nowhere/at/all.html")
    assert (result.exit_code, result.stderr) == (1, "nsgb: --to: folder /nowhere/at does not exist; create it first\n")
    assert "is in the future" in run("report", "--since", "2999-01-01T00:00:00Z").stderr


@pytest.mark.parametrize("context", [(), ("--context", "production")])
def test_a_missing_kubeconfig_is_one_line_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: tuple[str, ...]
) -> None:
    # The library reports that the key current-context is missing.
    missing = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(missing))
    result = run("incidents", *context)
    fix = "check KUBECONFIG, --kubeconfig and --context"
    assert result.stderr == f"nsgb: the cluster cannot be read: no kubeconfig at {missing}; {fix}\n"


def test_a_kubeconfig_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    result = run("incidents", "--kubeconfig", str(tmp_path))
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert f"the cluster cannot be read: {tmp_path}: Is a directory; check" in result.stderr


@pytest.mark.parametrize(("command", "option"), [("report", "--to"), ("emulator", "--save")])
def test_a_read_only_output_file_is_reported_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, option: str
) -> None:
    # The emulator writes its state when it ends. An error then would lose the state.
    monkeypatch.setattr(os, "access", lambda *_: False)
    file = tmp_path / "out"
    result = run(command, option, str(file))
    fix = "pass a file in a folder that you may write to"
    assert (result.exit_code, result.stderr) == (1, f"nsgb: {option}: {file} cannot be written; {fix}\n")


def test_an_invalid_kubeconfig_is_one_line(tmp_path: Path) -> None:
    odd = tmp_path / "kubeconfig"
    odd.write_bytes(b"\x80\x81")
    result = run("incidents", "--kubeconfig", str(odd))
    assert result.exit_code == 1
    assert f"{odd} is not a valid kubeconfig" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("plan", "-f", "web.yaml", "-n", "team-web"), "--namespace has no effect with -f"),
        (("plan", "-n", "team-web", "-A"), "--namespace has no effect with -A"),
        (("import", "--live", "nsgs.json", "--subscription", "1"), "--subscription has no effect with --live"),
        (("import", "--live", "nsgs.json", "--resource-group", "rg"), "--resource-group has no effect with --live"),
        (("incidents", "-n", "team-web", "-A"), "--namespace has no effect with -A"),
        (("plan", "-f", "-", "--live", "-"), "- can be used only once"),
        (("diff", "-", "-"), "- can be used only once"),
        (("lint", "-", "-g", "-"), "- can be used only once"),
        (("plan", "-f", "-", "--live", "nsgs.json", "-g", "-"), "- can be used only once"),
        (("guardrail", "-g", "-", "--live", "-"), "- can be used only once"),
        (("approve", "web", "-f", "-", "--live", "-"), "- can be used only once"),
        (("probe", "web.yaml", "--protocol", "icmp", "--port", "22"), "--port has no effect with --protocol Icmp"),
        (("probe", "web.yaml", "--protocol", "esp", "--source-port", "0"), "--source-port has no effect"),
        (("lint", "web.yaml", "--management-udp-ports", "dns"), "nsgb: --management-udp-ports: 'dns'"),
        (("lint", "web.yaml", "--severity", "InternetToWeb"), "nsgb: --severity: InternetToWeb: ''"),
        (("import", "--live", "nsgs.json", "-n", "Team_Web"), "--namespace: 'Team_Web' is not a namespace"),
        (("import", "--live", "nsgs.json", "-n", ""), "--namespace: '' is not a namespace"),
        (("approve", "web", "--reason", "INC-42"), "--reason and --by require --until"),
        (("approve", "web", "-f", "web.yaml", "--apply"), "--apply patches the cluster"),
    ],
)
def test_options_without_effect_are_rejected(arguments: tuple[str, ...], message: str) -> None:
    # A user who passes an option expects it to matter.
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_written_by_powershell_are_read(tmp_path: Path, baseline: str, encoding: str) -> None:
    # Windows PowerShell redirects to UTF-16, and many editors add a byte order mark.
    file = tmp_path / "live.json"
    file.write_text(json.dumps(live(WEB)).replace(", ", ",\r\n"), encoding=encoding)
    assert run("plan", "-f", baseline, "--live", str(file)).exit_code == 0


def test_other_encodings_are_named(tmp_path: Path, baseline: str) -> None:
    file = tmp_path / "live.json"
    file.write_bytes(b'{"name": "\xe9"}')
    result = run("plan", "-f", baseline, "--live", str(file))
    assert (result.exit_code, result.stderr) == (1, f"nsgb: {file}: not UTF-8 or UTF-16 text; save it as UTF-8\n")


def test_several_live_files_are_merged(tmp_path: Path, baseline: str, page: str) -> None:
    # Lists of several subscriptions are separate files.
    web, db = tmp_path / "web.json", tmp_path / "db.json"
    web.write_text(json.dumps([live(WEB)]))
    db.write_text(json.dumps([{**live(SSH), "id": NSG.replace("/web", "/db")}]))
    result = run("plan", "-f", baseline, "--live", str(web), "--live", str(db))
    assert result.stdout.endswith("1 baseline, 0 drifted, 1 NSG without a baseline\n")
    assert run("plan", "-f", baseline, "--live", str(web), "--live", page).exit_code == 1
    assert run("import", "--live", str(web), "--live", str(db)).stdout.count("kind: NSGBaseline") == 2


def test_live_files_that_disagree_are_an_error(tmp_path: Path, baseline: str) -> None:
    # The result depends on which of the two is live.
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps([live(WEB)]))
    new.write_text(json.dumps([live(WEB, SSH)]))
    result = run("plan", "-f", baseline, "--live", str(old), "--live", str(new))
    assert result.exit_code == 1
    assert f"{new}:1: NSG web has different content in another file" in result.stderr


def test_live_files_that_differ_in_the_case_of_an_id_agree(tmp_path: Path, baseline: str) -> None:
    # Azure changes the case of ids between responses; the same NSG is not another one.
    lower, upper = tmp_path / "lower.json", tmp_path / "upper.json"
    lower.write_text(json.dumps([live(WEB)]))
    upper.write_text(json.dumps([{**live(WEB), "id": NSG.replace("resourceGroups", "resourcegroups").upper()}]))
    result = run("plan", "-f", baseline, "--live", str(lower), "--live", str(upper))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith("1 baseline, 0 drifted, 0 NSGs without a baseline\n")


@pytest.mark.parametrize("name", ["10e12", "y", "NO", "1_000", "0o17", "0x1f", "2026-01-01", "null", "1.5", "web"])
def test_imported_names_are_strings_for_every_yaml_reader(tmp_path: Path, name: str) -> None:
    # YAML readers disagree about unquoted scalars: kubectl reads 10e12 as a number.
    file = tmp_path / "live.json"
    document = live(WEB)
    document["properties"]["securityRules"][0]["name"] = name
    file.write_text(json.dumps(document))
    text = run("import", "--live", str(file)).stdout
    assert yaml.safe_load(text)["spec"]["rules"][0]["name"] == name
    assert (f"name: '{name}'" in text) == (name != "web")


def test_an_import_without_nsgs_is_an_error(tmp_path: Path) -> None:
    # An empty file of baselines would leave everything unwatched.
    file = tmp_path / "live.json"
    file.write_text("[]")
    result = run("import", "--live", str(file))
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "nsgb: the input contains no NSG\n")


class Refusal(BaseHTTPRequestHandler):
    """Refuses each request, as a proxy does in front of the metadata service."""

    def do_GET(self) -> None:
        self.send_response(HTTPStatus.FORBIDDEN)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()

    @override
    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


def test_missing_azure_credentials_are_one_line_that_names_the_variables(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Refusal) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        environment = {"PATH": os.environ["PATH"], "HTTP_PROXY": f"http://127.0.0.1:{proxy.server_port}"}
        command = (sys.executable, "-m", "nsg_baseline.cli", "import", "--subscription", NSG.split("/")[2])
        result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        proxy.shutdown()
    # azure-identity logs each credential that failed, with the proxy's page.
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1), result.stderr
    assert "set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET" in result.stderr


def test_a_name_that_azure_refuses_is_explained_without_a_regular_expression(tmp_path: Path, baseline: str) -> None:
    text = Path(baseline).read_text()
    file = tmp_path / "odd.yaml"
    file.write_text(text.replace("name: web\n", 'name: "a b"\n').replace("name: web,", 'name: "a b",'))
    result = run("lint", str(file))
    assert "must be the name of a rule: letters, digits, _, . and -" in result.stdout
    assert "^" not in result.stdout


@pytest.mark.parametrize(("option", "field"), [("--reason", "reason"), ("--by", "approvedBy")])
def test_an_approval_that_the_cluster_would_refuse_is_an_error(
    tmp_path: Path, baseline: str, option: str, field: str
) -> None:
    file = tmp_path / "live.json"
    file.write_text(json.dumps(live(WEB, SSH)))
    name = str(yaml.safe_load(Path(baseline).read_text())["metadata"]["name"])
    words = {"--reason": "INC-42", "--by": "jo", option: "x" * 300}
    options = [part for pair in words.items() for part in pair]
    result = run("approve", name, "-f", baseline, "--live", str(file), "--until", "4h", *options)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"would be invalid: spec.exceptions[0].{field}: must have at most 256 characters" in result.stderr


@pytest.mark.parametrize(
    ("before", "after", "line", "field"),
    [
        ("name: web", "name: Web_1", 4, "metadata.name"),
        ("name: web", f"name: {'w' * 254}", 4, "metadata.name"),
        ("name: web", "name: web..a", 4, "metadata.name"),
        ("namespace: team-web", "namespace: Team", 5, "metadata.namespace"),
        ("name: web", f"name: {'w' * 63}.9", None, ""),
    ],
)
def test_a_name_that_the_cluster_would_refuse_is_an_error(
    tmp_path: Path, baseline: str, before: str, after: str, line: int | None, field: str
) -> None:
    # A pipeline lints before kubectl apply.
    file = tmp_path / "odd.yaml"
    file.write_text(Path(baseline).read_text().replace(before, after, 1))
    (tmp_path / "live.json").write_text(json.dumps(live(WEB)))
    linted, planned = run("lint", str(file)), run("plan", "-f", str(file), "--live", str(tmp_path / "live.json"))
    if line is None:
        assert (linted.exit_code, planned.exit_code) == (0, 0)
    else:
        assert f"{file}:{line}: error InvalidForm: {field}: must" in linted.stdout
        assert planned.stderr.startswith(f"nsgb: {file}:{line}: {field}: must")


def test_a_closed_standard_output_is_an_error(baseline: str) -> None:
    # `nsgb lint FILE >&-` would exit with 0 although nobody has seen a finding.
    command = ["sh", "-c", 'exec "$0" -m nsg_baseline.cli lint "$1" >&-', sys.executable, baseline]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "nsgb: standard output is closed\n")
