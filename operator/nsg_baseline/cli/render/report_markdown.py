"""Renders a report as Markdown. Text from outside is on one line, without markup."""

from collections.abc import Iterator

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.api.common import format_time
from nsg_baseline.cli.evidence.report import VERSION, Report
from nsg_baseline.cli.render.markdown import plain
from nsg_baseline.cli.render.report_facts import changes, facts, heading
from nsg_baseline.cli.render.report_tables import Table, coverage_lines, limits, tables
from nsg_baseline.core.text.exposure_lines import lines


def as_markdown(report: Report) -> str:
    """Return the report as GitHub-flavoured Markdown."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"# NSG incidents, {format_time(report.since)} to {format_time(report.until)}"
    yield ""
    yield report.summary
    yield ""
    yield from (f"- {_plain(text)}" for text in coverage_lines(report))
    yield f"- Made {format_time(report.made_at)} with nsgb {VERSION}"
    yield f"- SHA-256 of the content: {report.digest}"
    yield from (f"- {_plain(text)}" for text in limits(report))
    unwatched, *others = tables(report)
    yield from _table(unwatched)
    for incident in report.incidents:
        yield ""
        yield f"## {_plain(heading(incident))}"
        yield ""
        yield from (f"- {_plain(text)}" for text in lines(incident.status.exposure))
        yield from (f"- {name}: {_plain(text)}" for name, text in facts(incident, report))
        # A backtick would end the code and begin markup.
        yield from ("- `" + text.replace("`", "'") + "`" for text in changes(incident))
    for table in others:
        yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    yield from ("", f"## {table.title}", "")
    if not table.rows:
        yield table.empty
        return
    yield f"| {' | '.join(table.head)} |"
    yield f"|{'---|' * len(table.head)}"
    yield from (f"| {' | '.join(map(_plain, row))} |" for row in table.rows)


def _plain(text: str) -> str:
    """Return a text on one line without markup: a note must not look like another incident."""
    return plain(escape_controls(text)).replace("&", "\\&").replace("~", "\\~")
