"""Guardrails on the command line: nsgb guardrail, and -g of lint, diff and plan."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from click.testing import CliRunner, Result

from nsg_baseline.cli.main import nsgb
from tests.support.baselines import write_baseline
from tests.support.guardrails import guardrail_document, write_guardrail
from tests.support.nsgs import nsg
from tests.support.rule_shorthand import arm_rule

WEB = "100 web allow tcp Internet -> *:443"
SSH = "200 ssh allow tcp Internet -> *:22"
TEXT = "guardrail no-ssh (never[0]): rule ssh allows inbound TCP 22 from Internet to any"
VIOLATED, ERROR = 2, 1


def run(*arguments: str) -> Result:
    return CliRunner().invoke(nsgb, list(arguments))


def other(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {**document, "id": document["id"].replace("/web", f"/{name}")}


@pytest.fixture
def rails(tmp_path: Path) -> str:
    return write_guardrail(tmp_path / "rails" / "ssh.yaml")


@pytest.fixture
def live(tmp_path: Path) -> str:
    content = [nsg(map(arm_rule, (WEB, SSH))), other(nsg([arm_rule(WEB)]), "db")]
    (tmp_path / "live.json").write_text(json.dumps(content))
    return str(tmp_path / "live.json")


def test_a_violation_names_guardrail_clause_rule_and_traffic(rails: str, live: str) -> None:
    # The reader must find the rule without opening the guardrail.
    result = run("guardrail", "-g", rails, "--live", live)
    assert result.exit_code == VIOLATED
    assert result.stdout.splitlines() == [
        "NSG web (rg-web)  critical",
        f"  {TEXT}",
        "2 NSGs, 1 guardrail, 1 violating",
    ]


def test_without_a_violation_it_exits_with_0(tmp_path: Path, rails: str) -> None:
    (tmp_path / "one.json").write_text(json.dumps(nsg([arm_rule(WEB)])))
    result = run("guardrail", "-g", rails, "--live", str(tmp_path / "one.json"))
    assert (result.exit_code, result.stdout) == (0, "1 NSG, 1 guardrail, 0 violating\n")


def test_one_page_of_several_is_not_in_order(tmp_path: Path, rails: str) -> None:
    # NSGs on the other pages may violate the guardrail.
    page = {"value": [nsg([arm_rule(WEB)])], "nextLink": "https://management.azure.com/next"}
    (tmp_path / "page.json").write_text(json.dumps(page))
    result = run("guardrail", "-g", rails, "--live", str(tmp_path / "page.json"))
    assert result.exit_code == ERROR
    assert "next page" in result.stderr


def test_json_has_the_exact_traffic(rails: str, live: str) -> None:
    # Programs must not parse the text.
    document = json.loads(run("guardrail", "-g", rails, "--live", live, "-o", "json").stdout)
    assert document["summary"] == {"nsgs": 2, "guardrails": 1, "violating": 1}
    (violation,) = document["violations"]
    assert violation["boxes"][0]["destinationPorts"] == ["22"]
    expected = ("no-ssh", "never[0]", "critical", "Allowed", "Inbound", "ssh", None, True)
    names = ("guardrail", "clause", "severity", "effect", "direction", "rule", "baseline", "exact")
    assert tuple(violation[name] for name in names) == expected


def test_yaml_equals_json(rails: str, live: str) -> None:
    arguments = ("guardrail", "-g", rails, "--live", live, "-o")
    assert yaml.safe_load(run(*arguments, "yaml").stdout) == json.loads(run(*arguments, "json").stdout)


def test_junit_has_a_case_for_each_nsg(rails: str, live: str) -> None:
    # CI servers count cases and show the text of failures.
    suite = ET.fromstring(run("guardrail", "-g", rails, "--live", live, "-o", "junit").stdout)
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [failure.text for failure in suite.iter("failure")] == [TEXT]


def test_markdown_escapes_names(tmp_path: Path, rails: str) -> None:
    # The names of rules come from people, who choose underscores.
    (tmp_path / "live.json").write_text(json.dumps(nsg([arm_rule("200 open_ssh_all allow tcp Internet -> *:22")])))
    result = run("guardrail", "-g", rails, "--live", str(tmp_path / "live.json"), "-o", "markdown")
    assert "open\\_ssh\\_all allows inbound TCP 22" in result.stdout


def test_sarif_points_to_the_clause(rails: str, live: str) -> None:
    # The live NSG has no file.
    document = json.loads(run("guardrail", "-g", rails, "--live", live, "-o", "sarif").stdout)
    (result,) = document["runs"][0]["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    lines = Path(rails).read_text().splitlines()
    assert lines[region["startLine"] - 1].strip().startswith("- direction: Inbound")


def test_lint_reports_the_rule_of_the_baseline(tmp_path: Path, rails: str) -> None:
    # The author of a pull request knows the baseline, not the guardrail.
    file = write_baseline(tmp_path / "web.yaml", WEB, SSH)
    result = run("lint", file, "-g", rails, "-o", "json", "--fail-on", "error")
    assert result.exit_code == VIOLATED
    (finding,) = [found for found in json.loads(result.stdout)["findings"] if found["id"] == "GuardrailViolated"]
    assert (finding["level"], finding["field"], finding["rule"]) == ("error", "spec.rules[1]", "ssh")
    assert finding["message"].startswith("guardrail no-ssh (never[0]): rule ssh allows")
    assert finding["message"].endswith("(critical)")
    assert run("lint", file, "--fail-on", "error").exit_code == 0


def test_lint_reports_a_missing_rule_at_the_list_of_rules(tmp_path: Path) -> None:
    # A default rule blocks what is required, and no line of the baseline has it.
    gateway = {"direction": "Inbound", "protocols": ["Tcp"], "source": "GatewayManager", "ports": ["65200-65535"]}
    rails = write_guardrail(tmp_path / "rails.yaml", "agw", never=[], always=[gateway])
    result = run("lint", write_baseline(tmp_path / "web.yaml", WEB), "-g", rails, "-o", "json")
    (finding,) = json.loads(result.stdout)["findings"]
    assert (finding["field"], finding["rule"]) == ("spec.rules", "DenyAllInBound")
    assert finding["fix"] == "allow this traffic before that rule, or add an exception to the guardrail"


def test_lint_checks_exceptions_of_a_baseline(tmp_path: Path, rails: str) -> None:
    exception = {"rule": arm_rule(SSH), "until": "2099-01-01T00:00:00Z", "reason": "x", "approvedBy": "y"}
    file = write_baseline(tmp_path / "web.yaml", WEB, exceptions=[exception])
    findings = json.loads(run("lint", file, "-g", rails, "-o", "json").stdout)["findings"]
    assert "spec.exceptions[0].rule" in [found["field"] for found in findings if found["id"] == "GuardrailViolated"]


def test_diff_fails_for_a_violation_that_is_not_new(tmp_path: Path, rails: str) -> None:
    # A guardrail that was added later must stop the next pull request too.
    old = write_baseline(tmp_path / "old" / "web.yaml", WEB, SSH)
    new = write_baseline(tmp_path / "new" / "web.yaml", WEB, SSH)
    assert run("diff", old, new).exit_code == 0
    result = run("diff", old, new, "-g", rails)
    assert result.exit_code == VIOLATED
    assert result.stdout.splitlines() == [
        "baseline team-web/web of NSG web (rg-web)  critical",
        f"  {TEXT}",
        "1 baseline, 0 with a different meaning, 1 baseline violating a guardrail",
    ]


def test_diff_checks_only_the_new_baselines(tmp_path: Path, rails: str) -> None:
    # A pull request that repairs a violation must pass this check.
    old = write_baseline(tmp_path / "old" / "web.yaml", WEB, SSH)
    new = write_baseline(tmp_path / "new" / "web.yaml", WEB)
    assert json.loads(run("diff", old, new, "-g", rails, "-o", "json").stdout)["violations"] == []
    assert "no\\-ssh" not in run("diff", old, new, "-g", rails, "-o", "markdown").stdout


def test_plan_reports_violations_of_live_nsgs_and_of_baselines(tmp_path: Path, rails: str, live: str) -> None:
    # An approved rule does not drift, and still violates the guardrail.
    baseline = write_baseline(tmp_path / "web.yaml", WEB, SSH)
    arguments = ("plan", "-f", baseline, "--live", live, "-g", rails)
    result = run(*arguments, "-o", "json")
    assert result.exit_code == VIOLATED
    document = json.loads(result.stdout)
    assert document["summary"]["drifted"] == 0
    assert document["summary"]["severity"] == "critical"
    assert [violation["baseline"] for violation in document["violations"]] == [None, "team-web/web"]
    assert "2 violating a guardrail" in run(*arguments).stdout
    assert "Violated guardrails:" in run(*arguments, "-o", "markdown").stdout
    suite = ET.fromstring(run(*arguments, "-o", "junit").stdout)
    assert int(suite.get("tests", "0")) == len(list(suite.iter("testcase")))
    assert int(suite.get("failures", "0")) == len(list(suite.iter("failure")))


def test_a_scope_in_the_files_decides_where_a_guardrail_applies(tmp_path: Path, live: str) -> None:
    # Without the scope, a guardrail of one scope applies to all NSGs, because nothing else is certain.
    file = tmp_path / "rails.yaml"
    scope = {
        "apiVersion": "nsg-baseline.io/v1alpha1",
        "kind": "NSGScope",
        "metadata": {"name": "test"},
        "spec": {"subscriptionId": "11111111-1111-1111-1111-111111111111"},
    }
    documents = [guardrail_document(match={"scopes": ["production"]})]
    file.write_text(yaml.safe_dump_all(documents))
    assert run("guardrail", "-g", str(file), "--live", live).exit_code == VIOLATED
    file.write_text(yaml.safe_dump_all([*documents, scope]))
    assert run("guardrail", "-g", str(file), "--live", live).exit_code == 0


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("apiVersion: nsg-baseline.io/v1alpha1\nkind: NSGScope\n", "metadata: is required"),
        ("apiVersion: v1\nkind: Secret\n", "contains no NSGGuardrail; pass a file or folder"),
        ("apiVersion: nsg-baseline.io/v1alpha1\nkind: NSGGuardRail\n", "'NSGGuardRail' is unknown"),
        (yaml.safe_dump(guardrail_document(never=[])), "spec.never: never or always must have a clause"),
        (yaml.safe_dump_all([guardrail_document()] * 2), "already defined at"),
    ],
)
def test_a_file_that_is_not_a_guardrail_is_an_error(tmp_path: Path, live: str, text: str, error: str) -> None:
    # A guardrail that is skipped silently protects nothing.
    (tmp_path / "bad.yaml").write_text(text)
    result = run("guardrail", "-g", str(tmp_path / "bad.yaml"), "--live", live)
    assert (result.exit_code, error in result.stderr) == (ERROR, True), result.stderr


def test_an_empty_listing_is_an_error(tmp_path: Path, rails: str) -> None:
    # A pipeline with a misspelled subscription must not pass.
    (tmp_path / "none.json").write_text("[]")
    assert run("guardrail", "-g", rails, "--live", str(tmp_path / "none.json")).exit_code == ERROR


def test_live_or_a_subscription_is_required(rails: str) -> None:
    assert run("guardrail", "-g", rails).exit_code == ERROR
