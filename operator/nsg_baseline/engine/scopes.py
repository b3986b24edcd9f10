"""All scopes: a loop for each, the assignment of baselines to scopes, and which loops an edit wakes."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.scope import Identity, NSGScope
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.core.assignment import Assignment, Claim, assign
from nsg_baseline.core.conditions import ConditionState
from nsg_baseline.core.incident_acknowledgement import is_unrecorded
from nsg_baseline.engine.baseline_claims import Claims, parsed, readable, scopes
from nsg_baseline.engine.event_queues import EventQueues, EventSettings, Watched, attachments_of
from nsg_baseline.engine.guardrail_catalog import GuardrailCatalog
from nsg_baseline.engine.guardrail_report import GuardrailBoard
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.refusals import RefusalRecorder
from nsg_baseline.engine.scope_loop import ScopeLoop, ended
from nsg_baseline.engine.scope_snapshot import ScopeSnapshot
from nsg_baseline.engine.wake_limit import WakeLimit
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Event, NamespaceEvent, resource

PAUSE_SHARE = 4.0
"""The pause after an assignment as a multiple of its duration."""
MAX_PAUSE_SECONDS = 2.0
RETRY_SECONDS = 5.0
"""Pause after an unexpected exception."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Origin:
    """What a loop reads: with another scope, subscription or identity, the observations in its memory are invalid."""

    uid: str
    subscription_id: str
    identity: Identity | None


@dataclass(slots=True)
class _Running:
    origin: _Origin
    loop: ScopeLoop
    task: "asyncio.Task[None]"


class Scopes:
    """Starts, wakes and stops a loop for each stored scope."""

    def __init__(
        self,
        dependencies_of: Callable[[NSGScope], Dependencies],
        records: Records,
        clock: Callable[[], datetime],
        health: Health,
        operator_namespace: str = "",
        events: EventSettings | None = None,
    ) -> None:
        self._dependencies_of = dependencies_of
        self._records = records
        self._clock = clock
        self._health = health
        self._claims = Claims(records.store)
        self._guardrails = GuardrailCatalog(records.store)
        self._board = GuardrailBoard(records, self._guardrails, clock)
        self._previous_claims: list[Claim] = []
        self._refusals = RefusalRecorder(records, clock, health, operator_namespace)
        self._queues = EventQueues(events, self._hint, self._events_are) if events is not None else None
        self._running: dict[str, _Running] = {}
        self._scopes: tuple[NSGScope, ...] = ()
        self._assignment = Assignment({}, {})
        self._owned: dict[str, tuple[dict[str, ObjectKey], frozenset[str]]] = {}
        self._moved: set[ObjectKey] = set()
        self._rung: set[str] = set()
        self._acknowledged: set[str] = set()
        self._wake_limit = WakeLimit(self._on_incident)
        self._must_assign = True
        self._changed = asyncio.Event()
        self._changed.set()
        records.store.listen(self._on_event)

    async def run(self) -> None:
        """Keep the loops in line with the stored scopes, until cancelled."""
        recording = asyncio.create_task(self._refusals.run(), name="refusals")
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                started = time.monotonic()
                await self._arrange_again()
                # Continuous edits must not occupy the CPU.
                await asyncio.sleep(min(MAX_PAUSE_SECONDS, PAUSE_SHARE * (time.monotonic() - started)))
        finally:
            await ended(recording)
            if self._queues is not None:
                await self._queues.aclose()
            for running in self._running.values():
                await ended(running.task)

    def _on_event(self, event: Event | NamespaceEvent) -> None:
        if isinstance(event, Event):
            if event.what == "Status" or event.kind not in (NSGBaseline, NSGScope, NSGGuardrail, NSGIncident):
                return
            if event.kind is NSGIncident:
                self._on_incident(event.key)
                return
            if event.kind is NSGBaseline:
                self._moved.add(event.key)
            elif event.kind is NSGGuardrail:
                self._rung.update(self._running)
            else:
                self._rung.add(event.key[1])
        self._must_assign |= isinstance(event, NamespaceEvent) or event.kind is NSGScope
        self._changed.set()

    def _on_incident(self, key: ObjectKey) -> None:
        """Wake the loop of an incident if its acknowledgement was given or withdrawn.

        The next listing can be an hour away. Until then, pagers and reminders would go on.
        """
        stored = self._records.store.find(NSGIncident, key)
        try:
            incident = resource(NSGIncident, stored) if stored is not None else None
        except InvalidObject:
            return
        if incident is None or not is_unrecorded(incident, self._clock()) or not self._wake_limit.grant(key):
            return
        if incident.spec.baseline is not None:
            self._moved.add(ObjectKey(incident.metadata.namespace, incident.spec.baseline))
        else:
            self._acknowledged.add(incident.spec.scope)
        self._changed.set()

    async def _arrange_again(self) -> None:
        """Follow the stored objects. After an unexpected exception the running loops go on, and it is tried again."""
        try:
            await self._arrange()
        except Exception:
            log.exception("scopes not arranged")
            self._health.internal_errors += 1
            self._must_assign = True
            # What the edits were to wake is unknown.
            self._rung.update(self._running)
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._changed.set)

    async def _arrange(self) -> None:
        claims, refused = await self._claims.all()
        stored_scopes = list(scopes(self._records.store))
        previous = self._assignment
        if self._must_assign or claims != self._previous_claims:
            self._must_assign, self._previous_claims = False, claims
            # A refusal that is being stored must not overwrite the status that a reconcile stores.
            async with self._refusals.storing:
                self._assign(readable(stored_scopes), claims)
        running_before = frozenset(self._running)
        await self._match_loops()
        self._match_queues(claims)
        self._wake(previous, running_before)
        invalid = [scope for scope in stored_scopes if isinstance(scope, tuple)]
        self._refusals.update(invalid, {**refused, **self._assignment.refused})

    def _assign(self, current: tuple[NSGScope, ...], claims: list[Claim]) -> None:
        self._scopes = current
        self._assignment = assigned = assign(current, claims, self._records.store.namespaces)
        self._owned = {name: (assigned.active(name), assigned.inactive(name)) for name in assigned.owners}

    async def _match_loops(self) -> None:
        current = {scope.metadata.name: scope for scope in self._scopes}
        self._board.match_scopes(frozenset(current))
        for name, running in list(self._running.items()):
            if name not in current or running.origin != _origin(current[name]):
                running.loop.end_hints()
                await ended(self._running.pop(name).task)
                self._health.forget(name)
        for name, scope in current.items():
            if name not in self._running:
                loop = ScopeLoop(
                    name, self._dependencies_of(scope), partial(self._snapshot, name), self._health, self._board
                )
                task = asyncio.create_task(loop.run(), name=f"scope {name}")
                self._running[name] = _Running(_origin(scope), loop, task)

    def _match_queues(self, claims: list[Claim]) -> None:
        if self._queues is None:
            return
        self._queues.match(
            Watched(
                self._scopes,
                {name: owned for name, (owned, _) in self._owned.items()},
                {name: inactive for name, (_, inactive) in self._owned.items()},
                attachments_of(claims),
                is_guarded=bool(self._guardrails.current().guardrails),
            )
        )

    def _hint(self, scope: str, key: str) -> "asyncio.Future[bool] | None":
        """Request a reading in a scope; None if the scope is not watched any more."""
        running = self._running.get(scope)
        return running.loop.hint(key) if running is not None else None

    def _events_are(self, scope: str, state: ConditionState | None) -> None:
        running = self._running.get(scope)
        if running is not None:
            running.loop.events_are(state)

    def _snapshot(self, name: str) -> ScopeSnapshot | None:
        # Read again, because the last reconcile stored a new status.
        stored = self._records.store.find(NSGScope, ObjectKey("", name))
        current = readable(parsed([stored])) if stored is not None else ()
        if not current:
            return None
        owned, inactive = self._owned.get(name, ({}, frozenset()))
        return ScopeSnapshot(current[0], self._scopes, owned, inactive, self._guardrails.current())

    def _wake(self, previous: Assignment, running_before: frozenset[str]) -> None:
        """Wake the loops that an edit affects: one NSG, or the whole scope if an NSG gained or lost a baseline.

        An acknowledgement wakes the NSG or the scope of its incident.

        A loop that was just started begins with a full reconcile anyway.
        """
        edited_baselines, self._moved = self._moved, set()
        edited_scopes, self._rung = self._rung, set()
        acknowledged, self._acknowledged = self._acknowledged, set()
        for name, running in self._running.items():
            if name not in running_before:
                continue
            owned, owned_before = self._assignment.owners.get(name, {}), previous.owners.get(name, {})
            if name in edited_scopes:
                running.loop.trigger.ring()
            elif name in acknowledged or owned.keys() != owned_before.keys():
                running.loop.trigger.ring_soon()
            for nsg, key in owned.items():
                if key in edited_baselines or owned_before.get(nsg) != key:
                    running.loop.edited(key.namespace, nsg)


def _origin(scope: NSGScope) -> _Origin:
    return _Origin(scope.metadata.uid, scope.spec.subscription_id, scope.spec.identity)
