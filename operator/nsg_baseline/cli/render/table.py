"""For a terminal: what deviates, with before and after; the rest is counted."""

from collections.abc import Iterator

from nsg_baseline.cli.planned import Plan, Planned
from nsg_baseline.core.changes import Change
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.words import side_line


def table(plan: Plan) -> str:
    """Return the plan as lines that read on a narrow terminal too."""
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    for one in plan.deviating:
        yield f"{'/'.join(one.source.baseline.key)}  {one.verdict.severity}  NSG {NSGId.parse(one.verdict.nsg).name}"
        yield from _changes(one)
    for change in plan.unbaselined:
        yield f"no baseline  {change.severity}  {change.nsg}"
    judged, wrong, alone = len(plan.baselines), len(plan.deviating), len(plan.unbaselined)
    yield f"{judged} baselines, {wrong} deviating, {alone} NSGs without a baseline"


def _changes(one: Planned) -> Iterator[str]:
    for change in one.verdict.changes:
        yield f"  {heading(change)}"
        yield f"    approved: {side_line(change.approved) or '-'}"
        yield f"    live:     {side_line(change.live) or '-'}"


def heading(change: Change) -> str:
    """Return a change's name: what happened to what, and the fields that differ."""
    fields = f" ({', '.join(change.fields)})" if change.fields else ""
    return f"{change.kind} {change.rule or ''}".rstrip() + fields
