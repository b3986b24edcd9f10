"""Renders a plan as SARIF 2.1.0 for code scanning: each change at the line of the baseline's rule."""

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
    results = [_result(planned, change) for planned in plan.drifted for change in planned.verdict.changes]
    results += [_unbaselined(unbaselined, plan) for unbaselined in plan.unbaselined]
    return log(results, {kind: kind for kind in KIND_ORDER})


def log(results: list[dict[str, Any]], rules: Mapping[str, str]) -> str:
    """Return a SARIF log with one run. `rules` maps each rule id to its description."""
    described = [{"id": name, "shortDescription": {"text": text}} for name, text in rules.items()]
    run = {"tool": {"driver": {"name": "nsgb", "rules": described}}, "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def place(file: str, line: int) -> dict[str, Any]:
    """Return a SARIF location. Files below the working directory are relative to it."""
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(file)}, "region": {"startLine": line}}}


def _uri(file: str) -> str:
    path, folder = Path(file), Path.cwd()
    return quote((path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix())


def _result(planned: PlannedNSG, change: Change) -> dict[str, Any]:
    sides = f"approved: {side_line(change.approved) or 'none'}; live: {side_line(change.live) or 'none'}"
    file, line = planned.source.place(field_of(planned.source.baseline, change))
    return {
        "ruleId": change.kind,
        "level": LEVELS[change.severity],
        "message": {"text": f"{heading(change)} in {planned.verdict.nsg}: {sides}{_traffic(planned, change)}"},
        "locations": [place(file, line)],
        "partialFingerprints": {"change/v1": change.fingerprint},
    }


def _traffic(planned: PlannedNSG, change: Change) -> str:
    """Return the exposure of a change, to append to a message."""
    texts = (line(status) for status in statuses(planned.verdict.exposure_of(change)))
    return "".join(f"; {text}" for text in texts)


def _unbaselined(unbaselined: UnbaselinedVerdict, plan: Plan) -> dict[str, Any]:
    """Return the result for an unbaselined NSG, at the first baseline file: code scanning requires a location."""
    change = unbaselined.change
    file = next(
        (planned.source.document.file for planned in plan.baselines if planned.source.document is not None), None
    )
    return {
        "ruleId": change.kind,
        "level": LEVELS[change.severity],
        "message": {"text": f"NSG {change.nsg} has no baseline: {unbaselined.reason}"},
        "locations": [place(file or (change.nsg or "").lstrip("/"), 1)],
        "partialFingerprints": {"change/v1": change.fingerprint},
    }
