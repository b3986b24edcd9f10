"""For code scanning: SARIF 2.1.0, each change at the line of the baseline that it deviates from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nsg_baseline.cli.plan_result import Plan, PlannedNSG, field_of
from nsg_baseline.cli.render.table import heading
from nsg_baseline.core.changes import KIND_ORDER, Change
from nsg_baseline.core.text.exposure_lines import line, statuses
from nsg_baseline.core.text.rule_lines import side_line
from nsg_baseline.core.verdict import UnbaselinedVerdict

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}


def sarif(plan: Plan) -> str:
    """Return the plan as one SARIF run."""
    results = [_result(one, change) for one in plan.drifted for change in one.verdict.changes]
    results += [_unbaselined(stray, plan) for stray in plan.unbaselined]
    return log(results, {kind: kind for kind in KIND_ORDER})


def log(results: list[dict[str, Any]], rules: Mapping[str, str]) -> str:
    """Return a SARIF log of one run: its results, and the rules that they name with a text for each."""
    described = [{"id": name, "shortDescription": {"text": text}} for name, text in rules.items()]
    run = {"tool": {"driver": {"name": "nsgb", "rules": described}}, "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def place(file: str, line: int) -> dict[str, Any]:
    """Return a line of a file as SARIF's location: relative to the working directory if the file lies in it."""
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(file)}, "region": {"startLine": line}}}


def _uri(file: str) -> str:
    path, here = Path(file), Path.cwd()
    return quote((path.relative_to(here) if path.is_relative_to(here) else path).as_posix())


def _result(one: PlannedNSG, change: Change) -> dict[str, Any]:
    sides = f"approved: {side_line(change.approved) or 'none'}; live: {side_line(change.live) or 'none'}"
    file, line = one.source.place(field_of(one.source.baseline, change))
    return {
        "ruleId": change.kind,
        "level": LEVELS[change.severity],
        "message": {"text": f"{heading(change)} in {one.verdict.nsg}: {sides}{_traffic(one, change)}"},
        "locations": [place(file, line)],
        "partialFingerprints": {"change/v1": change.fingerprint},
    }


def _traffic(one: PlannedNSG, change: Change) -> str:
    """Say what the traffic is that a change decides."""
    told = (line(status) for status in statuses(one.verdict.exposure_of(change)))
    return "".join(f"; {text}" for text in told)


def _unbaselined(stray: UnbaselinedVerdict, plan: Plan) -> dict[str, Any]:
    """Return a stray NSG's result, where a baseline for it would go: code scanning shows nothing without a place."""
    change = stray.change
    known = next((one.source.document.file for one in plan.baselines if one.source.document is not None), None)
    return {
        "ruleId": change.kind,
        "level": LEVELS[change.severity],
        "message": {"text": f"no baseline speaks of {change.nsg}: {stray.reason}"},
        "locations": [place(known or (change.nsg or "").lstrip("/"), 1)],
        "partialFingerprints": {"change/v1": change.fingerprint},
    }
