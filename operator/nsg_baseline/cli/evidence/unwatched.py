"""Periods in which a scope was not watched, so that drift may have gone unseen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nsg_baseline.api.common import Condition, format_time
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.text.phrasing import lasting


@dataclass(frozen=True, slots=True)
class Unwatched:
    """A period in which a scope could not be read. Without an end, it lasts."""

    scope: str
    start: datetime
    end: datetime | None
    reason: str
    incident: str = ""

    def duration(self, until: datetime) -> str:
        """Return how long it lasted, or has lasted until then."""
        return lasting((self.end or until) - self.start)

    def document(self) -> dict[str, Any]:
        """Return the form of `-o json`."""
        return {
            "scope": self.scope,
            "from": format_time(self.start),
            **({"to": format_time(self.end)} if self.end is not None else {}),
            "reason": self.reason,
            **({"incident": self.incident} if self.incident else {}),
        }


def unwatched(incidents: Iterable[NSGIncident], scopes: Iterable[NSGScope], until: datetime) -> list[Unwatched]:
    """Return the periods, the earliest first: those of incidents, and failures that are too recent for an incident."""
    periods = list(_of_incidents(incidents, until))
    open_now = {period.scope for period in periods if period.end is None}
    periods += [period for scope in scopes if scope.metadata.name not in open_now for period in _failing(scope, until)]
    return sorted(periods, key=lambda period: (period.start, period.scope))


def ready(scope: NSGScope) -> Condition | None:
    """Return the Ready condition of a scope."""
    return next((condition for condition in scope.status.conditions if condition.type == "Ready"), None)


def _of_incidents(incidents: Iterable[NSGIncident], until: datetime) -> Iterator[Unwatched]:
    for incident in incidents:
        status = incident.status
        if incident.spec.kind == "WatchLost":
            start = status.opened_at or until
            name = "/".join(incident.key)
            yield Unwatched(incident.spec.scope, start, status.resolved_at, status.summary or "not recorded", name)


def _failing(scope: NSGScope, until: datetime) -> Iterator[Unwatched]:
    condition = ready(scope)
    if condition is None or condition.status == "True":
        return
    # A new scope has the Pending condition, whose time is that of no event.
    pending = condition.reason == "Pending"
    start = (scope.metadata.creation_timestamp if pending else condition.last_transition_time) or until
    if start <= until:
        yield Unwatched(scope.metadata.name, start, None, f"{condition.reason}: {condition.message}")
