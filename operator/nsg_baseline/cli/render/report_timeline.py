"""The timeline of an HTML report: one row for each incident and each unwatched period, zoomed to the time in use."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.api.common import format_time
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.cli.evidence.report import Report, level
from nsg_baseline.cli.evidence.unwatched import Unwatched
from nsg_baseline.cli.render.report_facts import subject

_MARGIN = 0.04
_SHORTEST = timedelta(minutes=10)
_MOST_TICKS = 4
_EDGE_PERCENT = 8.0
"""A label nearer to the edge would stick out of the timeline."""
_MARK_PERCENT = 7.0
_STEPS = (
    *(timedelta(minutes=count) for count in (2, 5, 10, 15, 30)),
    *(timedelta(hours=count) for count in (1, 2, 3, 6, 12)),
    *(timedelta(days=count) for count in (1, 2, 7, 14, 30, 90, 365)),
)
_EPOCH = datetime(2001, 1, 1, tzinfo=UTC)  # a Monday, so that weeks begin on Mondays


@dataclass(frozen=True, slots=True)
class Window:
    """The shown time."""

    start: datetime
    end: datetime

    def percent(self, time: datetime) -> float:
        """Return the position of a time from the left edge, within the window."""
        share = (time - self.start) / (self.end - self.start)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    def ticks(self) -> Iterator[datetime]:
        """Yield round times with enough space for their labels."""
        span = self.end - self.start
        step = next((step for step in _STEPS if span / step <= _MOST_TICKS), span)
        time = _EPOCH + ((self.start - _EPOCH) // step + 1) * step
        while time < self.end:
            if _EDGE_PERCENT <= self.percent(time) <= 100 - _EDGE_PERCENT:
                yield time
            time += step


def timeline(report: Report) -> Iterator[str]:
    """Yield the HTML of the timeline."""
    if not report.incidents and not report.unwatched:
        return
    window = zoomed(report)
    yield '<section aria-labelledby="timeline"><h2 id="timeline">Timeline</h2>'
    yield (
        f'<p class="note">{format_time(window.start)} to {format_time(window.end)}. A bar shows how long an incident '
        "was open, in the colour of its highest severity; a hatched bar, how long a scope was not watched. "
        "N is the first notification, A the acknowledgement.</p>"
    )
    yield '<div class="timeline">'
    yield from (_unwatched_row(period, window, report) for period in report.unwatched)
    yield from (_incident_row(number, incident, window, report) for number, incident in enumerate(report.incidents))
    scale = "".join(_tick(time, window) for time in window.ticks())
    yield f'<div class="line"><span></span><div class="scale">{scale}</div></div>'
    yield "</div></section>"


def zoomed(report: Report) -> Window:
    """Return the part of the period in which something was open, with a margin."""
    times = sorted(min(max(time, report.since), report.until) for time in _times(report))
    start, end = (times[0], times[-1]) if times else (report.since, report.until)
    margin = max((end - start) * _MARGIN, (_SHORTEST - (end - start)) / 2)
    return Window(start - margin, end + margin)


def _times(report: Report) -> Iterator[datetime]:
    for incident in report.incidents:
        yield from (incident.status.opened_at or report.since, incident.status.resolved_at or report.until)
    for period in report.unwatched:
        yield from (period.start, period.end or report.until)


def _incident_row(number: int, incident: NSGIncident, window: Window, report: Report) -> str:
    status = incident.status
    start, end = status.opened_at or report.since, status.resolved_at or report.until
    first = min((delivery.first_at or delivery.at for delivery in status.deliveries), default=None)
    marks = [("N", "first notification", first)] if first is not None else []
    marks += [("A", "acknowledged", status.acknowledgement.at)] if status.acknowledgement is not None else []
    label = f"[{level(incident).upper()}] {subject(incident)}, {report.duration(incident)}"
    described = f"{label}: open from {format_time(start)} to {_end(status.resolved_at)}" + "".join(
        f", {words} {format_time(time)}" for _, words, time in marks
    )
    bars = _bar(level(incident), start, end, window) + "".join(_marks(marks, window))
    return _row(f'<a href="#incident-{number}">{_text(label)}</a>', described, bars)


def _unwatched_row(period: Unwatched, window: Window, report: Report) -> str:
    label = f"scope {period.scope} not watched, {period.duration(report.until)}"
    described = f"{label}: from {format_time(period.start)} to {_end(period.end)}"
    return _row(_text(label), described, _bar("unwatched", period.start, period.end or report.until, window))


def _row(label: str, described: str, bars: str) -> str:
    return (
        f'<div class="line"><span>{label}</span>'
        f'<div class="track" role="img" aria-label="{_text(described)}" title="{_text(described)}">{bars}</div></div>'
    )


def _bar(kind: str, start: datetime, end: datetime, window: Window) -> str:
    left, right = window.percent(start), window.percent(max(start, end))
    return f'<div class="bar {kind}" style="left:min({left}%,100% - .3rem);width:{right - left:.2f}%"></div>'


def _marks(marks: Sequence[tuple[str, str, datetime]], window: Window) -> Iterator[str]:
    """Yield the letters above the bar. Two that would overlap share one mark. The row's label says the times."""
    placed = [(letter, window.percent(time)) for letter, _, time in marks]
    if len(placed) > 1 and abs(placed[0][1] - placed[1][1]) < _MARK_PERCENT:
        placed = [("".join(letter for letter, _ in placed), min(percent for _, percent in placed))]
    for letter, percent in placed:
        yield f'<b class="mark" style="left:min({percent}%,100% - 1.5rem)">{letter}</b>'


def _tick(time: datetime, window: Window) -> str:
    label = f"{time:%d %b}<br>{time:%H:%M}"
    return f'<span style="left:{window.percent(time)}%">{label}</span>'


def _end(time: datetime | None) -> str:
    return format_time(time) if time is not None else "now"


def _text(text: str) -> str:
    return html.escape(escape_controls(text))
