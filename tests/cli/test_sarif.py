"""SARIF output as GitHub code scanning accepts it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import BaseModel
from sarif_pydantic import Sarif

from nsg_baseline.cli.main import nsgb
from tests.support.baselines import write_baseline
from tests.support.guardrails import write_guardrail
from tests.support.nsgs import nsg
from tests.support.rule_shorthand import arm_rule

WEB = "100 web allow tcp Internet -> *:443"
SSH = "200 ssh allow tcp Internet -> *:22"


def _unknown_properties(value: Any) -> Iterator[str]:
    """Yield properties that the SARIF schema does not define."""
    if isinstance(value, BaseModel):
        yield from value.model_extra or {}
        for name in type(value).model_fields:
            yield from _unknown_properties(getattr(value, name))
    elif isinstance(value, list):
        for item in value:
            yield from _unknown_properties(item)


@pytest.fixture(params=["plan", "lint", "diff", "guardrail"])
def sarif(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    old = write_baseline(tmp_path / "old dir" / "web.yaml", WEB)
    new = write_baseline(tmp_path / "new" / "web.yaml", WEB, SSH)
    web = nsg(map(arm_rule, (WEB, SSH)))
    stray = {**web, "name": "db", "id": web["id"].replace("/web", "/db")}
    (tmp_path / "live.json").write_text(json.dumps([web, stray]))
    guardrails = ["-g", write_guardrail(tmp_path / "guard rails" / "ssh.yaml")]
    arguments = {
        "plan": ["-f", old, "--live", str(tmp_path / "live.json"), *guardrails],
        "lint": [new, *guardrails],
        "diff": [old, new, *guardrails],
        "guardrail": ["--live", str(tmp_path / "live.json"), *guardrails],
    }[request.param]
    result = CliRunner().invoke(nsgb, [request.param, *arguments, "-o", "sarif"])
    assert result.exit_code == 2
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_output_follows_the_sarif_schema(sarif: dict[str, Any]) -> None:
    # GitHub rejects the whole upload for one property of the wrong type.
    parsed = Sarif.model_validate(sarif)
    assert not list(_unknown_properties(parsed))
    assert parsed.version == "2.1.0"


def test_results_have_the_properties_that_code_scanning_requires(sarif: dict[str, Any]) -> None:
    # Code scanning requires a location, a described rule and a stable fingerprint.
    (run,) = sarif["runs"]
    described = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert all(rule["shortDescription"]["text"] for rule in run["tool"]["driver"]["rules"])
    assert run["results"]
    for result in run["results"]:
        assert result["ruleId"] in described
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        (place,) = result["locations"]
        uri = place["physicalLocation"]["artifactLocation"]["uri"]
        assert uri in ("old%20dir/web.yaml", "new/web.yaml", "guard%20rails/ssh.yaml")
        assert place["physicalLocation"]["region"]["startLine"] >= 1
        assert all(isinstance(fingerprint, str) for fingerprint in result["partialFingerprints"].values())
