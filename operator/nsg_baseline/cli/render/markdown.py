"""For a pull request's comment."""

from collections.abc import Iterator, Mapping

from nsg_baseline.cli.plan_result import Plan
from nsg_baseline.cli.plan_writes import Write
from nsg_baseline.cli.render.table import heading
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.exposure_lines import lines, statuses
from nsg_baseline.core.text.rule_lines import side_line


def markdown(plan: Plan, writes: Mapping[str, Write] | None = None) -> str:
    """Return the plan as GitHub-flavoured Markdown."""
    return "\n".join(_lines(plan, writes or {}))


def _lines(plan: Plan, writes: Mapping[str, Write]) -> Iterator[str]:
    counts = f"{len(plan.drifted)} drifted, {len(plan.unbaselined)} without a baseline"
    unknown = f"{len(plan.unknown)} unknown, the listing has a next page" if plan.incomplete else ""
    found = counts if not plan.in_order else "" if unknown else "in order"
    yield f"### NSG baselines: {', '.join(filter(None, (found, unknown)))}"
    for one in plan.drifted:
        yield ""
        verdict = one.verdict
        yield f"**{NSGId.parse(verdict.nsg).name}** ({'/'.join(one.source.baseline.key)}), **{verdict.severity}**"
        yield ""
        if verdict.reason:
            yield f"Because {plain(verdict.reason)}."
            yield ""
        yield from (f"- {plain(told)}" for told in lines(statuses(verdict.exposure)))
        if verdict.exposure:
            yield ""
        yield "| Change | Severity | Approved | Live |"
        yield "|---|---|---|---|"
        for change in one.verdict.changes:
            sides = (cell(side_line(side)) for side in (change.approved, change.live))
            yield f"| {cell(heading(change))} | {change.severity} | {' | '.join(sides)} |"
        if verdict.nsg in writes:
            yield ""
            yield from (f"- enforce: {plain(told)}" for told in writes[verdict.nsg].lines())
    if plan.unbaselined:
        yield ""
        yield "NSGs without a baseline:"
        yield ""
        for stray in plan.unbaselined:
            yield f"- `{stray.change.nsg}`, **{stray.change.severity}**: {plain(stray.reason or '')}"
            yield from (f"  - {plain(told)}" for told in lines(statuses(stray.exposure)))


def plain(text: str) -> str:
    """Return a text in which nothing is taken for markup: names of rules hold underscores, and any holds *."""
    return "".join(f"\\{sign}" if sign in "\\`*_<>|[]" else sign for sign in text)


def cell(text: str | None) -> str:
    """Return a text as code in a cell of a table."""
    return "none" if not text else "`" + text.replace("|", "\\|").replace("`", "'") + "`"
