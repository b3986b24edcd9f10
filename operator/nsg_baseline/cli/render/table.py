"""For a terminal: what deviates, with before and after; the rest is counted."""

from collections.abc import Iterator, Mapping

from nsg_baseline.cli.plan_result import Plan, PlannedNSG
from nsg_baseline.cli.plan_writes import Write
from nsg_baseline.core.changes import Change
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.exposure_lines import lines, statuses
from nsg_baseline.core.text.phrasing import counted
from nsg_baseline.core.text.rule_lines import side_line


def table(plan: Plan, writes: Mapping[str, Write] | None = None) -> str:
    """Return the plan as lines that read on a narrow terminal too."""
    return "\n".join(_lines(plan, writes or {}))


def _lines(plan: Plan, writes: Mapping[str, Write]) -> Iterator[str]:
    for one in plan.drifted:
        verdict = one.verdict
        name, reason = NSGId.parse(verdict.nsg).name, f": {verdict.reason}" if verdict.reason else ""
        yield f"{'/'.join(one.source.baseline.key)}  {verdict.severity}  NSG {name}{reason}"
        yield from _changes(one)
        yield from (f"  {told}" for told in lines(statuses(verdict.exposure)))
        if verdict.nsg in writes:
            yield from (f"  enforce: {told}" for told in writes[verdict.nsg].lines())
    for stray in plan.unbaselined:
        yield f"no baseline  {stray.change.severity}  {stray.change.nsg}: {stray.reason}"
        yield from (f"  {told}" for told in lines(statuses(stray.exposure)))
    counts = [counted(len(plan.baselines), "baseline"), f"{len(plan.drifted)} drifted"]
    counts += [] if plan.strays_unknown else [f"{counted(len(plan.unbaselined), 'NSG')} without a baseline"]
    counts += [f"{len(plan.unknown)} unknown"] if plan.incomplete else []
    yield ", ".join(counts)


def _changes(one: PlannedNSG) -> Iterator[str]:
    for change in one.verdict.changes:
        owner = f", a rule of {change.tolerated_by}" if change.tolerated_by else ""
        yield f"  {change.severity}  {heading(change)}{owner}"
        yield f"    approved: {side_line(change.approved) or '-'}"
        yield f"    live:     {side_line(change.live) or '-'}"


def heading(change: Change) -> str:
    """Return a change's name: what happened to what, and the fields that differ."""
    fields = f" ({', '.join(change.fields)})" if change.fields else ""
    return f"{change.kind} {change.rule or ''}".rstrip() + fields
