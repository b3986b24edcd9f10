"""What is imported is in order; what changes its meaning is named, exactly; what does not is not seen."""

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
def test_every_recorded_nsg_is_in_order_once_imported(tmp_path: Path, number: int) -> None:
    # The first thing that a new user does; a false alarm here ends the trial.
    live = recorded_nsgs()[number]
    code, plan = planned(imported(tmp_path, live), live)
    assert (code, changes(plan), plan["unbaselined"]) == (0, [], [])
    assert plan["summary"] == {"baselines": 1, "drifted": 0, "severity": None}


def test_a_listing_of_all_is_in_order_once_imported(tmp_path: Path) -> None:
    # Names of baselines must be fit and unique among hundreds, ids of one NSG come once.
    live = list({nsg["id"].lower(): nsg for nsg in recorded_nsgs()}.values())
    code, plan = planned(imported(tmp_path, live), {"value": live})
    assert (code, plan["summary"]["baselines"]) == (0, len(live))


@given(st.data(), st.sampled_from(NUMBERS))
def test_other_spellings_are_in_order(folder: Path, data: st.DataObject, number: int) -> None:
    # Case, order, singular and plural, /32, n-n, split ranges, etags, unknown properties: none of it is a change.
    live = recorded_nsgs()[number]
    again = data.draw(respelled_nsgs(canonical(live)))
    code, plan = planned(imported(folder, live), again)
    assert (code, changes(plan)) == (0, [])


@given(st.data(), st.sampled_from(WITH_RULES))
def test_one_altered_field_is_named_and_nothing_else(folder: Path, data: st.DataObject, number: int) -> None:
    # The alert says what to look at: this rule, this field.
    live = canonical(recorded_nsgs()[number])
    baselines = imported(folder, live)
    place = data.draw(st.integers(0, len(live["properties"]["securityRules"]) - 1))
    rule = live["properties"]["securityRules"][place]
    flat, field = data.draw(altered({"name": rule["name"], **rule["properties"]}))
    rule["properties"] = {key: value for key, value in flat.items() if key != "name"}
    code, plan = planned(baselines, live)
    assert (code, changes(plan)) == (2, [("RuleUpdated", rule["name"], (field,))])


@given(st.data(), st.sampled_from(WITH_RULES))
def test_a_rule_more_or_less_is_named(folder: Path, data: st.DataObject, number: int) -> None:
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


def test_a_listing_that_lacks_an_nsg_tells_of_a_deletion_and_a_page_does_not(tmp_path: Path) -> None:
    # Absence from a whole listing is a deletion; absence from a part of one is nothing.
    first, second = _two()
    baselines = imported(tmp_path, [first, second])
    assert changes(planned(baselines, [first])[1]) == [("NSGDeleted", None, ())]
    code, plan = planned(baselines, {"value": [first], "nextLink": "https://management.azure.com/next"})
    assert (code, plan["summary"]["drifted"], plan["summary"]["unknown"]) == (1, 0, 1)
    assert planned(baselines, first)[0] == 0


def test_an_nsg_that_nobody_declared_is_named(tmp_path: Path) -> None:
    # Somebody's new firewall is somebody's new way in.
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
def test_azs_form_is_read_as_arms(folder: Path, number: int) -> None:
    # People paste what `az network nsg show` prints.
    live = recorded_nsgs()[number]
    assert planned(imported(folder, live), as_az(live))[0] == 0
    assert planned(imported(folder, [as_az(live)]), {"value": [live]})[0] == 0


def test_as_processes(tmp_path: Path) -> None:
    # As a user types it: import > file, plan -f file.
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
