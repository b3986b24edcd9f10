"""Renders a plan for a terminal: drift with approved and live values, and counts."""

from collections.abc import Iterator, Mapping

from nsg_baseline.cli.plan_result import Plan, PlannedNSG
from nsg_baseline.cli.plan_writes import Write
from nsg_baseline.cli.render.violations import table_lines
from nsg_baseline.core.changes import Change
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.exposure_lines import lines, statuses
from nsg_baseline.core.text.phrasing import counted
from nsg_baseline.core.text.rule_lines import side_line


def table(plan: Plan, writes: Mapping[str, Write] | None = None) -> str:
    """Return the plan as plain text for narrow terminals."""
    return "\n".join(_lines(plan, writes or {}))


def _lines(plan: Plan, writes: Mapping[str, Write]) -> Iterator[str]:
    for planned in plan.drifted:
        verdict = planned.verdict
        name, reason = NSGId.parse(verdict.nsg).name, f": {verdict.reason}" if verdict.reason else ""
        yield f"{'/'.join(planned.source.baseline.key)}  {verdict.severity}  NSG {name}{reason}"
        yield from _changes(planned)
        yield from (f"  {text}" for text in lines(statuses(verdict.exposure)))
        if verdict.nsg in writes:
            yield from (f"  enforce: {text}" for text in writes[verdict.nsg].lines())
    for unbaselined in plan.unbaselined:
        yield f"no baseline  {unbaselined.change.severity}  {unbaselined.change.nsg}: {unbaselined.reason}"
        yield from (f"  {text}" for text in lines(statuses(unbaselined.exposure)))
    yield from table_lines(plan.checked)
    counts = [counted(len(plan.baselines), "baseline"), f"{len(plan.drifted)} drifted"]
    counts += [] if plan.unbaselined_unknown else [f"{counted(len(plan.unbaselined), 'NSG')} without a baseline"]
    counts += [f"{len(plan.unknown)} unknown"] if plan.incomplete else []
    counts += [f"{len(plan.violating)} violating a guardrail"] if plan.guardrails is not None else []
    yield ", ".join(counts)


def _changes(planned: PlannedNSG) -> Iterator[str]:
    for change in planned.verdict.changes:
        owner = f", tolerated rule of {change.tolerated_by}" if change.tolerated_by else ""
        echo = f": {change.echo}" if change.echo else ""
        yield f"  {change.severity}  {heading(change)}{owner}{echo}"
        yield f"    approved: {side_line(change.approved) or 'none'}"
        yield f"    live:     {side_line(change.live) or 'none'}"


def heading(change: Change) -> str:
    """Return kind, rule and differing fields of a change."""
    fields = f" ({', '.join(change.fields)})" if change.fields else ""
    return f"{change.kind} {change.rule or ''}".rstrip() + fields
