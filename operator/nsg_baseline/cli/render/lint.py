"""Renders lint findings."""

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


def _table(findings: Sequence[Placed]) -> str:
    lines = [
        f"{placed.file}:{placed.line}: {placed.finding.level} {placed.finding.id}: {_text(placed)}"
        for placed in findings
    ]
    return "\n".join([*lines, _summary(findings)])


def _summary(findings: Sequence[Placed]) -> str:
    levels = Counter(placed.finding.level for placed in findings)
    counts = listed([counted(levels[level], level) for level in LEVELS if levels[level]])
    return counts or "no findings"


def _subject(placed: Placed) -> str:
    return f"{placed.finding.rule}: " if placed.finding.rule else f"{placed.finding.field}: "


def _described(placed: Placed) -> str:
    """Return the message with its subject; a severity explains itself with the rule's name first."""
    rule, message = placed.finding.rule, placed.finding.message
    names_rule = rule and message.startswith((f"{rule} ", f"rule {rule} "))
    return message if names_rule else _subject(placed) + message


def _text(placed: Placed) -> str:
    return f"{_described(placed)}; {placed.finding.fix}"


def _document(placed: Placed) -> dict[str, Any]:
    finding = placed.finding
    return {
        "id": finding.id,
        "level": finding.level,
        "file": placed.file,
        "line": placed.line,
        "baseline": placed.baseline,
        "field": finding.field,
        "rule": finding.rule,
        "message": finding.message,
        "fix": finding.fix,
    }


def _json(findings: Sequence[Placed]) -> str:
    return json.dumps({"findings": [_document(placed) for placed in findings]}, indent=2, ensure_ascii=False)


def _yaml(findings: Sequence[Placed]) -> str:
    return yaml.safe_dump(
        {"findings": [_document(placed) for placed in findings]}, sort_keys=False, allow_unicode=True
    ).rstrip()


def _markdown(findings: Sequence[Placed]) -> str:
    lines = [f"### nsgb lint: {_summary(findings)}"]
    if findings:
        lines += ["", "| Location | Level | Id | Finding | Fix |", "|---|---|---|---|---|"]
    for placed in findings:
        message = plain(_described(placed))
        where = plain(f"{placed.file}:{placed.line}")
        lines.append(
            f"| {where} | {placed.finding.level} | {placed.finding.id} | {message} | {plain(placed.finding.fix)} |"
        )
    return "\n".join(lines)


def _sarif(findings: Sequence[Placed]) -> str:
    results = [
        {
            "ruleId": placed.finding.id,
            "level": placed.finding.level,
            "message": {"text": _text(placed)},
            "locations": [place(placed.file, placed.line)],
            # From the rule name instead of the line, so that a finding that moved keeps its fingerprint.
            "partialFingerprints": {"finding/v1": fingerprint(placed.finding.id, placed.baseline, _subject(placed))},
        }
        for placed in findings
    ]
    return log(results, {name: text for name, (_, text) in KINDS.items()})


FORMS: dict[str, Callable[[Sequence[Placed]], str]] = {
    "table": _table,
    "json": _json,
    "yaml": _yaml,
    "markdown": _markdown,
    "sarif": _sarif,
}
