"""Renders a report of incidents as Markdown, JSON, CSV, or one self-contained HTML page."""

import hashlib
import html
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.api.common import Severity, format_time
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.incident_changes import IncidentChange
from nsg_baseline.cli.incidents import document, duration
from nsg_baseline.cli.render.markdown import plain
from nsg_baseline.cli.render.report_csv import as_csv
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.exposure_lines import lines
from nsg_baseline.core.text.phrasing import counted, listed


@dataclass(frozen=True, slots=True)
class Report:
    """The incidents of a period, oldest first."""

    incidents: tuple[NSGIncident, ...]
    since: datetime
    until: datetime

    @property
    def summary(self) -> str:
        """Counts of incidents by severity and of open incidents."""
        levels = Counter(_level(incident) for incident in self.incidents)
        counts = listed([f"{levels[level]} {level}" for level in SEVERITIES if levels[level]])
        open_count = sum(incident.status.state == "Open" for incident in self.incidents)
        return f"{counted(len(self.incidents), 'incident')}{f' ({counts})' if counts else ''}, {open_count} open"

    @property
    def blind(self) -> list[str]:
        """Periods in which a scope could not be read."""
        return [
            f"scope {incident.spec.scope}: {format_time(incident.status.opened_at or self.since)} to "
            f"{format_time(incident.status.resolved_at) if incident.status.resolved_at else 'now'}"
            for incident in self.incidents
            if incident.spec.kind == "WatchLost"
        ]

    @property
    def digest(self) -> str:
        """SHA-256 of the incidents in `-o json`, by which a copy of the report can be compared."""
        documents = [document(incident) for incident in self.incidents]
        return hashlib.sha256(json.dumps(documents, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _level(incident: NSGIncident) -> Severity:
    """Return the highest severity of an incident."""
    return incident.status.highest_severity or incident.status.severity or "info"


def _subject(incident: NSGIncident) -> str:
    if incident.spec.guardrail is not None:
        return f"guardrail {incident.spec.guardrail} in scope {incident.spec.scope}"
    return f"NSG {NSGId.parse(incident.spec.nsg).name}" if incident.spec.nsg else f"scope {incident.spec.scope}"


def _facts(incident: NSGIncident) -> Iterator[tuple[str, str]]:
    status = incident.status
    if status.opened_at is not None:
        yield "opened", format_time(status.opened_at)
    ended = f"{format_time(status.resolved_at)}, {status.resolution}" if status.resolved_at else "not resolved"
    yield "ended", ended
    yield "duration", duration(incident)
    if status.severity_reason:
        yield "severity", f"{status.severity}, because {status.severity_reason}"
    for who in status.changed_by:
        by = f"{who.name} ({who.kind})" + (f" from {who.address}" if who.address else "")
        yield (
            "changed by" if who.certain else "possibly changed by",
            by + (f" with {who.client}" if who.client else "") + f", {format_time(who.at)}, {who.operation}",
        )
    if not status.changed_by and incident.spec.kind in ("Drift", "Unbaselined"):
        yield "changed by", "not in Azure's Activity Log" if status.attribution == "NotFound" else "not known yet"
    for action in status.actions:
        yield "operator", f"{action.kind}, {format_time(action.at)}: {action.reason} {action.message}".rstrip()
    for item in status.history:
        yield "history", f"{format_time(item.at)} {item.kind} [{item.severity}] {item.text}".rstrip()
    if incident.spec.nsg:
        yield "resource", incident.spec.nsg
    yield "incident", "/".join(incident.key)


def _changes(incident: NSGIncident) -> Iterator[str]:
    for change in (*incident.status.ended_changes, *incident.status.changes):
        sides = f"approved {change.approved or 'none'}; live {change.live or 'none'}"
        yield escape_controls(f"{change.kind} {change.rule or ''}".rstrip() + f": {sides}{_span(change)}")


def _span(change: IncidentChange) -> str:
    if change.since is None:
        return ""
    end = f" to {format_time(change.ended_at)} ({change.ended})" if change.ended_at is not None else ", open"
    return f"; {format_time(change.since)}{end}{f', by {listed(list(change.changed_by))}' if change.changed_by else ''}"


def _markdown(report: Report) -> str:
    return "\n".join(_markdown_lines(report))


def _markdown_lines(report: Report) -> Iterator[str]:
    yield f"# NSG incidents, {format_time(report.since)} to {format_time(report.until)}"
    yield ""
    yield report.summary
    yield ""
    yield from (f"- not watched: {_plain(text)}" for text in report.blind)
    yield f"- SHA-256 of the incidents: {report.digest}"
    for incident in report.incidents:
        yield ""
        yield f"## {_plain(f'[{_level(incident).upper()}] {_subject(incident)}: {incident.status.summary}')}"
        yield ""
        yield from (f"- {_plain(text)}" for text in lines(incident.status.exposure))
        yield from (f"- {name}: {_plain(text)}" for name, text in _facts(incident))
        # A backtick would end the code and begin markup.
        yield from ("- `" + text.replace("`", "'") + "`" for text in _changes(incident))


def _plain(text: str) -> str:
    """Return a text on one line without markup: a note must not look like another incident."""
    return plain(escape_controls(text))


def _html(report: Report) -> str:
    title = f"NSG incidents, {format_time(report.since)} to {format_time(report.until)}"
    body = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(report.summary)}</p>",
        *(f"<p>Not watched: {html.escape(text)}</p>" for text in report.blind),
        f"<p>SHA-256 of the incidents: <code>{report.digest}</code></p>",
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
    for incident in report.incidents:
        start = max(incident.status.opened_at or report.since, report.since)
        end = min(incident.status.resolved_at or report.until, report.until)
        offset = 100 * (start - report.since).total_seconds() / span
        width = 100 * max((end - start).total_seconds(), 0) / span
        name = html.escape(f"{_subject(incident)}, {duration(incident)}")
        yield (
            f'<div class="line"><span title="{name}">{name}</span><div class="track">'
            f'<div class="bar {_level(incident)}" style="left:min({offset:.2f}%,100% - .3rem);'
            f'width:{width:.2f}%"></div></div></div>'
        )
    yield (f'<div class="scale"><span>{format_time(report.since)}</span><span>{format_time(report.until)}</span></div>')


def _article(incident: NSGIncident) -> str:
    status = incident.status
    severity = _level(incident)
    traffic = "".join(f"<li>{html.escape(text)}</li>" for text in lines(status.exposure))
    facts = "".join(f"<dt>{name}</dt><dd>{html.escape(escape_controls(text))}</dd>" for name, text in _facts(incident))
    changes = "".join(f"<li><code>{html.escape(text)}</code></li>" for text in _changes(incident))
    title = html.escape(f"[{severity.upper()}] {_subject(incident)}: {status.summary}")
    return f'<article class="{severity}"><h2>{title}</h2><ul>{traffic}</ul><dl>{facts}</dl><ul>{changes}</ul></article>'


def _json(report: Report) -> str:
    document_fields = {
        "since": format_time(report.since),
        "until": format_time(report.until),
        "digest": report.digest,
        "incidents": [document(incident) for incident in report.incidents],
    }
    return json.dumps(document_fields, indent=2, ensure_ascii=False)


def _csv(report: Report) -> str:
    return as_csv(report.incidents)


FORMS: dict[str, Callable[[Report], str]] = {"markdown": _markdown, "html": _html, "json": _json, "csv": _csv}
