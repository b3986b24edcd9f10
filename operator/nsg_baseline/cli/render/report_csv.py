"""Renders a report as CSV, one line for each change."""

import csv
import io
from collections.abc import Iterable, Iterator

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.api.common import format_time
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.incident_changes import IncidentChange
from nsg_baseline.core.ids import NSGId

_COLUMNS = (
    *("namespace", "incident", "kind", "scope", "subscription", "resourceGroup", "nsg", "change", "rule", "severity"),
    *("since", "ended", "how", "changedBy", "attribution", "acknowledged", "approved", "live"),
)
_FORMULA = ("=", "+", "-", "@")


def as_csv(incidents: Iterable[NSGIncident]) -> str:
    """Return one line for each change, open or ended, and one for each incident without changes."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for incident in incidents:
        writer.writerows([_cell(value) for value in row] for row in _rows(incident))
    return file.getvalue().rstrip("\n")


def _rows(incident: NSGIncident) -> Iterator[list[str]]:
    status = incident.status
    changes = sorted(
        (*status.ended_changes, *status.changes), key=lambda change: format_time(change.since) if change.since else ""
    )
    if not changes:
        yield [*_place(incident, None), status.summary or "", "", status.severity or "", *_period(incident), *[""] * 5]
    for change in changes:
        yield [*_place(incident, change), *_change(change)]


def _place(incident: NSGIncident, change: IncidentChange | None) -> list[str]:
    nsg = (change.nsg if change is not None else None) or incident.spec.nsg
    parsed = NSGId.parse(nsg) if nsg else None
    place = [parsed.subscription, parsed.resource_group, parsed.name] if parsed else ["", "", ""]
    return [*incident.key, incident.spec.kind, incident.spec.scope, *place]


def _change(change: IncidentChange) -> list[str]:
    return [
        change.kind,
        change.rule or ", ".join(change.fields),
        change.severity,
        format_time(change.since) if change.since is not None else "",
        format_time(change.ended_at) if change.ended_at is not None else "",
        change.ended or "",
        ", ".join(change.changed_by),
        change.attribution or "",
        "yes" if change.acknowledged else "no",
        change.approved or "",
        change.live or "",
    ]


def _period(incident: NSGIncident) -> list[str]:
    times = (incident.status.opened_at, incident.status.resolved_at)
    return [*(format_time(time) if time is not None else "" for time in times), incident.status.resolution or ""]


def _cell(value: str) -> str:
    """Return a cell that a spreadsheet shows as text: names of rules must not become formulas."""
    text = escape_controls(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
