"""The evidence of a time on paper: Markdown, JSON, and one page of HTML that needs nothing else."""

import html
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

from nsg_baseline.api.common import format_time
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.cli.incidents import age, document
from nsg_baseline.cli.render.markdown import plain
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.exposure_lines import lines
from nsg_baseline.core.text.phrasing import counted, listed


@dataclass(frozen=True, slots=True)
class Report:
    """Incidents of a time, the oldest first."""

    incidents: tuple[NSGIncident, ...]
    since: datetime
    until: datetime

    @property
    def summary(self) -> str:
        """The time in one line."""
        levels = Counter(one.status.severity or "info" for one in self.incidents)
        told = listed([f"{levels[level]} {level}" for level in SEVERITIES if levels[level]])
        still = sum(one.status.state == "Open" for one in self.incidents)
        return f"{counted(len(self.incidents), 'incident')}{f' ({told})' if told else ''}, {still} still open"


def _subject(one: NSGIncident) -> str:
    return f"NSG {NSGId.parse(one.spec.nsg).name}" if one.spec.nsg else f"scope {one.spec.scope}"


def _facts(one: NSGIncident) -> Iterator[tuple[str, str]]:
    status = one.status
    if status.opened_at is not None:
        yield "opened", format_time(status.opened_at)
    ended = f"{format_time(status.resolved_at)}, {status.resolution}" if status.resolved_at else "still open"
    yield "ended", ended
    yield "open for", age(one)
    if status.severity_reason:
        yield "weighs", f"{status.severity}, because {status.severity_reason}"
    for who in status.changed_by:
        by = f"{who.name} ({who.kind})" + (f" from {who.address}" if who.address else "")
        yield "who", by + (f" with {who.client}" if who.client else "") + f", {format_time(who.at)}, {who.operation}"
    if not status.changed_by and one.spec.kind != "WatchLost":
        yield "who", "not in Azure's Activity Log" if status.attribution == "NotFound" else "not known"
    if one.spec.acknowledged is not None:
        yield "acknowledged", f"by {one.spec.acknowledged.by} {one.spec.acknowledged.note}".rstrip()
    for action in status.actions:
        yield "operator", f"{action.kind}, {format_time(action.at)}: {action.reason} {action.message}".rstrip()
    if one.spec.nsg:
        yield "resource", one.spec.nsg
    yield "incident", "/".join(one.key)


def _changes(one: NSGIncident) -> Iterator[str]:
    for change in one.status.changes:
        sides = f"approved {change.approved or 'none'}; live {change.live or 'none'}"
        yield f"{change.kind} {change.rule or ''}".rstrip() + f": {sides}"


def _markdown(report: Report) -> str:
    return "\n".join(_markdown_lines(report))


def _markdown_lines(report: Report) -> Iterator[str]:
    yield f"# NSG incidents, {format_time(report.since)} to {format_time(report.until)}"
    yield ""
    yield report.summary
    for one in report.incidents:
        yield ""
        weight = (one.status.severity or "info").upper()
        yield f"## {plain(f'[{weight}] {_subject(one)}: {one.status.summary}')}"
        yield ""
        yield from (f"- {plain(text)}" for text in lines(one.status.exposure))
        yield from (f"- {name}: {plain(text)}" for name, text in _facts(one))
        yield from (f"- `{text}`" for text in _changes(one))


def _html(report: Report) -> str:
    title = f"NSG incidents, {format_time(report.since)} to {format_time(report.until)}"
    body = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(report.summary)}</p>",
        *_timeline(report),
        *map(_article, report.incidents),
    ]
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_style()}</style></head>"
    )
    return head + "<body>" + "\n".join(body) + "</body></html>"


def _style() -> str:
    return resources.files(__package__).joinpath("report.css").read_text(encoding="utf-8")


def _timeline(report: Report) -> Iterator[str]:
    span = max((report.until - report.since).total_seconds(), 1.0)
    for one in report.incidents:
        start = max(one.status.opened_at or report.since, report.since)
        end = min(one.status.resolved_at or report.until, report.until)
        left = 100 * (start - report.since).total_seconds() / span
        width = 100 * max((end - start).total_seconds(), 0) / span
        name = html.escape(f"{_subject(one)}, {age(one)}")
        yield (
            f'<div class="line"><span title="{name}">{name}</span><div class="track">'
            f'<div class="bar {one.status.severity or "info"}" style="left:min({left:.2f}%,100% - .3rem);'
            f'width:{width:.2f}%"></div></div></div>'
        )
    yield (f'<div class="scale"><span>{format_time(report.since)}</span><span>{format_time(report.until)}</span></div>')


def _article(one: NSGIncident) -> str:
    status = one.status
    severity = status.severity or "info"
    traffic = "".join(f"<li>{html.escape(text)}</li>" for text in lines(status.exposure))
    facts = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in _facts(one))
    changes = "".join(f"<li><code>{html.escape(text)}</code></li>" for text in _changes(one))
    return (
        f'<article class="{severity}"><h2>[{severity.upper()}] {html.escape(f"{_subject(one)}: {status.summary}")}</h2>'
        f"<ul>{traffic}</ul><dl>{facts}</dl><ul>{changes}</ul></article>"
    )


def _json(report: Report) -> str:
    told = {
        "since": format_time(report.since),
        "until": format_time(report.until),
        "incidents": [document(one) for one in report.incidents],
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


FORMS: dict[str, Callable[[Report], str]] = {"markdown": _markdown, "html": _html, "json": _json}
