"""All scopes: a loop for each, the assignment of baselines to scopes, and which loops an edit wakes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.assignment import Assignment, assign
from nsg_baseline.engine.baseline_claims import Claims, readable, scopes
from nsg_baseline.engine.cleanup import (
    prune_incidents,
    report_invalid_scope,
    report_refused_baselines,
    resolve_orphans,
)
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scope_loop import ScopeLoop, ScopeSnapshot, ended
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Event, NamespaceEvent

RETRY_SECONDS = 30.0
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Running:
    uid: str
    loop: ScopeLoop
    task: "asyncio.Task[None]"


class Scopes:
    """Starts, wakes and stops a loop for each stored scope.

    Args:
        world_of: returns the dependencies of a scope's reconciles.
        records: the stored objects.
        clock: returns the current time.
        health: records the reconciles.
    """

    def __init__(
        self,
        world_of: Callable[[NSGScope], Dependencies],
        records: Records,
        clock: Callable[[], datetime],
        health: Health,
    ) -> None:
        self._world_of = world_of
        self._records = records
        self._clock = clock
        self._health = health
        self._claims = Claims(records.store)
        self._running: dict[str, _Running] = {}
        self._scopes: tuple[NSGScope, ...] = ()
        self._assignment = Assignment({}, {})
        self._moved: set[ObjectKey] = set()
        self._rung: set[str] = set()
        self._changed = asyncio.Event()
        self._changed.set()
        records.store.listen(self._heard)

    async def run(self) -> None:
        """Keep the loops in line with the stored scopes, until cancelled."""
        try:
            while True:
                await self._wait()
                await self._arrange()
        finally:
            for running in self._running.values():
                await ended(running.task)

    def _heard(self, event: Event | NamespaceEvent) -> None:
        if isinstance(event, Event):
            if event.what == "Status" or event.kind not in (NSGBaseline, NSGScope):
                return
            if event.kind is NSGBaseline:
                self._moved.add(event.key)
            else:
                self._rung.add(event.key[1])
        self._changed.set()

    async def _wait(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    async def _arrange(self) -> None:
        previous = self._assignment
        stored_scopes = list(scopes(self._records.store))
        self._scopes = readable(stored_scopes)
        claims, refused = self._claims.all()
        self._assignment = assign(self._scopes, claims, self._records.store.namespaces)
        running_before = frozenset(self._running)
        await self._match_loops()
        self._wake(previous, running_before)
        try:
            for scope in stored_scopes:
                if isinstance(scope, tuple):
                    await report_invalid_scope(self._records, *scope, self._clock())
            refused = {**refused, **self._assignment.refused}
            await report_refused_baselines(self._records, refused, self._clock())
            await resolve_orphans(self._records, refused, self._clock())
            await prune_incidents(self._records, self._clock())
        except KubeError as error:
            log.warning("status not saved", reason=error.reason, message=error.message)
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._changed.set)

    async def _match_loops(self) -> None:
        current = {scope.metadata.name: scope for scope in self._scopes}
        for name, running in list(self._running.items()):
            # With another identity or subscription, the observations in the loop's memory are no longer valid.
            if name not in current or running.uid != _mark(current[name]):
                await ended(self._running.pop(name).task)
                self._health.forget(name)
        for name, scope in current.items():
            if name not in self._running:
                loop = ScopeLoop(self._world_of(scope), self._grounds(name), self._health)
                self._running[name] = _Running(
                    _mark(scope), loop, asyncio.create_task(loop.run(), name=f"scope {name}")
                )

    def _grounds(self, name: str) -> Callable[[], ScopeSnapshot | None]:
        def ground() -> ScopeSnapshot | None:
            # Read again, because the last reconcile stored a new status.
            current = readable(scopes(self._records.store))
            scope = next((candidate for candidate in current if candidate.metadata.name == name), None)
            assigned = self._assignment
            return (
                ScopeSnapshot(scope, self._scopes, assigned.active(name), assigned.inactive(name))
                if scope is not None
                else None
            )

        return ground

    def _wake(self, previous: Assignment, running_before: frozenset[str]) -> None:
        """Wake the loops that an edit affects: one NSG, or the whole scope if an NSG gained or lost a baseline.

        A loop that was just started begins with a full reconcile anyway.
        """
        edited_baselines, self._moved = self._moved, set()
        edited_scopes, self._rung = self._rung, set()
        for name, running in self._running.items():
            if name not in running_before:
                continue
            owned, owned_before = self._assignment.owners.get(name, {}), previous.owners.get(name, {})
            if name in edited_scopes or owned.keys() != owned_before.keys():
                running.loop.trigger.ring()
            for nsg, key in owned.items():
                if key in edited_baselines or owned_before.get(nsg) != key:
                    running.loop.trigger.edited(nsg)


def _mark(scope: NSGScope) -> str:
    return f"{scope.metadata.uid} {scope.spec.subscription_id} {scope.spec.identity}"
