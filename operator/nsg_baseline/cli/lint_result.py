"""Findings in files: each with file and line."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.problem import Problem
from nsg_baseline.api.validation import InvalidObject, problems, read
from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.sources import documents_of, now
from nsg_baseline.cli.yaml_files import Document
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.lint import LEVELS, Finding, Level, lint

_IN_LIST = re.compile(r"spec\.rules\[(\d+)\]\.(\w+(?:Prefixes|Ranges))\[(\d+)\]")
_WAYS_OUT = {
    "InvalidForm": "see `kubectl explain nsgbaseline.spec`",
    "StarInList": "write it in the singular field, by itself",
    "TooManyRules": "merge rules, or split the NSG",
}


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding at its line."""

    finding: Finding
    file: str
    line: int
    baseline: str


def lint_files(files: Iterable[str], yardstick: SeverityConfig) -> list[Placed]:
    """Lint the NSGBaselines of files and folders, file by file, line by line.

    Raises:
        Failure: a file cannot be read, or there is no NSGBaseline in any.
    """
    found: list[Placed] = []
    seen = _Seen()
    baselines = False
    for document in documents_of(files):
        if isinstance(document.value, Mapping) and document.value.get("kind") == "NSGBaseline":
            baselines = True
            name = _name(document.value)
            odd = [*_found(document, yardstick), *seen.twice(document)]
            placed = (Placed(one, document.file, document.line(one.field), name) for one in odd)
            found += sorted(placed, key=lambda one: (one.line, LEVELS.index(one.finding.level)))
    if not baselines:
        raise Failure("there is no NSGBaseline in these files")
    return found


def loudest(found: Iterable[Placed]) -> Level | None:
    """Return the loudest level; None for nothing found."""
    return min((one.finding.level for one in found), key=LEVELS.index, default=None)


class _Seen:
    """What the documents so far speak of."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], str] = {}

    def twice(self, document: Document) -> Iterator[Finding]:
        """Yield what a document has in common with an earlier one and must not."""
        metadata, spec = (document.value.get(key) for key in ("metadata", "spec"))
        target = spec.get("target") if isinstance(spec, Mapping) else None
        nsg = target.get("resourceId") if isinstance(target, Mapping) else None
        if isinstance(metadata, Mapping):
            name = f"{metadata.get('namespace', 'default')}/{metadata.get('name')}"
            yield from self._again("DuplicateBaseline", name, "metadata.name", f"{name} is written", document)
        if isinstance(nsg, str):
            known, field = nsg.rstrip("/").lower(), "spec.target.resourceId"
            yield from self._again("DuplicateTarget", known, field, "this NSG is spoken for", document)

    def _again(self, kind: str, what: str, field: str, said: str, document: Document) -> Iterator[Finding]:
        here = document.at(field)
        first = self._places.setdefault((kind, what), here)
        if first != here:
            yield Finding(kind, field, f"{said} at {first} too", "keep one of the two")


def _found(document: Document, yardstick: SeverityConfig) -> Iterator[Finding]:
    try:
        baseline = read(NSGBaseline, document.value)
    except InvalidObject as error:
        yield from (_refused(problem, document.value) for problem in error.problems)
        return
    wrong = problems(baseline.spec)
    yield from (_refused(problem, document.value) for problem in wrong)
    # With two rules of one name, or one priority, nothing can be said about who decides what.
    if not any(problem.id.startswith("Duplicate") for problem in wrong):
        yield from lint(baseline.spec, now(), yardstick)


def _refused(problem: Problem, document: Mapping[str, Any]) -> Finding:
    kind = _kind(problem, document)
    message, _, way_out = problem.message.partition("; ")
    return Finding(kind, problem.field, message, _WAYS_OUT.get(kind) or way_out or "see the message")


def _kind(problem: Problem, document: Mapping[str, Any]) -> str:
    place = _IN_LIST.fullmatch(problem.field)
    if place is not None and problem.id == "InvalidForm":
        value = document["spec"]["rules"][int(place[1])][place[2]][int(place[3])]
        return "StarInList" if value == "*" else problem.id
    if problem.field == "spec.rules" and "at most" in problem.message:
        return "TooManyRules"
    return problem.id


def _name(document: Mapping[str, Any]) -> str:
    metadata = document.get("metadata")
    return str(metadata.get("name", "?")) if isinstance(metadata, Mapping) else "?"
