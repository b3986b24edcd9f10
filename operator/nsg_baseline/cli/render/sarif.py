"""Renders a plan as SARIF 2.1.0 for code scanning: each change at the line of the baseline's rule."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nsg_baseline.cli.guardrail_files import CheckedNSG, GuardrailFiles
from nsg_baseline.cli.plan_result import Plan, PlannedNSG, field_of
from nsg_baseline.cli.render.table import heading
from nsg_baseline.cli.render.violations import RULE_ID, RULES, Checked, subject
from nsg_baseline.core.changes import KIND_ORDER, Change, fingerprint
from nsg_baseline.core.guardrails import Violation
from nsg_baseline.core.text import guardrail_lines
from nsg_baseline.core.text.exposure_lines import line, statuses
from nsg_baseline.core.text.rule_lines import side_line
from nsg_baseline.core.verdict import UnbaselinedVerdict

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}


def sarif(plan: Plan) -> str:
    """Return the plan as one SARIF run."""
    results = [_result(planned, change) for planned in plan.drifted for change in planned.verdict.changes]
    results += [_unbaselined(unbaselined, plan) for unbaselined in plan.unbaselined]
    rules: dict[str, str] = {kind: kind for kind in KIND_ORDER}
    if plan.guardrails is None:
        return log(results, rules)
    return log([*results, *violation_results(plan.checked, plan.guardrails)], {**rules, **RULES})


def violation_results(checked: Checked, guardrails: GuardrailFiles) -> list[dict[str, Any]]:
    """Return violations of guardrails as results, each at the line of the violated clause."""
    return [
        {
            "ruleId": RULE_ID,
            "level": LEVELS[violation.severity],
            "message": {"text": f"{subject(nsg)}: {guardrail_lines.line(violation)}"},
            "locations": [place(*guardrails.place(violation))],
            "partialFingerprints": {"violation/v1": _violation_fingerprint(nsg, violation)},
        }
        for nsg in checked
        for violation in nsg.violations
    ]


def _violation_fingerprint(nsg: CheckedNSG, violation: Violation) -> str:
    clause, rule = violation.clause, guardrail_lines.decider(violation)
    return fingerprint(RULE_ID, nsg.nsg.key, nsg.baseline, violation.guardrail, clause, rule)


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
