"""The output of nsgb lint."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from nsg_baseline.cli.main import nsgb
from tests.support.baselines import write_baseline
from tests.support.rule_shorthand import arm_rule

WEB = "100 web allow tcp Internet -> *:443"
SSH = "200 ssh allow tcp Internet -> *:22"


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(nsgb, ["lint", *arguments], input=text)


def lint_findings(*arguments: str) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = json.loads(run(*arguments, "-o", "json").stdout)["findings"]
    return findings


def test_a_finding_is_one_line_with_file_line_id_and_fix(tmp_path: Path) -> None:
    # Editors and CI logs turn file:line into a link. The rest must be clear without the documentation.
    file = write_baseline(tmp_path / "web.yaml", WEB, SSH)
    result = run(file)
    assert result.exit_code == 2
    line = (tmp_path / "web.yaml").read_text().splitlines().index("  - name: ssh") + 1
    assert result.stdout.splitlines() == [
        (
            f"{file}:{line}: warning OpenToInternet: rule ssh opens TCP 22 to the Internet (critical); name the "
            "addresses that need it, or reach it through Bastion, a VPN or just-in-time access"
        ),
        "1 warning",
    ]


def test_no_findings_exit_with_0(tmp_path: Path) -> None:
    result = run(write_baseline(tmp_path / "web.yaml", WEB))
    assert (result.exit_code, result.stdout) == (0, "no findings\n")


@pytest.mark.parametrize(("level", "code"), [("error", 0), ("warning", 2), ("note", 2), ("never", 0)])
def test_the_exit_code_follows_fail_on(tmp_path: Path, level: str, code: int) -> None:
    # Some pipelines must fail only on values that Azure rejects.
    assert run(write_baseline(tmp_path / "web.yaml", WEB, SSH), "--fail-on", level).exit_code == code


@pytest.mark.parametrize(
    ("fields", "expected", "fix"),
    [
        ({"sourceAddressPrefix": None, "sourceAddressPrefixes": ["*", "10.0.0.0/8"]}, "StarInList", "singular field"),
        ({"sourceAddressPrefix": None, "sourceAddressPrefixes": ["Internet"]}, "TagInList", "separate rule"),
        ({"sourceAddressPrefix": None, "sourceAddressPrefixes": ["10.0.0.0/8", "fd00::/8"]}, "MixedFamilies", "rule"),
        ({"destinationPortRange": None, "destinationPortRanges": ["*", "80"]}, "StarInList", "singular field"),
        ({"name": "WEB", "priority": 300}, "DuplicateName", "unique name"),
        ({"priority": 100}, "DuplicatePriority", "priority"),
        ({"priority": 99}, "InvalidForm", "explain"),
    ],
)
def test_values_that_azure_rejects_are_errors_with_a_fix(
    tmp_path: Path, fields: dict[str, Any], expected: str, fix: str
) -> None:
    # Lint must report all of them before the baseline is applied.
    odd = {key: value for key, value in {**arm_rule(SSH), **fields}.items() if value is not None}
    findings = lint_findings(write_baseline(tmp_path / "web.yaml", WEB, odd))
    assert [finding["id"] for finding in findings if finding["level"] == "error"] == [expected]
    error = next(finding for finding in findings if finding["id"] == expected)
    assert fix in error["fix"], error


def test_too_many_rules_and_addresses_are_errors(tmp_path: Path) -> None:
    # Azure's limits: 1,000 rules, 4,000 addresses for each side.
    rules = [f"{100 + n} r{n} allow tcp 10.0.0.{n % 250} -> *:{n + 1}" for n in range(1001)]
    assert [finding["id"] for finding in lint_findings(write_baseline(tmp_path / "a.yaml", *rules))] == ["TooManyRules"]
    wide = [
        f"{100 + k} w{k} allow tcp {','.join(f'10.{k}.{n // 100}.{2 * (n % 100)}' for n in range(1000))} -> *:9"
        for k in range(5)
    ]
    assert "TooManyAddresses" in {
        finding["id"] for finding in lint_findings(write_baseline(tmp_path / "b.yaml", *wide))
    }


def test_findings_are_sorted_by_line(tmp_path: Path) -> None:
    rules = [SSH, "300 a allow tcp 10.1.2.3/16 -> *:8080", "400 b allow tcp 10.1.0.0/16 -> *:8080"]
    lines = [finding["line"] for finding in lint_findings(write_baseline(tmp_path / "web.yaml", *rules))]
    assert lines == sorted(lines)
    assert len(lines) >= 3


def test_other_kinds_are_skipped_and_a_missing_baseline_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    result = run(str(tmp_path))
    assert (result.exit_code, result.stderr) == (
        1,
        f"nsgb: {tmp_path}: contains no NSGBaseline; pass a file or folder with baselines\n",
    )
    write_baseline(tmp_path / "web.yaml", WEB)
    assert run(str(tmp_path)).exit_code == 0


def test_invalid_yaml_is_reported_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("kind: NSGBaseline\nspec: [\n")
    result = run(str(tmp_path / "bad.yaml"))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"nsgb: {tmp_path}/bad.yaml:3:")


def test_standard_input_is_read(tmp_path: Path) -> None:
    text = Path(write_baseline(tmp_path / "web.yaml", WEB, SSH)).read_text()
    assert run("-", text=text).stdout.startswith("-:")


@pytest.mark.parametrize("form", ["json", "yaml", "markdown"])
def test_every_format_contains_the_same_findings(tmp_path: Path, form: str) -> None:
    file = write_baseline(tmp_path / "web.yaml", WEB, SSH)
    text = run(file, "-o", form).stdout
    if form == "markdown":
        assert text.startswith("### nsgb lint: 1 warning")
        assert "| warning | OpenToInternet | rule ssh opens TCP 22 to the Internet (critical) |" in text
    else:
        assert [finding["id"] for finding in yaml.safe_load(text)["findings"]] == ["OpenToInternet"]


def test_messages_contain_no_regular_expression(tmp_path: Path) -> None:
    # A regular expression of 250 characters does not help the author of a pull request.
    odd = {
        key: value for key, value in arm_rule(SSH).items() if key not in ("sourceAddressPrefix", "destinationPortRange")
    }
    odd |= {"sourceAddressPrefixes": ["300.1.1.1"], "destinationPortRanges": ["ssh"]}
    messages = [finding["message"] for finding in lint_findings(write_baseline(tmp_path / "web.yaml", WEB, odd))]
    assert sorted(messages) == [
        "must be a port such as 443 or a range such as 8000-8099",
        "must be an IP address, a CIDR prefix such as 10.0.0.0/8 or a service tag",
    ]
