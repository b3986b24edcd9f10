"""The output of nsgb diff."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from nsg_baseline.cli.main import nsgb
from tests.support.baselines import write_baseline
from tests.support.nsgs import NSG, excepted
from tests.support.rule_shorthand import arm_rule

WEB = "100 web allow tcp Internet -> *:443"
SSH = "200 ssh allow tcp Internet -> *:22"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(nsgb, ["diff", *arguments])


@pytest.fixture
def old(tmp_path: Path) -> str:
    return write_baseline(tmp_path / "old" / "web.yaml", WEB)


def test_exposure_precedes_the_changed_rules(old: str, tmp_path: Path) -> None:
    # Reviewers need to know what a change opens before they read which lines of YAML changed.
    new = write_baseline(tmp_path / "new" / "web.yaml", WEB, SSH)
    result = run(old, new)
    assert result.exit_code == 2
    assert result.stdout.splitlines() == [
        "team-web/web  NSG web  changed, critical: rule ssh opens TCP 22 to the Internet",
        "  newly allowed inbound: TCP 22 from Internet to any (was denied by DenyAllInBound, now allowed by ssh)",
        "  critical  RuleCreated ssh",
        "    before: none",
        "    after:  200 Inbound Allow Tcp from Internet to * port 22",
        "1 baseline, 1 with a different meaning",
    ]


def test_a_reformatted_rule_is_not_a_difference(old: str, tmp_path: Path) -> None:
    # Reformatting a file does not change the firewall.
    equal_rule = {
        **arm_rule(WEB),
        "protocol": "TCP",
        "destinationPortRange": "443-443",
        "sourceAddressPrefix": "internet",
    }
    new = write_baseline(tmp_path / "new" / "web.yaml", equal_rule)
    result = run(old, new)
    assert (result.exit_code, result.stdout) == (0, "1 baseline, 0 with a different meaning\n")


def test_folders_are_compared_by_nsg_not_by_file(tmp_path: Path) -> None:
    # Files are renamed and split; NSG ids are stable.
    write_baseline(tmp_path / "old" / "all.yaml", WEB)
    write_baseline(tmp_path / "new" / "team" / "web.yaml", WEB, name="renamed")
    assert run(str(tmp_path / "old"), str(tmp_path / "new")).exit_code == 0


def test_removed_and_added_baselines_are_reported(tmp_path: Path) -> None:
    write_baseline(tmp_path / "old" / "web.yaml", WEB)
    other = NSG.replace("/web", "/db")
    write_baseline(tmp_path / "new" / "db.yaml", SSH, name="db", nsg=other)
    output = run(str(tmp_path / "old"), str(tmp_path / "new")).stdout
    assert "team-web/web  NSG web  removed\n  the baseline is removed: its NSG is no longer compared" in output
    assert "team-web/db  NSG db  added, critical: rule ssh opens TCP 22 to the Internet" in output


def test_changed_settings_are_reported(old: str, tmp_path: Path) -> None:
    # Mode, tolerated rules and exceptions decide what is reported and restored, so reviewers must see them.
    new = write_baseline(
        tmp_path / "new" / "web.yaml",
        WEB,
        mode="Enforce",
        tolerate=[{"name": "corp-*"}],
        exceptions=[excepted(arm_rule(SSH))],
    )
    output = run(old, new).stdout
    assert "mode" in output
    assert "corp-*" in output
    assert "INC-42" in output


def test_markdown_shows_exposure_before_the_table(old: str, tmp_path: Path) -> None:
    # Many readers only see the first lines of a pull request comment.
    new = write_baseline(tmp_path / "new" / "web.yaml", WEB, SSH)
    lines = run(old, new, "-o", "markdown").stdout.splitlines()
    assert lines[0] == "### NSG baselines: 1 baseline, 1 with a different meaning"
    assert lines[2] == "**web** (team-web/web), changed, critical: rule ssh opens TCP 22 to the Internet"
    assert lines[4].startswith("- newly allowed inbound: TCP 22 from Internet to any")
    assert lines.index("<details><summary>1 change</summary>") > 4


def test_json_and_yaml_are_equal(old: str, tmp_path: Path) -> None:
    new = write_baseline(tmp_path / "new" / "web.yaml", WEB, SSH)
    document = json.loads(run(old, new, "-o", "json").stdout)
    assert document == yaml.safe_load(run(old, new, "-o", "yaml").stdout)
    (revision,) = document["baselines"]
    assert (revision["state"], revision["severity"]) == ("Changed", "critical")
    assert [(entry["ruleBefore"], entry["ruleAfter"]) for entry in revision["exposure"]] == [("DenyAllInBound", "ssh")]


def test_an_unreadable_side_is_named(old: str, tmp_path: Path) -> None:
    result = run(old, str(tmp_path / "none.yaml"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"nsgb: {tmp_path}/none.yaml: No such file or directory\n"


def test_only_changed_entries_of_a_setting_are_shown(tmp_path: Path) -> None:
    # A complete list would hide the changed entry from the reviewer.
    kept, gone = {"name": "kept-*"}, {"name": "gone-*", "caller": "tf", "priorities": {"min": 100, "max": 200}}
    old = write_baseline(tmp_path / "old" / "web.yaml", WEB, tolerate=[kept, gone], enforcement={"maxChanges": 3})
    new = write_baseline(
        tmp_path / "new" / "web.yaml",
        WEB,
        mode="Enforce",
        tolerate=[kept, {"preset": "AKS"}],
        exceptions=[excepted(arm_rule(SSH))],
        enforcement={"maxChanges": 3, "delay": "5m"},
    )
    lines = run(old, new).stdout.splitlines()
    until = str(excepted(arm_rule(SSH))["until"]).replace("+00:00", "Z")
    assert lines[lines.index("  info  setting mode") : -1] == [
        "  info  setting mode",
        "    before: Alert",
        "    after:  Enforce",
        "  info  setting tolerate",
        "    before: name gone-*, priorities 100-200, caller tf",
        "    after:  preset AKS",
        "  info  setting exceptions",
        "    before: none",
        f"    after:  ssh 200 Inbound Allow Tcp from Internet to * port 22, until {until}, approved by {_approver()}",
        "  info  setting enforcement",
        "    before: delay 0s",
        "    after:  delay 5m",
    ]


def _approver() -> str:
    exception = excepted(arm_rule(SSH))
    return f"{exception['approvedBy']}: {exception['reason']}"
