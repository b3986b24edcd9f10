"""The output and the errors of nsgb plan."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from click.testing import CliRunner, Result

from nsg_baseline.cli.main import nsgb
from tests.support.nsgs import NSG, nsg, rule

BASELINE = f"""\
apiVersion: nsg-baseline.io/v1alpha1
kind: NSGBaseline
metadata:
  name: web
  namespace: team-web
spec:
  target:
    resourceId: {NSG}
  exceptions:
  - until: 2099-12-01T00:00:00Z
    reason: INC-42
    approvedBy: jo@example.com
    rule: {{name: tmp, priority: 300, direction: Inbound, access: Allow, protocol: Tcp, sourceAddressPrefix: "*",
           sourcePortRange: "*", destinationAddressPrefix: "*", destinationPortRange: "80"}}
  rules:
  - name: web
    priority: 100
    direction: Inbound
    access: Allow
    protocol: Tcp
    sourceAddressPrefix: 10.0.0.0/8
    sourcePortRange: "*"
    destinationAddressPrefix: "*"
    destinationPortRange: "443"
"""
OPEN = rule("open-ssh", priority=200, sourceAddressPrefix="Internet", destinationPortRange="22")


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(nsgb, ["plan", *arguments], input=text)


@pytest.fixture
def baseline(tmp_path: Path) -> str:
    (tmp_path / "web.yaml").write_text(BASELINE)
    return str(tmp_path / "web.yaml")


def live(*rules: dict[str, Any]) -> str:
    return json.dumps(nsg([rule("web"), *rules]))


def test_json_is_as_documented(baseline: str) -> None:
    # Pipelines parse this document, so its fields are a public contract.
    result = run("-f", baseline, "--live", "-", "-o", "json", text=live(OPEN))
    assert result.exit_code == 2
    assert json.loads(result.stdout) == {
        "summary": {"baselines": 1, "drifted": 1, "severity": "critical"},
        "baselines": [
            {
                "namespace": "team-web",
                "name": "web",
                "nsg": NSG,
                "compliant": False,
                "severity": "critical",
                "severityReason": "rule open-ssh opens TCP 22 to the Internet",
                "changes": [
                    {
                        "kind": "RuleCreated",
                        "rule": "open-ssh",
                        "severity": "critical",
                        "toleratedBy": None,
                        "approved": None,
                        "live": {"provisioningState": "Succeeded", **OPEN},
                        "fields": [],
                    }
                ],
                "exposure": [
                    {
                        "effect": "Allowed",
                        "direction": "Inbound",
                        "text": "TCP 22 from Internet to any",
                        "approvedRule": "DenyAllInBound",
                        "liveRule": "open-ssh",
                        "conditional": False,
                        "boxes": [
                            _ssh(_place(["Internet"], ["VirtualNetwork"]), _place()),
                            # Should an address ever be both, traffic within VirtualNetwork was allowed before.
                            _ssh(_place(["Internet", "VirtualNetwork"]), _place([], ["VirtualNetwork"])),
                        ],
                    }
                ],
            }
        ],
        "unbaselined": [],
    }


def _ssh(source: dict[str, Any], destination: dict[str, Any]) -> dict[str, Any]:
    sides = {"source": source, "destination": destination}
    return {"protocols": ["Tcp"], "sourcePorts": ["0-65535"], "destinationPorts": ["22"], **sides}


def _place(tags: Sequence[str] = (), not_tags: Sequence[str] = ()) -> dict[str, Any]:
    return {"prefixes": ["0.0.0.0/0", "::/0"], "tags": list(tags), "notTags": list(not_tags)}


def test_yaml_is_the_same_as_json(baseline: str) -> None:
    text = live(OPEN)
    as_json = run("-f", baseline, "--live", "-", "-o", "json", text=text)
    as_yaml = run("-f", baseline, "--live", "-", "-o", "yaml", text=text)
    assert yaml.safe_load(as_yaml.stdout) == json.loads(as_json.stdout)


def test_table_shows_before_and_after(baseline: str) -> None:
    result = run("-f", baseline, "--live", "-", text=live(OPEN))
    assert result.stdout == (
        "team-web/web  critical  NSG web: rule open-ssh opens TCP 22 to the Internet\n"
        "  critical  RuleCreated open-ssh\n"
        "    approved: none\n"
        "    live:     200 Inbound Allow Tcp from Internet to * port 22\n"
        "  newly allowed inbound: TCP 22 from Internet to any (was denied by DenyAllInBound, now allowed by open-ssh)\n"
        "1 baseline, 1 drifted, 0 NSGs without a baseline\n"
    )


def test_sarif_points_at_the_baselines_rule(baseline: str) -> None:
    # Code scanning shows a result at the line of the baseline's rule.
    changed = json.dumps(nsg([rule("web", priority=101)]))
    result = run("-f", baseline, "--live", "-", "-o", "sarif", text=changed)
    (result_document,) = json.loads(result.stdout)["runs"][0]["results"]
    place = result_document["locations"][0]["physicalLocation"]
    assert (result_document["ruleId"], place["region"]["startLine"]) == ("RuleUpdated", 16)
    assert place["artifactLocation"]["uri"] == baseline


def test_junit_counts_a_case_for_each_baseline(baseline: str) -> None:
    suite = ET.fromstring(run("-f", baseline, "--live", "-", "-o", "junit", text=live(OPEN)).stdout)
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert "open-ssh" in (suite.findtext("testcase/failure") or "")


def test_a_pipe_in_a_name_does_not_break_the_markdown_table(baseline: str) -> None:
    odd = rule("odd", priority=200, description="a|b")
    result = run("-f", baseline, "--live", "-", "-o", "markdown", text=live(odd))
    rows = [line for line in result.stdout.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {5}


def test_an_exception_with_an_unquoted_time_counts(baseline: str) -> None:
    # YAML reads it as a date; Kubernetes keeps it as text.
    tmp = rule("tmp", priority=300, sourceAddressPrefix="*", destinationPortRange="80")
    assert run("-f", baseline, "--live", "-", text=live(tmp)).exit_code == 0


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("    priority: 100", "    priority: 5", 17, "spec.rules[0].priority"),
        ('"443"', '"70000"', 24, "spec.rules[0].destinationPortRange"),
        ("  rules:", "  rulez:", 15, "rulez"),
        ("    access: Allow", "    access: Permit", 19, "spec.rules[0].access"),
        ("  namespace: team-web", "  namespace: team-web\n  namespace: b", 6, "duplicate key"),
        ("spec:", "spec: [", 8, ""),
    ],
)
def test_an_invalid_baseline_is_one_line_with_file_line_and_field(
    tmp_path: Path, before: str, after: str, line: int, words: str
) -> None:
    # Editors turn file:line into a link.
    file = tmp_path / "bad.yaml"
    file.write_text(BASELINE.replace(before, after))
    result = run("-f", str(file), "--live", "-", text=live())
    assert result.exit_code == 1
    assert result.stdout == ""
    place = f"nsgb: {file}:{line}:"
    assert any(line_text.startswith(place) and words in line_text for line_text in result.stderr.splitlines()), (
        result.stderr
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "invalid JSON"),
        ("{}", "not an NSG or a list"),
        ('[{"id": "x", "properties": {"securityRules": []}}]', "[0]"),
        ('{"value": [1]}', "value[0]"),
    ],
)
def test_an_invalid_live_file_is_named(baseline: str, text: str, words: str) -> None:
    result = run("-f", baseline, "--live", "-", text=text)
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr


def test_two_baselines_for_one_nsg_are_refused(tmp_path: Path, baseline: str) -> None:
    # In the cluster the older baseline manages the NSG; files have no age.
    other = tmp_path / "other.yaml"
    other.write_text(BASELINE.replace("name: web\n  namespace", "name: web2\n  namespace"))
    result = run("-f", str(tmp_path), "--live", "-", text=live())
    assert result.exit_code == 1
    assert "targets the same NSG" in result.stderr


def test_a_usage_error_exits_with_1() -> None:
    # Exit code 2 means drift, and is click's default for usage errors.
    command = [sys.executable, "-m", "nsg_baseline.cli", "plan", "--nonsense"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1
