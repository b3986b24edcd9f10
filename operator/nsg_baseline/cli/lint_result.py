"""Lint findings with the file and line of each."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nsg_baseline.api.baseline import BaselineSpec, NSGBaseline
from nsg_baseline.api.problem import Problem
from nsg_baseline.api.validation import InvalidObject, name_problems, problems, read
from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.guardrail_files import GuardrailFiles
from nsg_baseline.cli.sources import documents_of, now
from nsg_baseline.cli.yaml_files import Document
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.guardrails import Violation
from nsg_baseline.core.lint import LEVELS, Finding, Level, lint
from nsg_baseline.core.text.guardrail_lines import decider, line

_IN_LIST = re.compile(r"spec\.rules\[(\d+)\]\.(\w+(?:Prefixes|Ranges))\[(\d+)\]")
_FIXES = {
    "InvalidForm": "see `kubectl explain nsgbaseline.spec`",
    "StarInList": "use the singular field instead of the list",
    "TooManyRules": "merge rules or split the NSG",
    "TooManyAddresses": "use larger prefixes, service tags or application security groups",
    "TooManyGroups": "merge application security groups",
}


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding and its location: a file and a 1-based line."""

    finding: Finding
    file: str
    line: int
    baseline: str


def lint_files(
    files: Sequence[str], severity_config: SeverityConfig, guardrails: GuardrailFiles | None = None
) -> list[Placed]:
    """Lint the NSGBaselines of files and folders, file by file, line by line.

    Raises:
        Failure: a file cannot be read, or none contains an NSGBaseline.
    """
    findings: list[Placed] = []
    duplicates = _Duplicates()
    baselines = False
    for document in documents_of(files):
        if isinstance(document.value, Mapping) and document.value.get("kind") == "NSGBaseline":
            baselines = True
            name = _name(document.value)
            document_findings = [*_findings(document, severity_config, guardrails), *duplicates.detect(document)]
            placed = (
                Placed(finding, document.file, document.line(finding.field), name) for finding in document_findings
            )
            findings += sorted(placed, key=lambda finding: (finding.line, LEVELS.index(finding.finding.level)))
    if not baselines:
        raise Failure(f"{', '.join(files)}: contains no NSGBaseline; pass a file or folder with baselines")
    return findings


def highest_level(findings: Iterable[Placed]) -> Level | None:
    """Return the most severe level; None without findings."""
    return min((placed.finding.level for placed in findings), key=LEVELS.index, default=None)


class _Duplicates:
    """Detects baselines that share a name or a target with an earlier document."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], str] = {}

    def detect(self, document: Document) -> Iterator[Finding]:
        """Yield a finding for the name and for the target if an earlier document has the same."""
        metadata, spec = (document.value.get(key) for key in ("metadata", "spec"))
        target = spec.get("target") if isinstance(spec, Mapping) else None
        nsg = target.get("resourceId") if isinstance(target, Mapping) else None
        if isinstance(metadata, Mapping):
            name = f"{metadata.get('namespace', 'default')}/{metadata.get('name')}"
            yield from self._register("DuplicateBaseline", name, "metadata.name", document)
        if isinstance(nsg, str):
            yield from self._register("DuplicateTarget", nsg.rstrip("/").lower(), "spec.target.resourceId", document)

    def _register(self, kind: str, key: str, field: str, document: Document) -> Iterator[Finding]:
        place = document.at(field)
        first = self._places.setdefault((kind, key), place)
        if first != place:
            subject = f"baseline {key}" if kind == "DuplicateBaseline" else "a baseline for this NSG"
            yield Finding(kind, field, f"{subject} is already defined at {first}", "remove one of the two")


def _findings(
    document: Document, severity_config: SeverityConfig, guardrails: GuardrailFiles | None
) -> Iterator[Finding]:
    try:
        baseline = read(NSGBaseline, document.value)
    except InvalidObject as error:
        yield from (_invalid(problem, document.value) for problem in error.problems)
        return
    yield from (_invalid(problem, document.value) for problem in name_problems(baseline.metadata))
    wrong = problems(baseline.spec)
    yield from (_invalid(problem, document.value) for problem in wrong)
    # With duplicate names or priorities, the deciding rule is ambiguous.
    if not any(problem.id.startswith("Duplicate") for problem in wrong):
        yield from lint(baseline.spec, now(), severity_config)
        if guardrails is not None:
            checked = guardrails.of_baseline(baseline.spec, now(), severity_config.tags)
            yield from (_violation(violation, baseline.spec) for violation in checked.violations)


def _violation(violation: Violation, spec: BaselineSpec) -> Finding:
    name = decider(violation)
    text = f"{line(violation)} ({violation.severity})"
    forbidden = "narrow or remove the rule" if violation.effect == "Allowed" else "allow this traffic before that rule"
    fix = f"{forbidden}, or add an exception to the guardrail"
    return Finding("GuardrailViolated", _field_of_rule(spec, name), text, fix, name)


def _field_of_rule(spec: BaselineSpec, name: str | None) -> str:
    """Return the field of the rule or exception with a name; `spec.rules` for a default rule."""
    for index, exception in enumerate(spec.exceptions):
        if exception.rule.name == name:
            return f"spec.exceptions[{index}].rule"
    return next((f"spec.rules[{index}]" for index, rule in enumerate(spec.rules) if rule.name == name), "spec.rules")


def _invalid(problem: Problem, document: Mapping[str, Any]) -> Finding:
    kind = _kind(problem, document)
    return Finding(kind, problem.field, problem.message, problem.fix or _FIXES.get(kind, "correct the value"))


def _kind(problem: Problem, document: Mapping[str, Any]) -> str:
    place = _IN_LIST.fullmatch(problem.field)
    if place is not None and problem.id == "InvalidForm":
        value = document["spec"]["rules"][int(place[1])][place[2]][int(place[3])]
        return "StarInList" if value == "*" else problem.id
    return problem.id


def _name(document: Mapping[str, Any]) -> str:
    metadata = document.get("metadata")
    return str(metadata.get("name", "?")) if isinstance(metadata, Mapping) else "?"
