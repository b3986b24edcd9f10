"""A pass: one look at one scope, from reading Azure to recording the outcome."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.incident import IncidentSpec
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.read import RawNSG
from nsg_baseline.core.assignment import is_ignored, scope_of
from nsg_baseline.core.ids import NSGId, fold
from nsg_baseline.core.nsg import UnreadableNSGError
from nsg_baseline.core.observations import GONE, UNKNOWN, Observation, UnbaselinedNSG
from nsg_baseline.core.outcome import Failure
from nsg_baseline.core.rules import UnreadableRuleError
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.reconcile_baseline import BaselineReconciler, Reading
from nsg_baseline.engine.reconcile_unbaselined import reconcile_unbaselined
from nsg_baseline.kube import status
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.store import Key, resource

CONCURRENT_LOOKS = 8
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ScopeResult:
    """What one pass came to. `failure` is why its reading was incomplete; nothing is concluded from what it lacks."""

    nsgs: int = 0
    drifted: int = 0
    unbaselined: list[UnbaselinedNSG] = field(default_factory=list)
    failure: AzureError | None = None
    unrecorded: int = 0


class ScopeReconciler:
    """Looks at every NSG of one scope. `memory` outlives the pass; `held` are the baselines here by folded NSG id."""

    def __init__(
        self,
        world: Dependencies,
        scope: NSGScope,
        others: tuple[NSGScope, ...],
        held: Mapping[str, Key],
        silent: frozenset[str],
        memory: dict[str, Observation],
    ) -> None:
        self._world = world
        self._scope = scope
        self._others = others
        self._held = held
        self._silent = silent
        self._memory = memory
        self._limit = asyncio.Semaphore(CONCURRENT_LOOKS)
        self._tally = ScopeResult()
        self._met: set[str] = set()
        self._waiting: dict[str, RawNSG] = {}

    async def run(self) -> ScopeResult:
        """Look at all, page by page; then, if the reading is complete, put back and look for those that it lacked."""
        try:
            async for page in self._pages():
                await self._look_at_page(page)
        except AzureError as error:
            self._tally.failure = error
            await self._look_again("BrokenOff")
        else:
            await self._look_again("Complete")
            await self._look_for_missing()
        self._tally.drifted = sum(seen.deviates for key, seen in self._memory.items() if key in self._held)
        return self._tally

    async def run_only(self, nsgs: frozenset[str]) -> ScopeResult:
        """Look at some NSGs alone, by their folded ids: those whose baselines were edited."""
        for key in nsgs & self._held.keys():
            await self._ask(key)
        return self._tally

    async def _pages(self) -> AsyncIterator[tuple[RawNSG, ...]]:
        spec = self._scope.spec
        for group in spec.resource_groups or (None,):
            try:
                async for page in self._world.reader.pages(spec.subscription_id, group):
                    yield page.nsgs
            except AzureError as error:
                # A group that does not exist holds no NSGs; that is an answer, not a failure.
                if error.reason != "ResourceGroupNotFound" or group is None:
                    raise

    async def _look_at_page(self, nsgs: tuple[RawNSG, ...]) -> None:
        async with asyncio.TaskGroup() as looks:
            for nsg in nsgs:
                key = fold(nsg.id)
                if not self._is_ours(nsg.id):
                    continue
                self._met.add(key)
                self._tally.nsgs += 1
                if key in self._silent:
                    continue
                if key not in self._held:
                    self._note_stray(key, nsg)
                elif not self._unmoved(key, nsg.digest):
                    looks.create_task(self._look(key, nsg.digest, nsg, "UnderWay"))

    async def _look_again(self, reading: Reading) -> None:
        """Look at those whose remedies waited for the end of the reading."""
        async with asyncio.TaskGroup() as looks:
            for key, nsg in self._waiting.items():
                looks.create_task(self._look(key, nsg.digest, nsg, reading))

    def _is_ours(self, nsg_id: str) -> bool:
        # Another scope may name this resource group, and goes first there.
        holder = scope_of(NSGId.parse(nsg_id), self._others)
        return holder is not None and holder.metadata.name == self._scope.metadata.name

    def _note_stray(self, key: str, nsg: RawNSG) -> None:
        if is_ignored(self._scope.spec, NSGId.parse(nsg.id)):
            self._memory.pop(key, None)
            return
        seen = self._memory.get(key)
        if seen is None or seen.stray is None or seen.digest != nsg.digest:
            seen = self._memory[key] = Observation(
                nsg.digest, "", stray=reconcile_unbaselined(nsg, self._world.yardstick)
            )
        if seen.stray is not None:
            self._tally.unbaselined.append(seen.stray)

    def _unmoved(self, key: str, digest: bytes) -> bool:
        seen = self._memory.get(key)
        intent = f"{self._intent(key)} {self._known(key)}"
        return seen is not None and seen.still(digest, intent, self._world.clock())

    def _intent(self, key: str) -> str:
        stored = self._world.records.store.find(NSGBaseline, self._held[key])
        return f"{stored.uid} {stored.intent} {self._scope.metadata.generation}" if stored is not None else ""

    def _known(self, key: str) -> str:
        """Return what others wrote into an open incident that the next look takes into account."""
        namespace, name = self._held[key]
        about = IncidentSpec(kind="Drift", scope=self._scope.metadata.name, baseline=name)
        incident = self._world.records.incidents.open_about(namespace, about)
        if incident is None:
            return ""
        return f"{incident.spec.acknowledged is not None} {incident.status.attribution}"

    async def _look_for_missing(self) -> None:
        """Ask for each NSG that a complete listing lacked: only Azure's own word makes it deleted."""
        for key in self._held.keys() - self._met:
            if not self._unmoved(key, GONE):
                await self._ask(key)

    async def _ask(self, key: str) -> None:
        try:
            document = await self._world.reader.get(self._spelled(key))
        except AzureError as error:
            self._tally.failure = self._tally.failure or error
            return
        await self._look(key, GONE if document is None else UNKNOWN, document)

    def _spelled(self, key: str) -> str:
        stored = self._world.records.store.find(NSGBaseline, self._held[key])
        return str(stored.document()["spec"]["target"]["resourceId"]) if stored is not None else key

    async def _look(
        self, key: str, digest: bytes, nsg: RawNSG | dict[str, Any] | None, reading: Reading = "Complete"
    ) -> None:
        intent = self._intent(key)
        stored = self._world.records.store.find(NSGBaseline, self._held[key])
        if stored is None:
            return
        async with self._limit:
            try:
                baseline = resource(NSGBaseline, stored)
                document = nsg.document() if isinstance(nsg, RawNSG) else nsg
                outcome = await BaselineReconciler(self._world, self._scope, baseline).take(document, reading)
            except InvalidObject:
                # Its own loop says so on the object; here it only speaks for its NSG.
                return
            except (UnreadableNSGError, UnreadableRuleError, AzureError) as error:
                await self._unreadable(stored.key, error)
                return
            except KubeError as error:
                self._tally.unrecorded += 1
                log.warning("not recorded", baseline=stored.key, reason=error.reason, message=error.message)
                return
        if outcome.write_awaits_reading and isinstance(nsg, RawNSG):
            self._waiting[key] = nsg
        intent = f"{intent} {self._known(key)}"
        self._memory[key] = Observation(digest, intent, outcome.due, deviates=not outcome.verdict.compliant)

    async def _unreadable(self, key: Key, error: Exception) -> None:
        stored = self._world.records.store.find(NSGBaseline, key)
        if stored is None:
            return
        baseline = resource(NSGBaseline, stored)
        failure = Failure("Unreadable", f"Azure's answer cannot be judged: {error}")
        found = status.refused(baseline.status, failure, baseline.metadata.generation, self._world.clock())
        try:
            await self._world.records.save_status(NSGBaseline, key, found)
        except KubeError as missed:
            self._tally.unrecorded += 1
            log.warning("not recorded", baseline=key, reason=missed.reason, message=missed.message)
