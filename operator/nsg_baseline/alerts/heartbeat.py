"""The daily message of a route: when it is due, and what it says. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.alerts.headline import title
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.next_steps import NextStep
from nsg_baseline.alerts.payload import SCHEMA
from nsg_baseline.alerts.watch import ScopeWatch, problem
from nsg_baseline.api.common import format_time
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.incident_acknowledgement import is_acknowledged
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.phrasing import counted

SHOWN_SCOPES = 20
SHOWN_INCIDENTS = 10
LATE = timedelta(minutes=15)
_DAY = timedelta(days=1)


def last_due(at: str, now: datetime) -> datetime:
    """Return the latest time, not after `now`, at which a message with this time of day (UTC) was due."""
    hour, minute = map(int, at.split(":"))
    due = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return due if due <= now else due - _DAY


def next_due(at: str, now: datetime) -> datetime:
    """Return the next time at which a message with this time of day (UTC) is due."""
    return last_due(at, now) + _DAY


def heartbeat_message(
    route: str, due: datetime, scopes: Sequence[ScopeWatch], incidents: Sequence[NSGIncident], now: datetime
) -> AlertMessage:
    """Describe what is watched and which incidents are open.

    Args:
        route: Namespace and name of the route.
        due: When the message was due.
        scopes: All scopes.
        incidents: All incidents.
        now: The current time.
    """
    problems = {scope.name: text for scope in scopes if (text := problem(scope, now))}
    open_ones = sorted((item for item in incidents if item.status.state == "Open"), key=_rank)
    key = f"heartbeat {route} {due:%Y-%m-%d}"
    shown = [title(item, "Reminder", _age(item, now)) for item in open_ones[:SHOWN_INCIDENTS]]
    return AlertMessage(
        event="Heartbeat",
        severity="info" if scopes and not problems else "high",
        title=escape_controls(f"Heartbeat: {_summary(scopes, problems, len(open_ones))}"),
        news=tuple(map(escape_controls, _scope_lines(problems))),
        exposure=tuple(map(escape_controls, shown)),
        facts=tuple(_facts(due, open_ones, now)),
        next_steps=(NextStep("All incidents", "nsgb incidents -A", "Command"),) if open_ones else (),
        key=key,
        thread=key,
        payload=_payload(scopes, problems, len(open_ones)),
    )


def _summary(scopes: Sequence[ScopeWatch], problems: Mapping[str, str], count: int) -> str:
    incidents = f"{counted(count, 'incident')} open"
    if not scopes:
        return f"NO scope is watched; {incidents}"
    nsgs = counted(sum(scope.nsgs for scope in scopes), "NSG")
    if not problems:
        return f"watching {counted(len(scopes), 'scope')}, {nsgs}, all readable; {incidents}"
    first = next(iter(problems))
    names = first if len(problems) == 1 else f"{first} and {len(problems) - 1} more"
    return f"{len(problems)} of {counted(len(scopes), 'scope')} NOT watched ({names}); {nsgs} last read; {incidents}"


def _scope_lines(problems: Mapping[str, str]) -> list[str]:
    lines = [f"Scope {name}: {text}" for name, text in list(problems.items())[:SHOWN_SCOPES]]
    hidden = len(problems) - len(lines)
    return [*lines, f"and {hidden} more; see kubectl get nsgscopes"] if hidden > 0 else lines


def _facts(due: datetime, incidents: Sequence[NSGIncident], now: datetime) -> list[str]:
    lines = []
    if incidents:
        counts = Counter(incident.status.severity or "info" for incident in incidents)
        severities = ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity])
        acknowledged = sum(is_acknowledged(incident.status, now) for incident in incidents)
        lines.append(f"Open incidents: {severities}; {acknowledged} acknowledged")
    if now - due > LATE:
        lines.append(f"This message is late: it was due at {format_time(due)}")
    return [*lines, f"Next heartbeat: {format_time(due + _DAY)}"]


def _payload(scopes: Sequence[ScopeWatch], problems: Mapping[str, str], count: int) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "event": "Heartbeat",
        "severity": "info" if scopes and not problems else "high",
        "incidents": [],
        "openIncidents": count,
        "scopes": [
            {"name": scope.name, "nsgs": scope.nsgs, "watched": scope.name not in problems}
            | ({"problem": problems[scope.name]} if scope.name in problems else {})
            for scope in scopes
        ],
    }


def _rank(incident: NSGIncident) -> tuple[int, str]:
    return SEVERITIES.index(incident.status.severity or "info"), incident.metadata.name


def _age(incident: NSGIncident, now: datetime) -> timedelta | None:
    return now - incident.status.opened_at if incident.status.opened_at is not None else None
