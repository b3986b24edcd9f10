"""Renders a plan as Markdown for a pull request comment."""

from collections.abc import Iterator, Mapping

from nsg_baseline.cli.plan_result import Plan
from nsg_baseline.cli.plan_writes import Write
from nsg_baseline.cli.render.table import heading
from nsg_baseline.cli.render.violations import Checked, subject, violating
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.exposure_lines import lines, statuses
from nsg_baseline.core.text.guardrail_lines import line
from nsg_baseline.core.text.rule_lines import side_line


def markdown(plan: Plan, writes: Mapping[str, Write] | None = None) -> str:
    """Return the plan as GitHub-flavoured Markdown."""
    return "\n".join(_lines(plan, writes or {}))


def _lines(plan: Plan, writes: Mapping[str, Write]) -> Iterator[str]:
    counts = f"{len(plan.drifted)} drifted, {len(plan.unbaselined)} without a baseline"
    counts += f", {len(plan.violating)} violating a guardrail" if plan.guardrails is not None else ""
    unknown = f"{len(plan.unknown)} unknown because the input has a next page" if plan.incomplete else ""
    state = counts if not plan.in_order else "" if unknown else "in order"
    yield f"### NSG baselines: {', '.join(filter(None, (state, unknown)))}"
    for planned in plan.drifted:
        yield ""
        verdict = planned.verdict
        yield f"**{NSGId.parse(verdict.nsg).name}** ({'/'.join(planned.source.baseline.key)}), **{verdict.severity}**"
        yield ""
        if verdict.reason:
            yield f"Reason: {plain(verdict.reason)}."
            yield ""
        yield from (f"- {plain(text)}" for text in lines(statuses(verdict.exposure)))
        if verdict.exposure:
            yield ""
        yield "| Change | Severity | Approved | Live |"
        yield "|---|---|---|---|"
        for change in planned.verdict.changes:
            sides = (cell(side_line(side)) for side in (change.approved, change.live))
            yield f"| {cell(heading(change))} | {change.severity} | {' | '.join(sides)} |"
        if verdict.nsg in writes:
            yield ""
            yield from (f"- enforce: {plain(text)}" for text in writes[verdict.nsg].lines())
    if plan.unbaselined:
        yield ""
        yield "NSGs without a baseline:"
        yield ""
        for unbaselined in plan.unbaselined:
            yield f"- `{unbaselined.change.nsg}`, **{unbaselined.change.severity}**: {plain(unbaselined.reason or '')}"
            yield from (f"  - {plain(text)}" for text in lines(statuses(unbaselined.exposure)))
    if plan.violating:
        yield ""
        yield "Violated guardrails:"
        yield ""
        yield from violation_lines(plan.checked)


def violation_lines(checked: Checked) -> Iterator[str]:
    """Yield violations of guardrails as a list."""
    for nsg in violating(checked):
        yield f"- {plain(subject(nsg))}, **{nsg.severity}**"
        yield from (f"  - {plain(line(violation))}" for violation in nsg.violations)


def plain(text: str) -> str:
    """Return a text with Markdown escaped: names of rules may contain underscores, and addresses may be *."""
    return "".join(f"\\{sign}" if sign in "\\`*_<>|[]" else sign for sign in text)


def cell(text: str | None) -> str:
    """Return a text as code for a table cell."""
    return "none" if not text else "`" + text.replace("|", "\\|").replace("`", "'") + "`"
