"""Laws: imported NSGs are compliant, changes in meaning are reported exactly, other differences are not."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.cli.main import nsgb
from tests.support.nsgs import respelled_nsgs
from tests.support.recorded import recorded_nsgs
from tests.support.rules import altered

NUMBERS = range(len(recorded_nsgs()))
WITH_RULES = [number for number in NUMBERS if recorded_nsgs()[number]["properties"]["securityRules"]]


def call(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(nsgb, arguments, input=text)


def imported(folder: Path, live: Any) -> Path:
    """Import what is live into a file of baselines."""
    file = folder / "live.json"
    file.write_text(json.dumps(live))
    result = call("import", "--live", str(file))
    assert result.exit_code == 0, result.output
    baselines = folder / "baselines.yaml"
    baselines.write_text(result.stdout)
    return baselines


def planned(baselines: Path, live: Any) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the JSON of a plan."""
    result = call("plan", "-f", str(baselines), "--live", "-", "-o", "json", text=json.dumps(live))
    assert result.exit_code in (0, 1, 2), result.output
    return result.exit_code, json.loads(result.stdout)


def changes(plan: dict[str, Any]) -> list[tuple[str, str | None, tuple[str, ...]]]:
    return [
        (change["kind"], change["rule"], tuple(change["fields"]))
        for baseline in plan["baselines"]
        for change in baseline["changes"]
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plan")


@pytest.mark.parametrize("number", NUMBERS)
def test_every_recorded_nsg_is_compliant_after_import(tmp_path: Path, number: int) -> None:
    # Import then plan is the first thing a new user does, so it must raise no false alarm.
    live = recorded_nsgs()[number]
    code, plan = planned(imported(tmp_path, live), live)
    assert (code, changes(plan), plan["unbaselined"]) == (0, [], [])
    assert plan["summary"] == {"baselines": 1, "drifted": 0, "severity": None}


def test_a_list_of_all_recorded_nsgs_is_compliant_after_import(tmp_path: Path) -> None:
    # Names of baselines must be valid and unique for hundreds of NSGs.
    live = list({nsg["id"].lower(): nsg for nsg in recorded_nsgs()}.values())
    code, plan = planned(imported(tmp_path, live), {"value": live})
    assert (code, plan["summary"]["baselines"]) == (0, len(live))


@given(st.data(), st.sampled_from(NUMBERS))
def test_equivalent_spellings_are_compliant(folder: Path, data: st.DataObject, number: int) -> None:
    # Case, order, singular and plural fields, /32, n-n, split ranges, etags and unknown properties are not changes.
    live = recorded_nsgs()[number]
    again = data.draw(respelled_nsgs(canonical(live)))
    code, plan = planned(imported(folder, live), again)
    assert (code, changes(plan)) == (0, [])


@given(st.data(), st.sampled_from(WITH_RULES))
def test_an_altered_field_is_the_only_reported_change(folder: Path, data: st.DataObject, number: int) -> None:
    # An alert must name exactly the rule and the field that changed.
    live = canonical(recorded_nsgs()[number])
    baselines = imported(folder, live)
    place = data.draw(st.integers(0, len(live["properties"]["securityRules"]) - 1))
    rule = live["properties"]["securityRules"][place]
    flat, field = data.draw(altered({"name": rule["name"], **rule["properties"]}))
    rule["properties"] = {key: value for key, value in flat.items() if key != "name"}
    code, plan = planned(baselines, live)
    assert (code, changes(plan)) == (2, [("RuleUpdated", rule["name"], (field,))])


@given(st.data(), st.sampled_from(WITH_RULES))
def test_created_and_deleted_rules_are_reported(folder: Path, data: st.DataObject, number: int) -> None:
    live = canonical(recorded_nsgs()[number])
    baselines = imported(folder, live)
    rules = live["properties"]["securityRules"]
    place = data.draw(st.integers(0, len(rules) - 1))
    name = rules[place]["name"]
    if data.draw(st.booleans()):
        rules.append({**copy.deepcopy(rules[place]), "name": "one-more"})
        expected = [("RuleCreated", "one-more", ())]
    else:
        del rules[place]
        expected = [("RuleDeleted", name, ())]
    code, plan = planned(baselines, live)
    assert (code, changes(plan)) == (2, expected)


def test_a_missing_nsg_is_deleted_in_a_complete_list_and_unknown_in_a_page(tmp_path: Path) -> None:
    # Only a complete list proves that an NSG does not exist.
    first, second = _two()
    baselines = imported(tmp_path, [first, second])
    assert changes(planned(baselines, [first])[1]) == [("NSGDeleted", None, ())]
    code, plan = planned(baselines, {"value": [first], "nextLink": "https://management.azure.com/next"})
    assert (code, plan["summary"]["drifted"], plan["summary"]["unknown"]) == (1, 0, 1)
    assert planned(baselines, first)[0] == 0


def test_an_unbaselined_nsg_is_reported(tmp_path: Path) -> None:
    # A new NSG without a baseline may allow any traffic.
    first, second = _two()
    code, plan = planned(imported(tmp_path, [first]), [first, second])
    assert code == 2
    (stray,) = plan["unbaselined"]
    assert stray["nsg"] == second["id"]
    assert all(
        entry["liveRule"] in {rule["name"] for rule in second["properties"]["securityRules"]}
        for entry in stray["exposure"]
    )
    assert stray["exposure"]


@given(st.sampled_from(NUMBERS))
def test_the_azure_cli_format_equals_the_arm_format(folder: Path, number: int) -> None:
    # Users pass the output of `az network nsg show`.
    live = recorded_nsgs()[number]
    assert planned(imported(folder, live), as_az(live))[0] == 0
    assert planned(imported(folder, [as_az(live)]), {"value": [live]})[0] == 0


def test_import_and_plan_as_processes(tmp_path: Path) -> None:
    # As a user runs them: import > file, plan -f file.
    live = tmp_path / "nsg.json"
    live.write_text(json.dumps(recorded_nsgs()[WITH_RULES[0]]))
    command = [sys.executable, "-m", "nsg_baseline.cli"]
    written = subprocess.run([*command, "import", "--live", str(live)], capture_output=True, check=True)
    (tmp_path / "b.yaml").write_bytes(written.stdout)
    plan = [*command, "plan", "-f", str(tmp_path / "b.yaml"), "--live", str(live)]
    assert subprocess.run(plan, capture_output=True, check=False).returncode == 0


def _two() -> tuple[dict[str, Any], dict[str, Any]]:
    nsgs = [recorded_nsgs()[number] for number in WITH_RULES]
    return nsgs[0], next(nsg for nsg in nsgs if nsg["id"].lower() != nsgs[0]["id"].lower())


def canonical(live: dict[str, Any]) -> dict[str, Any]:
    """Undo the spellings that the strategies do not read: empty fields, and protocols in capitals."""
    document = copy.deepcopy(live)
    for rule in document["properties"]["securityRules"]:
        rule["properties"] = {key: value for key, value in rule["properties"].items() if value not in ("", [])}
        rule["properties"]["protocol"] = rule["properties"]["protocol"].capitalize()
    return document


def as_az(live: dict[str, Any]) -> dict[str, Any]:
    """Flatten as the az CLI does."""
    properties = dict(live["properties"])
    for key in ("securityRules", "defaultSecurityRules"):
        rules = properties.get(key) or []
        properties[key] = [
            {**{k: v for k, v in rule.items() if k != "properties"}, **rule["properties"], "resourceGroup": "rg"}
            for rule in rules
        ]
    return {**{key: value for key, value in live.items() if key != "properties"}, **properties, "resourceGroup": "rg"}
