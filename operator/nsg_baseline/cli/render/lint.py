"""Findings on paper."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import yaml

from nsg_baseline.cli.lint_result import Placed
from nsg_baseline.cli.render.markdown import plain
from nsg_baseline.cli.render.sarif import log, place
from nsg_baseline.core.changes import fingerprint
from nsg_baseline.core.lint import KINDS, LEVELS
from nsg_baseline.core.text.phrasing import counted, listed


def _table(found: Sequence[Placed]) -> str:
    lines = [
        f"{one.file}:{one.line}: {one.finding.level} {one.finding.id}: {_subject(one)}{one.finding.message}; "
        f"{one.finding.way_out}"
        for one in found
    ]
    return "\n".join([*lines, _summary(found)])


def _summary(found: Sequence[Placed]) -> str:
    levels = Counter(one.finding.level for one in found)
    told = listed([counted(levels[level], level) for level in LEVELS if levels[level]])
    return told or "nothing found"


def _subject(one: Placed) -> str:
    return f"{one.finding.rule}: " if one.finding.rule else f"{one.finding.field}: "


def _document(one: Placed) -> dict[str, Any]:
    finding = one.finding
    return {
        "id": finding.id,
        "level": finding.level,
        "file": one.file,
        "line": one.line,
        "baseline": one.baseline,
        "field": finding.field,
        "rule": finding.rule,
        "message": finding.message,
        "wayOut": finding.way_out,
    }


def _json(found: Sequence[Placed]) -> str:
    return json.dumps({"findings": [_document(one) for one in found]}, indent=2, ensure_ascii=False)


def _yaml(found: Sequence[Placed]) -> str:
    return yaml.safe_dump({"findings": [_document(one) for one in found]}, sort_keys=False, allow_unicode=True).rstrip()


def _markdown(found: Sequence[Placed]) -> str:
    lines = [f"### nsgb lint: {_summary(found)}"]
    if found:
        lines += ["", "| Where | Level | Finding | What | Way out |", "|---|---|---|---|---|"]
    for one in found:
        what = plain(f"{_subject(one)}{one.finding.message}")
        where = plain(f"{one.file}:{one.line}")
        lines.append(f"| {where} | {one.finding.level} | {one.finding.id} | {what} | {plain(one.finding.way_out)} |")
    return "\n".join(lines)


def _sarif(found: Sequence[Placed]) -> str:
    results = [
        {
            "ruleId": one.finding.id,
            "level": one.finding.level,
            "message": {"text": f"{_subject(one)}{one.finding.message}; {one.finding.way_out}"},
            "locations": [place(one.file, one.line)],
            # By rule name, not by line: a finding that moved is the same one.
            "partialFingerprints": {"finding/v1": fingerprint(one.finding.id, one.baseline, _subject(one))},
        }
        for one in found
    ]
    return log(results, {name: text for name, (_, text) in KINDS.items()})


FORMS: dict[str, Callable[[Sequence[Placed]], str]] = {
    "table": _table,
    "json": _json,
    "yaml": _yaml,
    "markdown": _markdown,
    "sarif": _sarif,
}
