"""For code scanning: SARIF 2.1.0, each change at the line of the baseline that it deviates from."""

import json
from typing import Any

from nsg_baseline.cli.planned import Plan, Planned
from nsg_baseline.cli.render.table import heading
from nsg_baseline.core.appraisal import decides
from nsg_baseline.core.changes import KIND_ORDER, Change
from nsg_baseline.core.exposed import line, statuses
from nsg_baseline.core.verdict import Stray
from nsg_baseline.core.words import side_line

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}


def sarif(plan: Plan) -> str:
    """Return the plan as one SARIF run."""
    results = [_result(one, change) for one in plan.deviating for change in one.verdict.changes]
    results += [_unbaselined(stray) for stray in plan.unbaselined]
    rules = [{"id": kind, "shortDescription": {"text": kind}} for kind in KIND_ORDER]
    driver = {"name": "nsgb", "rules": rules}
    run = {"tool": {"driver": driver}, "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _result(one: Planned, change: Change) -> dict[str, Any]:
    sides = f"approved: {side_line(change.approved) or 'none'}; live: {side_line(change.live) or 'none'}"
    file, line = one.source.place(_field(one, change))
    place = {"artifactLocation": {"uri": file}, "region": {"startLine": line}}
    return {
        "ruleId": change.kind,
        "level": _LEVELS[change.severity],
        "message": {"text": f"{heading(change)} in {one.verdict.nsg}: {sides}{_traffic(one, change)}"},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"change/v1": change.fingerprint},
    }


def _traffic(one: Planned, change: Change) -> str:
    """Say what the traffic is that a change decides."""
    told = (line(status) for status in statuses([each for each in one.verdict.exposure if decides(change, each)]))
    return "".join(f"; {text}" for text in told)


def _unbaselined(stray: Stray) -> dict[str, Any]:
    change = stray.change
    return {
        "ruleId": change.kind,
        "level": _LEVELS[change.severity],
        "message": {"text": f"no baseline speaks of {change.nsg}: {stray.reason}"},
        "partialFingerprints": {"change/v1": change.fingerprint},
    }


def _field(one: Planned, change: Change) -> str:
    rules = one.source.baseline.spec.rules
    name = (change.rule or "").lower()
    index = next((index for index, rule in enumerate(rules) if rule.name.lower() == name), None)
    return f"spec.rules[{index}]" if index is not None else "spec.rules"
