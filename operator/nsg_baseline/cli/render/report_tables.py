"""The tables of a report: coverage, approvals and routes. The same for Markdown and HTML."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import Condition, Conditions, format_time
from nsg_baseline.api.scope import AllowedNamespaces, NSGScope
from nsg_baseline.cli.evidence.documents import rules_digest
from nsg_baseline.cli.evidence.gather import Stored
from nsg_baseline.cli.evidence.provenance import Provenance
from nsg_baseline.cli.evidence.report import Report
from nsg_baseline.cli.evidence.review import review_text
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.phrasing import counted


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `empty` is shown if it has no rows."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str


def tables(report: Report) -> list[Table]:
    """Return all tables."""
    return [_unwatched(report), _scopes(report), _baselines(report), _exceptions(report), _routes(report)]


def limits(report: Report) -> Iterator[str]:
    """Yield what the report does not show, one sentence each."""
    evidence = report.evidence
    yield from (f"Not read: {gap}." for gap in evidence.gaps)
    if evidence.namespace is not None:
        yield (
            f"Only namespace {evidence.namespace} was read. Incidents about scopes that cannot be read are in the "
            "operator's namespace."
        )
    yield (
        "A scope counts as not watched when it could not be read for three intervals, ten minutes at most; the period "
        "begins with the first failure."
    )
    yield (
        "The operator does not record the times at which it did not run itself: see the metric "
        "nsg_baseline_scope_last_success_timestamp_seconds."
    )
    yield (
        "Scopes, baselines, exceptions and routes are shown as they were when the report was made. The archive of "
        "nsgb report --append has the earlier ones."
    )


def coverage_lines(report: Report) -> Iterator[str]:
    """Yield what the report covers."""
    evidence = report.evidence
    identity = f" (id {evidence.cluster_id})" if evidence.cluster_id else ""
    yield f"Cluster: {evidence.server or 'not recorded'}{identity}"
    place = "all" if evidence.namespace is None else evidence.namespace
    yield f"Namespaces: {place}; with objects: {', '.join(evidence.namespaces) or 'none'}"


def _unwatched(report: Report) -> Table:
    rows = [
        (
            period.scope,
            format_time(period.start),
            format_time(period.end) if period.end is not None else "still not watched",
            period.duration(report.until),
            period.reason,
        )
        for period in report.unwatched
    ]
    empty = "No scope was unreadable in this period."
    return Table("Not watched", ("Scope", "From", "To", "Duration", "Reason"), tuple(rows), empty)


def _scopes(report: Report) -> Table:
    head = ("Scope", "Covers", "State", "NSGs", "Namespaces", "Enforcement", "Last written")
    rows = [_scope_row(item) for item in sorted(report.evidence.scopes, key=lambda item: item.resource.key)]
    return Table("Scopes", head, tuple(rows), "No scope was read, so the report cannot say what was watched.")


def _scope_row(item: Stored[NSGScope]) -> tuple[str, ...]:
    scope, status = item.resource, item.resource.status
    groups = scope.spec.resource_groups
    ignored = [*scope.spec.unbaselined.ignore_resource_groups, *scope.spec.unbaselined.ignore_names]
    unreported = "all" if scope.spec.unbaselined.mode == "Ignore" else ", ".join(ignored)
    enforcement = "suspended" if scope.spec.suspend_enforcement else scope.spec.max_mode
    return (
        scope.metadata.name,
        f"subscription {scope.spec.subscription_id}, "
        + (f"resource groups {', '.join(groups)}" if groups else "all resource groups")
        + (f"; NSGs without a baseline not reported: {unreported}" if unreported else ""),
        _state(status.conditions, "Ready"),
        f"{status.nsgs}, {status.baselines} with a baseline, {status.drifted} drifted",
        _namespaces(scope.spec.allowed_namespaces),
        enforcement,
        _written(item.provenance),
    )


def _namespaces(allowed: AllowedNamespaces | None) -> str:
    if allowed is None:
        return "none"
    if allowed.all:
        return "all"
    if allowed.selector is not None:
        return "with " + ", ".join(f"{name}={value}" for name, value in allowed.selector.match_labels.items())
    return ", ".join(allowed.names or ())


def _baselines(report: Report) -> Table:
    head = ("Baseline", "NSG", "Mode", "State", "Approved rules", "Last written", "Approved in", "Reviewed")
    ordered = sorted(report.evidence.baselines, key=lambda item: item.resource.key)
    rows = tuple(_baseline_row(item, report.until) for item in ordered)
    return Table("Baselines: the approved rules", head, rows, "No baseline was read.")


def _baseline_row(item: Stored[NSGBaseline], until: datetime) -> tuple[str, ...]:
    baseline, edit = item.resource, item.provenance.last
    nsg = NSGId.parse(baseline.spec.target.resource_id)
    is_later = edit is not None and edit.at is not None and edit.at > until
    return (
        "/".join(baseline.key),
        f"{nsg.name} in {nsg.resource_group}",
        "suspended: not compared" if baseline.spec.suspend else baseline.status.effective_mode,
        _state(baseline.status.conditions, "Compliant"),
        f"{counted(len(baseline.spec.rules), 'rule')}, digest {rules_digest(baseline)}"
        + ("; written after the end of the period" if is_later else ""),
        _written(item.provenance),
        _references(item.provenance),
        review_text(baseline.spec.review, until),
    )


def _exceptions(report: Report) -> Table:
    head = ("Exception of", "Allows", "Until", "Reason", "Approved by")
    rows = [*_rule_exceptions(report), *_guardrail_exceptions(report)]
    return Table("Exceptions", head, tuple(rows), "No exceptions.")


def _rule_exceptions(report: Report) -> Iterator[tuple[str, ...]]:
    for item in sorted(report.evidence.baselines, key=lambda item: item.resource.key):
        for exception in item.resource.spec.exceptions:
            yield (
                f"baseline {'/'.join(item.resource.key)}",
                f"rule {exception.rule.name}",
                _end(exception.until, report.until),
                exception.reason,
                exception.approved_by,
            )


def _guardrail_exceptions(report: Report) -> Iterator[tuple[str, ...]]:
    for item in sorted(report.evidence.guardrails, key=lambda item: item.resource.key):
        for exception in item.resource.spec.exceptions:
            nsg = NSGId.parse(exception.resource_id)
            yield (
                f"guardrail {item.resource.metadata.name}",
                f"NSG {nsg.name} in {nsg.resource_group}",
                _end(exception.until, report.until),
                exception.reason,
                exception.approved_by,
            )


def _end(time: datetime, until: datetime) -> str:
    return f"{format_time(time)}{', ended' if time <= until else ''}"


def _routes(report: Report) -> Table:
    head = ("Route", "Sends", "State", "Channels", "Last written")
    rows = []
    for item in sorted(report.evidence.routes, key=lambda item: item.resource.key):
        route, status = item.resource, item.resource.status
        missing = f", {status.undelivered} notifications not delivered" if status.undelivered else ""
        rows.append(
            (
                "/".join(route.key),
                "nothing: suspended"
                if route.spec.suspend
                else f"{route.spec.min_severity} and above: {', '.join(route.spec.kinds)}",
                _state(status.conditions, "Ready"),
                f"{status.channels}{missing}",
                _written(item.provenance),
            )
        )
    return Table("Routes: who is notified", head, tuple(rows), "No route was read, so nobody is notified.")


def _state(conditions: Conditions, kind: str) -> str:
    condition: Condition | None = next((item for item in conditions if item.type == kind), None)
    if condition is None:
        return "not recorded"
    word = {"True": kind, "False": f"not {kind}", "Unknown": f"{kind} unknown"}[condition.status]
    if condition.reason == "Pending":
        return f"{word}: {condition.message}"
    return f"{word} since {format_time(condition.last_transition_time)}, {condition.reason}"


def _written(source: Provenance) -> str:
    """Return who wrote the spec, the latest first: it distinguishes Git from a manual edit."""
    texts = [f"{edit.manager}{f' at {format_time(edit.at)}' if edit.at else ''}" for edit in source.edits[:3]]
    return "; before: ".join(texts) or "not recorded"


def _references(source: Provenance) -> str:
    return ", ".join(_reference(name, value) for name, value in source.references) or "no reference"


def _reference(name: str, value: str) -> str:
    return f"{name.rsplit('/', 1)[-1]} {value}"
