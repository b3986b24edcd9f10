"""Finding out who did it, after the alert has left: the Activity Log is asked while an open question is young."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from nsg_baseline.api.incident import IncidentStatus, NSGIncident
from nsg_baseline.api.scope import Identity, NSGScope
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.core.attribution import callers
from nsg_baseline.engine.claims import readable, scopes
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.records import Records

FIRST_AFTER = timedelta(seconds=5)
ASK_EVERY = timedelta(seconds=60)
"""One query a subscription in this time, shared by all incidents there."""
GIVE_UP_AFTER = timedelta(minutes=30)
LOOK_BACK = timedelta(hours=1)
TICK_SECONDS = 5.0
Log = tuple[str, Identity | None]
"""A subscription's log, read with an identity; None is the pod's own."""
log = structlog.get_logger(__name__)


class Tells(Protocol):
    """Reading the Activity Log; see `azure.activity.Activity`."""

    async def rows(self, subscription_id: str, since: datetime) -> list[dict[str, Any]]:
        """Return what was done since a time."""
        ...


@dataclass(slots=True)
class Attributing:
    """Asks for all scopes. `activity_of` gives a scope's log and the ids of the operator's own applications there."""

    activity_of: Callable[[NSGScope], tuple[Tells, frozenset[str]]]
    records: Records
    clock: Callable[[], datetime]
    _asked: dict[Log, datetime] = field(default_factory=dict)

    async def run(self) -> None:
        """Ask, until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self) -> None:
        """Ask for every scope with young questions whose turn it is."""
        now = self.clock()
        by_scope: dict[str, list[NSGIncident]] = {}
        for incident in self.records.incidents.all():
            if _is_asked_for(incident, now):
                by_scope.setdefault(incident.spec.scope, []).append(incident)
        if not by_scope:
            return
        # Scopes that share a subscription and an identity share its log.
        groups: dict[Log, tuple[NSGScope, list[NSGIncident]]] = {}
        for scope in readable(list(scopes(self.records.store))):
            mine = by_scope.get(scope.metadata.name, [])
            groups.setdefault((scope.spec.subscription_id, scope.spec.identity), (scope, []))[1].extend(mine)
        for mark, (scope, incidents) in groups.items():
            if incidents:
                await self._ask(mark, scope, incidents, now)

    async def _ask(self, mark: Log, scope: NSGScope, incidents: list[NSGIncident], now: datetime) -> None:
        if now - self._asked.get(mark, datetime.min.replace(tzinfo=now.tzinfo)) < ASK_EVERY:
            return
        self._asked[mark] = now
        activity, own = self.activity_of(scope)
        since = min(_seen(one) or now for one in incidents) - LOOK_BACK
        rows: list[dict[str, Any]] = []
        try:
            rows = await activity.rows(scope.spec.subscription_id, since)
        except AzureError as error:
            log.warning("activity log not read", scope=scope.metadata.name, reason=error.reason, message=error.message)
        try:
            for incident in incidents:
                await self._settle(incident, rows, own, now)
        except KubeError as error:
            log.warning("not recorded", reason=error.reason, message=error.message)

    async def _settle(
        self, incident: NSGIncident, rows: Iterable[dict[str, Any]], own: frozenset[str], now: datetime
    ) -> None:
        found = callers(incident, rows, own)
        seen = _seen(incident) or now
        if not found and now - seen < GIVE_UP_AFTER:
            return
        updates: dict[str, Any] = {"attribution": "Found" if found else "NotFound"}
        status = incident.status
        if found and found != status.changed_by:
            updates["changed_by"] = found
            if status.state == "Open":
                updates |= {"turn": "Attributed", "revision": status.revision + 1, "updated_at": now}
        after: IncidentStatus = status.model_copy(update=updates)
        await self.records.record(incident.metadata.namespace, incident.spec, incident, after, now)


def _seen(incident: NSGIncident) -> datetime | None:
    return incident.status.updated_at or incident.status.opened_at


def _is_asked_for(incident: NSGIncident, now: datetime) -> bool:
    """Say whether it is still to be found out who did it."""
    seen, status = _seen(incident), incident.status
    if incident.spec.kind == "WatchLost" or status.attribution is not None or seen is None:
        return False
    return FIRST_AFTER <= now - seen <= GIVE_UP_AFTER + ASK_EVERY
