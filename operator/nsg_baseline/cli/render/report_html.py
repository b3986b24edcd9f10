"""Renders a report as one self-contained HTML page, without scripts."""

import html
from collections.abc import Iterable, Iterator
from importlib import resources

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.api.common import format_time
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.cli.evidence.report import VERSION, Report, level
from nsg_baseline.cli.render.report_facts import changes, facts, heading
from nsg_baseline.cli.render.report_tables import Table, coverage_lines, limits, tables
from nsg_baseline.cli.render.report_timeline import timeline
from nsg_baseline.core.text.exposure_lines import lines

# The page needs no network. A text that became markup could not load or run anything either.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def as_html(report: Report) -> str:
    """Return the report as an HTML page."""
    title = f"NSG incidents, {format_time(report.since)} to {format_time(report.until)}"
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_style()}</style></head>"
    )
    return f"{head}<body><main>{chr(10).join(_body(report, title))}</main></body></html>"


def _body(report: Report, title: str) -> Iterator[str]:
    yield f"<h1>{html.escape(title)}</h1><p>{html.escape(report.summary)}</p>"
    yield from (f"<p>{_text(line)}</p>" for line in coverage_lines(report))
    yield f"<p>Made {format_time(report.made_at)} with nsgb {VERSION}</p>"
    yield f"<p>SHA-256 of the content: <code>{report.digest}</code></p>"
    yield from timeline(report)
    unwatched, *others = tables(report)
    yield _table(unwatched)
    yield '<section aria-labelledby="incidents"><h2 id="incidents">Incidents</h2>'
    if not report.incidents:
        yield "<p>No incidents in this period.</p>"
    yield from (_article(number, incident, report) for number, incident in enumerate(report.incidents))
    yield "</section>"
    yield from map(_table, others)
    yield f"<section><h2>Limits of this report</h2>{_list(limits(report))}</section>"


def _style() -> str:
    return resources.files(__package__).joinpath("report.css").read_text(encoding="utf-8")


def _article(number: int, incident: NSGIncident, report: Report) -> str:
    pairs = "".join(f"<dt>{name}</dt><dd>{_text(text)}</dd>" for name, text in facts(incident, report))
    return (
        f'<article id="incident-{number}" class="{level(incident)}"><h3>{_text(heading(incident))}</h3>'
        f"{_list(lines(incident.status.exposure))}<dl>{pairs}</dl>{_list(changes(incident), 'code')}</article>"
    )


def _table(table: Table) -> str:
    name = html.escape(table.title)
    if not table.rows:
        return f"<section><h2>{name}</h2><p>{html.escape(table.empty)}</p></section>"
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in table.head)
    rows = "".join(f"<tr>{''.join(_cells(table, row))}</tr>" for row in table.rows)
    return f"<section><h2>{name}</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></section>"


def _cells(table: Table, row: tuple[str, ...]) -> Iterator[str]:
    for name, text in zip(table.head, row, strict=True):
        # On a narrow screen, each cell has its own line with the name of the column.
        yield f'<td data-column="{html.escape(name)}">{_text(text)}</td>'


def _list(texts: Iterable[str], element: str = "span") -> str:
    items = "".join(f"<li><{element}>{_text(text)}</{element}></li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def _text(text: str) -> str:
    return html.escape(escape_controls(text))
