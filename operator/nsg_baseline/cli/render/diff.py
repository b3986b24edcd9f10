"""Renders the differences between two revisions of baselines."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from nsg_baseline.cli.guardrail_files import CheckedNSG, GuardrailFiles
from nsg_baseline.cli.plan_result import change_document, field_of
from nsg_baseline.cli.render import violations
from nsg_baseline.cli.render.markdown import cell, plain, violation_lines
from nsg_baseline.cli.render.sarif import LEVELS, log, place, violation_results
from nsg_baseline.cli.render.settings import sides
from nsg_baseline.cli.render.table import heading
from nsg_baseline.cli.sources import Sourced
from nsg_baseline.core.baseline_diff import BaselineDiff
from nsg_baseline.core.changes import KIND_ORDER, Change
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.exposure_lines import line, lines, statuses
from nsg_baseline.core.text.phrasing import counted

_REMOVED = "the baseline is removed: its NSG is no longer compared"


@dataclass(frozen=True, slots=True)
class Revision:
    """A baseline, its file, and the difference between its two revisions."""

    source: Sourced
    revised: BaselineDiff

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of rules, then those of settings."""
        return (*self.revised.verdict.changes, *self.revised.settings)

    @property
    def name(self) -> str:
        """Namespace and name of the baseline."""
        return "/".join(self.source.baseline.key)

    @property
    def head(self) -> str:
        """The state of the baseline and the severity."""
        verdict = self.revised.verdict
        severity = f", {verdict.severity}: {verdict.reason}" if verdict.severity else ""
        return f"{self.revised.state.lower()}{severity}"


@dataclass(frozen=True, slots=True)
class Difference:
    """All baselines of two folders, and the violations of the new ones. `guardrails` is None if none were passed."""

    revisions: tuple[Revision, ...]
    checked: tuple[CheckedNSG, ...] = ()
    guardrails: GuardrailFiles | None = None


def _heading(revision: Revision, change: Change) -> str:
    """Return the title of a change of a rule or of a setting of the baseline."""
    return f"setting {change.fields[0]}" if change in revision.revised.settings else heading(change)


def _differing(revisions: Sequence[Revision]) -> list[Revision]:
    return [revision for revision in revisions if not revision.revised.same]


def _summary(difference: Difference) -> str:
    revisions = difference.revisions
    text = f"{counted(len(revisions), 'baseline')}, {len(_differing(revisions))} with a different meaning"
    if difference.guardrails is None:
        return text
    return f"{text}, {counted(len(violations.violating(difference.checked)), 'baseline')} violating a guardrail"


def _table(difference: Difference) -> str:
    texts = [text for revision in _differing(difference.revisions) for text in _lines(revision)]
    return "\n".join([*texts, *violations.table_lines(difference.checked), _summary(difference)])


def _lines(revision: Revision) -> Iterator[str]:
    yield f"{revision.name}  NSG {NSGId.parse(revision.revised.verdict.nsg).name}  {revision.head}"
    if revision.revised.state == "Removed":
        yield f"  {_REMOVED}"
    yield from (f"  {text}" for text in lines(statuses(revision.revised.verdict.exposure)))
    for change in revision.changes:
        before, after = sides(change)
        yield f"  {change.severity}  {_heading(revision, change)}"
        yield f"    before: {before or 'none'}"
        yield f"    after:  {after or 'none'}"


def _markdown(difference: Difference) -> str:
    violated = list(violation_lines(difference.checked))
    return "\n".join(
        [
            f"### NSG baselines: {_summary(difference)}",
            *(text for revision in _differing(difference.revisions) for text in _section(revision)),
            *(["", "Violated guardrails:", "", *violated] if violated else []),
        ]
    )


def _section(revision: Revision) -> Iterator[str]:
    verdict = revision.revised.verdict
    yield ""
    yield f"**{plain(NSGId.parse(verdict.nsg).name)}** ({plain(revision.name)}), {plain(revision.head)}"
    yield ""
    if revision.revised.state == "Removed":
        yield f"- {_REMOVED}"
    traffic = lines(statuses(verdict.exposure))
    yield from (f"- {plain(text)}" for text in traffic or ("no effect on traffic",))
    if revision.changes:
        yield ""
        yield "<details><summary>" + counted(len(revision.changes), "change") + "</summary>"
        yield ""
        yield "| Change | Severity | Before | After |"
        yield "|---|---|---|---|"
        for change in revision.changes:
            before, after = (cell(text or None) for text in sides(change))
            yield f"| {cell(_heading(revision, change))} | {change.severity} | {before} | {after} |"
        yield ""
        yield "</details>"


def _document(revision: Revision) -> dict[str, Any]:
    verdict = revision.revised.verdict
    namespace, name = revision.source.baseline.key
    return {
        "namespace": namespace,
        "name": name,
        "nsg": verdict.nsg,
        "state": revision.revised.state,
        "severity": verdict.severity,
        "severityReason": verdict.reason,
        "changes": [_change(change) for change in revision.changes],
        "exposure": [_exposure(exposed.document()) for exposed in verdict.exposure],
    }


def _change(change: Change) -> dict[str, Any]:
    document = change_document(change)
    kept = {key: document[key] for key in ("kind", "rule", "severity", "fields")}
    return {**kept, "before": document["approved"], "after": document["live"]}


def _exposure(document: dict[str, Any]) -> dict[str, Any]:
    renamed = {"approvedRule": "ruleBefore", "liveRule": "ruleAfter"}
    return {renamed.get(key, key): value for key, value in document.items()}


def _documents(difference: Difference) -> dict[str, Any]:
    violated = {"violations": violations.documents(difference.checked)} if difference.guardrails else {}
    return {"baselines": [_document(revision) for revision in difference.revisions], **violated}


def _json(difference: Difference) -> str:
    return json.dumps(_documents(difference), indent=2, ensure_ascii=False)


def _yaml(difference: Difference) -> str:
    return yaml.safe_dump(_documents(difference), sort_keys=False, allow_unicode=True).rstrip()


def _sarif(difference: Difference) -> str:
    results = [
        _result(revision, change)
        for revision in _differing(difference.revisions)
        for change in revision.revised.verdict.changes
    ]
    rules: dict[str, str] = {kind: f"Difference between two revisions of a baseline: {kind}" for kind in KIND_ORDER}
    if difference.guardrails is None:
        return log(results, rules)
    violated = violation_results(difference.checked, difference.guardrails)
    return log([*results, *violated], {**rules, **violations.RULES})


def _result(revision: Revision, change: Change) -> dict[str, Any]:
    traffic = "; ".join(line(status) for status in statuses(revision.revised.verdict.exposure_of(change)))
    return {
        "ruleId": change.kind,
        "level": LEVELS[change.severity],
        "message": {"text": f"{heading(change)}: {traffic or 'no effect on traffic'}"},
        "locations": [place(*revision.source.place(field_of(revision.source.baseline, change)))],
        "partialFingerprints": {"change/v1": change.fingerprint},
    }


FORMS: dict[str, Callable[[Difference], str]] = {
    "table": _table,
    "json": _json,
    "yaml": _yaml,
    "markdown": _markdown,
    "sarif": _sarif,
}
