"""The output of nsgb plan --enforce."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nsg_baseline.cli.main import nsgb
from nsg_baseline.core.nsg import parse_live
from tests.support.baselines import write_baseline
from tests.support.nsgs import nsg
from tests.support.rule_shorthand import arm_rule

WEB = "100 web allow tcp Internet -> *:443"
SSH = "200 open-ssh allow tcp Internet -> *:22"


def run_plan(tmp_path: Path, *live: str, form: str = "json", **spec: Any) -> Any:
    file = write_baseline(tmp_path / "web.yaml", WEB, **spec)
    arguments = ["plan", "-f", file, "--live", "-", "--enforce", "-o", form]
    result = CliRunner().invoke(nsgb, arguments, input=json.dumps(nsg(map(arm_rule, live))))
    assert result.exit_code == 2, result.stderr
    return json.loads(result.stdout)["baselines"][0] if form == "json" else result.stdout


def test_the_write_has_the_approved_rules_and_its_exposure(tmp_path: Path) -> None:
    # The plan uses the operator's code, so both must have the same body.
    write = run_plan(tmp_path, WEB, SSH)["write"]
    assert [rule.name for rule in parse_live(write["body"]).rules] == ["web"]
    assert write["reverts"] == [{"kind": "RuleCreated", "rule": "open-ssh"}]
    assert [(entry["effect"], entry["text"]) for entry in write["exposure"]] == [
        ("Denied", "TCP 22 from Internet to any")
    ]
    assert (len(write["planHash"]), write["blocked"]) == (24, None)


def test_the_table_shows_hash_reverted_changes_and_exposure(tmp_path: Path) -> None:
    lines = run_plan(tmp_path, WEB, SSH, form="table").splitlines()
    enforce = [line.strip() for line in lines if "enforce:" in line]
    assert enforce[0].startswith("enforce: one write with If-Match (plan ")
    assert enforce[0].endswith(" reverts: RuleCreated open-ssh")
    assert enforce[1].startswith("enforce: newly denied inbound: TCP 22 from Internet to any")


def test_a_blocked_write_has_its_reason(tmp_path: Path) -> None:
    # The reason equals that of Stalled, with the annotation that confirms the write.
    private = [f"{200 + number} app-{number} allow tcp 10.0.0.0/8 -> *:80" for number in range(2)]
    write = run_plan(tmp_path, WEB, *private, enforcement={"maxChanges": 1})["write"]
    assert write["blocked"]["reason"] == "TooManyChanges"
    assert "nsg-baseline.io/confirm=" in write["blocked"]["message"]
    assert write["planHash"] in write["blocked"]["message"]
    assert write["body"] is None


def test_a_change_that_is_left_out_has_its_reason(tmp_path: Path) -> None:
    # A critical opening is closed although there are more changes than maxChanges.
    private = [f"{300 + number} app-{number} allow tcp 10.0.0.0/8 -> *:80" for number in range(2)]
    write = run_plan(tmp_path, WEB, SSH, *private, enforcement={"maxChanges": 1})["write"]
    assert write["blocked"] is None
    assert [item["rule"] for item in write["reverts"]] == ["open-ssh"]
    assert [(item["rule"], item["reason"]) for item in write["leftOut"]] == [
        ("app-0", "TooManyChanges"),
        ("app-1", "TooManyChanges"),
    ]


def test_changes_excluded_from_enforcement_have_no_write(tmp_path: Path) -> None:
    assert run_plan(tmp_path, WEB, SSH, enforcement={"revert": ["RuleDeleted"]})["write"] is None


@pytest.mark.parametrize("form", ["markdown", "yaml"])
def test_other_formats_contain_the_write(tmp_path: Path, form: str) -> None:
    assert ("enforce" if form == "markdown" else "planHash") in run_plan(tmp_path, WEB, SSH, form=form)
