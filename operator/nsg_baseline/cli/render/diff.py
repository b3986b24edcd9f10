"""Revisions of baselines on paper."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from nsg_baseline.cli.plan_result import change_document, field_of
from nsg_baseline.cli.render.markdown import cell, plain
from nsg_baseline.cli.render.sarif import LEVELS, log, place
from nsg_baseline.cli.render.settings import sides
from nsg_baseline.cli.render.table import heading
from nsg_baseline.cli.sources import Sourced
from nsg_baseline.core.baseline_diff import BaselineDiff
from nsg_baseline.core.changes import KIND_ORDER, Change
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.exposure_lines import line, lines, statuses
from nsg_baseline.core.text.phrasing import counted

_REMOVED = "the baseline is removed: its NSG is no longer watched"


@dataclass(frozen=True, slots=True)
class Revision:
    """One baseline in its file, before and after."""

    source: Sourced
    revised: BaselineDiff

    @property
    def changes(self) -> tuple[Change, ...]:
        """What changes, settings last."""
        return (*self.revised.verdict.changes, *self.revised.settings)

    @property
    def name(self) -> str:
        """Namespace and name of the baseline."""
        return "/".join(self.source.baseline.key)

    @property
    def head(self) -> str:
        """What happens to the baseline, and how much that weighs."""
        verdict = self.revised.verdict
        weight = f", {verdict.severity}: {verdict.reason}" if verdict.severity else ""
        return f"{self.revised.state.lower()}{weight}"


def _heading(one: Revision, change: Change) -> str:
    """Name a change; a setting of the baseline is no change of the NSG."""
    return f"baseline's {change.fields[0]}" if change in one.revised.settings else heading(change)


def _differing(found: Sequence[Revision]) -> list[Revision]:
    return [one for one in found if not one.revised.same]


def _summary(found: Sequence[Revision]) -> str:
    return f"{counted(len(found), 'baseline')}, {len(_differing(found))} with another meaning"


def _table(found: Sequence[Revision]) -> str:
    return "\n".join([*(text for one in _differing(found) for text in _lines(one)), _summary(found)])


def _lines(one: Revision) -> Iterator[str]:
    yield f"{one.name}  NSG {NSGId.parse(one.revised.verdict.nsg).name}  {one.head}"
    if one.revised.state == "Removed":
        yield f"  {_REMOVED}"
    yield from (f"  {text}" for text in lines(statuses(one.revised.verdict.exposure)))
    for change in one.changes:
        before, after = sides(change)
        yield f"  {change.severity}  {_heading(one, change)}"
        yield f"    before: {before or '-'}"
        yield f"    after:  {after or '-'}"


def _markdown(found: Sequence[Revision]) -> str:
    return "\n".join(
        [f"### NSG baselines: {_summary(found)}", *(t for one in _differing(found) for t in _section(one))]
    )


def _section(one: Revision) -> Iterator[str]:
    verdict = one.revised.verdict
    yield ""
    yield f"**{plain(NSGId.parse(verdict.nsg).name)}** ({plain(one.name)}), {plain(one.head)}"
    yield ""
    if one.revised.state == "Removed":
        yield f"- {_REMOVED}"
    told = lines(statuses(verdict.exposure))
    yield from (f"- {plain(text)}" for text in told or ("no connection is decided otherwise",))
    if one.changes:
        yield ""
        yield "<details><summary>" + counted(len(one.changes), "change") + "</summary>"
        yield ""
        yield "| Change | Severity | Before | After |"
        yield "|---|---|---|---|"
        for change in one.changes:
            before, after = (cell(text or None) for text in sides(change))
            yield f"| {cell(_heading(one, change))} | {change.severity} | {before} | {after} |"
        yield ""
        yield "</details>"


def _document(one: Revision) -> dict[str, Any]:
    verdict = one.revised.verdict
    namespace, name = one.source.baseline.key
    return {
        "namespace": namespace,
        "name": name,
        "nsg": verdict.nsg,
        "state": one.revised.state,
        "severity": verdict.severity,
        "severityReason": verdict.reason,
        "changes": [_change(change) for change in one.changes],
        "exposure": [_exposure(exposed.document()) for exposed in verdict.exposure],
    }


def _change(change: Change) -> dict[str, Any]:
    known = change_document(change)
    kept = {key: known[key] for key in ("kind", "rule", "severity", "fields")}
    return {**kept, "before": known["approved"], "after": known["live"]}


def _exposure(document: dict[str, Any]) -> dict[str, Any]:
    renamed = {"approvedRule": "ruleBefore", "liveRule": "ruleAfter"}
    return {renamed.get(key, key): value for key, value in document.items()}


def _documents(found: Sequence[Revision]) -> dict[str, Any]:
    return {"baselines": [_document(one) for one in found]}


def _json(found: Sequence[Revision]) -> str:
    return json.dumps(_documents(found), indent=2, ensure_ascii=False)


def _yaml(found: Sequence[Revision]) -> str:
    return yaml.safe_dump(_documents(found), sort_keys=False, allow_unicode=True).rstrip()


def _sarif(found: Sequence[Revision]) -> str:
    results = [_result(one, change) for one in _differing(found) for change in one.revised.verdict.changes]
    return log(results, {kind: f"A baseline's change: {kind}" for kind in KIND_ORDER})


def _result(one: Revision, change: Change) -> dict[str, Any]:
    told = "; ".join(line(status) for status in statuses(one.revised.verdict.exposure_of(change)))
    return {
        "ruleId": change.kind,
        "level": LEVELS[change.severity],
        "message": {"text": f"{heading(change)}: {told or 'no connection is decided otherwise'}"},
        "locations": [place(*one.source.place(field_of(one.source.baseline, change)))],
        "partialFingerprints": {"change/v1": change.fingerprint},
    }


FORMS: dict[str, Callable[[Sequence[Revision]], str]] = {
    "table": _table,
    "json": _json,
    "yaml": _yaml,
    "markdown": _markdown,
    "sarif": _sarif,
}
