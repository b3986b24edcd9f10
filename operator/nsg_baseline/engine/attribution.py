"""Attribution: query the Activity Log for who made the changes of an incident, after the incident was stored."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import IncidentStatus, NSGIncident
from nsg_baseline.api.scope import Identity, NSGScope
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.core.attribution import (
    GIVE_UP_AFTER,
    ActivityRows,
    LogPeriod,
    attributed,
    open_since,
    read_from,
)
from nsg_baseline.core.incident_history import entry, with_entries
from nsg_baseline.core.incidents import with_event
from nsg_baseline.core.nsg import ApprovedNSG, parse_approved
from nsg_baseline.engine.baseline_claims import readable, scopes
from nsg_baseline.engine.incident_recorder import IncidentRecorder
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Event, NamespaceEvent, resource

FIRST_AFTER = timedelta(seconds=5)
ASK_EVERY = timedelta(seconds=60)
"""Least time between two queries of one subscription. All incidents of the subscription share a query."""
LOOK_BACK = timedelta(hours=1)
FURTHEST = timedelta(days=1)
"""How far back the log is read at most, also after the operator was stopped for longer."""
_SHOWN_CALLERS = 3
Log = tuple[str, Identity | None]
"""A subscription and the identity that reads its Activity Log; None is the identity of the pod."""
log = structlog.get_logger(__name__)


class AttributionPort(Protocol):
    """Reads the Activity Log; see `azure.activity_log.ActivityLogReader`."""

    async def events(self, subscription_id: str, since: datetime) -> tuple[list[dict[str, Any]], bool]:
        """Return the rows of the log since a time, and whether the list is complete.

        Raises:
            AzureError: the log could not be read.
        """
        ...


@dataclass(slots=True)
class AttributionLoop:
    """Attributes the incidents of all scopes.

    `activity_of` returns a scope's log and the client ids, in lower case, of the operator's own applications.
    """

    activity_of: Callable[[NSGScope], tuple[AttributionPort, frozenset[str]]]
    records: Records
    clock: Callable[[], datetime]
    _asked: dict[Log, datetime] = field(default_factory=dict)
    _unread: dict[Log, datetime] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Query the logs when they are due, until cancelled."""
        self.records.store.listen(self._on_event)
        while True:
            self._changed.clear()
            await self.ask()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._changed.wait()

    async def ask(self) -> None:
        """Query each log that is due and has incidents without an attribution."""
        now = self.clock()
        for log_key, (scope, incidents) in self._open().items():
            if self._due(log_key, incidents) <= now:
                due_incidents = [incident for incident in incidents if _seen(incident) + FIRST_AFTER <= now]
                await self._ask(log_key, scope, due_incidents, now)

    def _on_event(self, event: Event | NamespaceEvent) -> None:
        if isinstance(event, Event) and event.kind in (NSGIncident, NSGScope):
            self._changed.set()

    def _pause(self) -> float | None:
        """Return the seconds until the next query is due; None if no incident lacks an attribution."""
        due = min((self._due(log_key, incidents) for log_key, (_, incidents) in self._open().items()), default=None)
        return None if due is None else max((due - self.clock()).total_seconds(), 0.0)

    def _due(self, log_key: Log, incidents: Iterable[NSGIncident]) -> datetime:
        first = min(map(_seen, incidents)) + FIRST_AFTER
        return max(first, self._asked[log_key] + ASK_EVERY) if log_key in self._asked else first

    def _open(self) -> dict[Log, tuple[NSGScope, list[NSGIncident]]]:
        """Return the incidents without an attribution by log. Several scopes can share a log."""
        by_scope: dict[str, list[NSGIncident]] = {}
        for incident in self.records.incidents.all():
            # A violation has no single author. The drift of its NSG has a separate incident, which names the author.
            has_author = incident.spec.kind in ("Drift", "Unbaselined")
            if has_author and open_since(incident) is not None:
                by_scope.setdefault(incident.spec.scope, []).append(incident)
        groups: dict[Log, tuple[NSGScope, list[NSGIncident]]] = {}
        for scope in readable(list(scopes(self.records.store))):
            if scope_incidents := by_scope.get(scope.metadata.name):
                groups.setdefault((scope.spec.subscription_id, scope.spec.identity), (scope, []))[1].extend(
                    scope_incidents
                )
        return groups

    async def _ask(self, log_key: Log, scope: NSGScope, incidents: list[NSGIncident], now: datetime) -> None:
        self._asked[log_key] = now
        log_rows = await self._read(log_key, scope, incidents, now)
        try:
            for incident in incidents:
                if log_key not in self._unread or now - self._unread[log_key] >= GIVE_UP_AFTER - ASK_EVERY:
                    await self._settle(incident, log_rows, now)
        except KubeError as error:
            log.warning("attribution not saved", reason=error.reason, message=error.message)

    async def _read(self, log_key: Log, scope: NSGScope, incidents: list[NSGIncident], now: datetime) -> ActivityRows:
        activity, own = self.activity_of(scope)
        since = max(min(map(read_from, incidents)) - LOOK_BACK, now - FURTHEST)
        try:
            rows, complete = await activity.events(scope.spec.subscription_id, since)
            self._unread.pop(log_key, None)
        except AzureError as error:
            # A failed read says nothing about what the log contains, so the incidents stay open for attribution.
            self._unread.setdefault(log_key, now)
            log.warning("activity log not read", scope=scope.metadata.name, reason=error.reason, message=error.message)
            return ActivityRows((), LogPeriod(since, now, complete=False), own)
        return ActivityRows(rows, LogPeriod(since, now, complete), own)

    async def _settle(self, incident: NSGIncident, log_rows: ActivityRows, now: datetime) -> None:
        """Store the callers in the incident's latest status: it may have changed while the log was read."""
        stored = self.records.store.find(NSGIncident, incident.key)
        if stored is None:
            return
        answered = resource(NSGIncident, stored)
        # Parsing and comparing thousands of rules would block the event loop.
        approved = self._approved(answered)
        prepared = await asyncio.to_thread(attributed, answered, log_rows, approved)

        def change(current: IncidentStatus) -> IncidentStatus | None:
            status = prepared
            if current != answered.status:
                latest = answered.model_copy(update={"status": current})
                status = attributed(latest, log_rows, approved) if open_since(latest) is not None else current
            return _notifying(current, status, now) if status != current else None

        await IncidentRecorder(self.records).amend(incident, change)

    def _approved(self, incident: NSGIncident) -> ApprovedNSG | None:
        """Return the rules that the incident's baseline approves; None without a valid baseline."""
        key = ObjectKey(incident.metadata.namespace, incident.spec.baseline or "")
        stored = self.records.store.find(NSGBaseline, key)
        if stored is None:
            return None
        try:
            return parse_approved(resource(NSGBaseline, stored).spec)
        except (InvalidObject, ValueError):
            return None


def _notifying(before: IncidentStatus, after: IncidentStatus, now: datetime) -> IncidentStatus:
    """Return the new status; with the event `Attributed` if it names other callers than before."""
    names = [{caller.name for caller in status.changed_by} for status in (before, after)]
    if before.state != "Open" or not names[1] or names[0] == names[1]:
        return after
    text = f"changed by {', '.join(caller.name for caller in after.changed_by[:_SHOWN_CALLERS])}"
    return with_event(with_entries(after, entry(after, "Attributed", text, now)), "Attributed", now)


def _seen(incident: NSGIncident) -> datetime:
    """Return when the earliest change without an attribution was first seen.

    Raises:
        ValueError: there is no such change.
    """
    seen = open_since(incident)
    if seen is None:
        raise ValueError(f"incident {'/'.join(incident.key)} has no change without an attribution")
    return seen
