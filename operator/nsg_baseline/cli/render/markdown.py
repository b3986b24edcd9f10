"""For a pull request's comment."""

from collections.abc import Iterator

from nsg_baseline.cli.planned import Plan
from nsg_baseline.cli.render.table import heading
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.words import side_line


def markdown(plan: Plan) -> str:
    """Return the plan as GitHub-flavoured Markdown."""
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    counts = f"{len(plan.deviating)} deviating, {len(plan.unbaselined)} without a baseline"
    yield f"### NSG baselines: {'in order' if plan.in_order else counts}"
    for one in plan.deviating:
        yield ""
        yield f"**{NSGId.parse(one.verdict.nsg).name}** ({'/'.join(one.source.baseline.key)}), {one.verdict.severity}"
        yield ""
        yield "| Change | Approved | Live |"
        yield "|---|---|---|"
        for change in one.verdict.changes:
            sides = (_cell(side_line(side)) for side in (change.approved, change.live))
            yield f"| {_cell(heading(change))} | {' | '.join(sides)} |"
    if plan.unbaselined:
        yield ""
        yield "NSGs without a baseline:"
        yield ""
        yield from (f"- `{change.nsg}`" for change in plan.unbaselined)


def _cell(text: str | None) -> str:
    return "none" if not text else "`" + text.replace("|", "\\|").replace("`", "'") + "`"
