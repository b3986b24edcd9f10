"""Renders a report of incidents as Markdown, JSON, CSV, or one self-contained HTML page."""

import json
from collections.abc import Callable

from nsg_baseline.cli.evidence.report import Report
from nsg_baseline.cli.render.report_csv import as_csv
from nsg_baseline.cli.render.report_html import as_html
from nsg_baseline.cli.render.report_markdown import as_markdown


def _json(report: Report) -> str:
    return json.dumps({**report.content(), "digest": report.digest}, indent=2, ensure_ascii=False)


def _csv(report: Report) -> str:
    return as_csv(report.incidents)


FORMS: dict[str, Callable[[Report], str]] = {"markdown": as_markdown, "html": as_html, "json": _json, "csv": _csv}
