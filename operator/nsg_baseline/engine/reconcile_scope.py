"""A reconcile of one scope: its listing, page by page. Single NSGs are reconciled in the shares of their namespaces."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial

import structlog

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.read import RawNSG
from nsg_baseline.core.assignment import is_ignored, scope_of
from nsg_baseline.core.decisions import AwaitReading, Reading
from nsg_baseline.core.ids import NSGId, fold
from nsg_baseline.core.observations import ABSENT, Failure, Observation, UnbaselinedNSG, internal_failure
from nsg_baseline.core.shares import Shares
from nsg_baseline.engine.guardrail_checks import GuardrailChecks
from nsg_baseline.engine.judging import SMALL_BYTES
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.reconcile_nsg import NSGReconciler
from nsg_baseline.engine.reconcile_unbaselined import reconcile_unbaselined, unjudged
from nsg_baseline.engine.scope_snapshot import ScopeResult, ScopeSnapshot

CONCURRENT_BASELINES = 8
EDITED_PER_LISTING = 20
"""Maximum number of edited baselines of a namespace that one listing judges. More would prolong the listing."""
log = structlog.get_logger(__name__)


class ScopeReconciler:
    """Reconciles every NSG of one scope that changed in Azure.

    Args:
        dependencies: the ports.
        snapshot: the scope with its baselines.
        memory: observations by folded NSG id; kept from one reconcile to the next.
        shares: receives the NSGs that need a separate reconcile: those that a complete listing does not contain, and
            those that are unchanged in Azure while a user asked for something, beyond a few of each namespace.
        checks: the NSGs checked against guardrails; kept from one reconcile to the next.
    """

    def __init__(
        self,
        dependencies: Dependencies,
        snapshot: ScopeSnapshot,
        memory: dict[str, Observation],
        shares: Shares,
        checks: GuardrailChecks | None = None,
    ) -> None:
        self._dependencies = dependencies
        self._snapshot = snapshot
        self._memory = memory
        self._started = dependencies.clock()
        self._shares = shares
        self._checks = checks or GuardrailChecks()
        self._limit = asyncio.Semaphore(CONCURRENT_BASELINES)
        self._result = ScopeResult()
        self._nsgs = NSGReconciler(dependencies, snapshot, memory, self._result, self._started)
        self._listed: set[str] = set()
        self._awaiting: dict[str, RawNSG] = {}
        self._edited: Counter[str] = Counter()

    async def run(self) -> ScopeResult:
        """Reconcile all NSGs page by page. After a complete listing, enforce, and request reads of the missing NSGs."""
        self._shares.begin_listing()
        try:
            async for nsgs in self._pages():
                await self._reconcile_page(nsgs)
        except AzureError as error:
            self._result.failure = Failure(error.reason, error.message, error.retry_after)
            await self._reconcile_awaiting("BrokenOff")
        else:
            await self._reconcile_awaiting("Complete")
            self._leave_unlisted()
            self._checks.keep_only(self._listed)
        self._result.guardrails = self._checks.results(self._snapshot)
        self._result.drifted = sum(
            observation.drifts for nsg, observation in self._memory.items() if nsg in self._snapshot.baselines
        )
        return self._result

    async def _pages(self) -> AsyncIterator[tuple[RawNSG, ...]]:
        spec = self._snapshot.scope.spec
        for group in spec.resource_groups or (None,):
            try:
                async for page in self._dependencies.reader.pages(spec.subscription_id, group):
                    self._result.unreadable += page.unreadable
                    yield page.nsgs
            except AzureError as error:
                # A resource group that does not exist contains no NSGs. This is a complete answer, not a failure.
                if error.reason != "ResourceGroupNotFound" or group is None:
                    raise

    async def _reconcile_page(self, nsgs: tuple[RawNSG, ...]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for raw in nsgs:
                nsg = fold(raw.id)
                if nsg in self._listed or not self._is_in_scope(raw.id):
                    # Azure may list an NSG on two pages when others are created or deleted meanwhile.
                    continue
                self._listed.add(nsg)
                self._result.nsgs += 1
                if self._checks.is_due(self._dependencies, self._snapshot, nsg, raw.digest):
                    tasks.create_task(self._check_guardrails(raw))
                if nsg in self._snapshot.inactive:
                    continue
                if nsg not in self._snapshot.baselines:
                    self._judge_unbaselined(nsg, raw, tasks)
                elif self._is_changed_in_azure(nsg, raw.digest):
                    tasks.create_task(self._reconcile(nsg, raw, "UnderWay"))
                elif not self._nsgs.is_unchanged(nsg, raw.digest):
                    if self._has_share(nsg):
                        tasks.create_task(self._reconcile(nsg, raw, "UnderWay"))
                    else:
                        self._leave(nsg, edited=True)

    async def _reconcile_awaiting(self, reading: Reading) -> None:
        """Reconcile the NSGs whose remediation waited for the end of the reading."""
        async with asyncio.TaskGroup() as tasks:
            for nsg, raw in self._awaiting.items():
                tasks.create_task(self._reconcile(nsg, raw, reading))

    async def _check_guardrails(self, raw: RawNSG) -> None:
        try:
            await self._checks.check(self._dependencies, self._snapshot, raw)
        except Exception:
            # An internal error in one NSG must not end the reconcile of the others.
            log.exception("guardrails not checked", nsg=raw.id)
            self._result.failed += 1

    def _is_in_scope(self, nsg_id: str) -> bool:
        # A more specific scope may cover the NSG's resource group.
        scope = scope_of(NSGId.parse(nsg_id), self._snapshot.scopes)
        return scope is not None and scope.metadata.name == self._snapshot.scope.metadata.name

    def _has_share(self, nsg: str) -> bool:
        """Return whether this listing may judge another edited baseline of the same namespace, and count it."""
        namespace = self._snapshot.baselines[nsg].namespace
        self._edited[namespace] += 1
        return self._edited[namespace] <= EDITED_PER_LISTING

    def _is_changed_in_azure(self, nsg: str, digest: bytes) -> bool:
        observation = self._memory.get(nsg)
        if observation is None or observation.digest != digest:
            return True
        # An edit of a guardrail is not an edit by a tenant, and needs no further reading.
        return observation.guardrails != self._snapshot.guardrails.version_for(nsg, self._dependencies.clock())

    def _judge_unbaselined(self, nsg: str, raw: RawNSG, tasks: asyncio.TaskGroup) -> None:
        if is_ignored(self._snapshot.scope.spec, NSGId.parse(raw.id)):
            self._memory.pop(nsg, None)
            return
        observation = self._memory.get(nsg)
        if observation is None or observation.unbaselined is None or observation.digest != raw.digest:
            tasks.create_task(self._reconcile_unbaselined(nsg, raw))
        else:
            self._result.unbaselined.append(observation.unbaselined)

    async def _reconcile_unbaselined(self, nsg: str, raw: RawNSG) -> None:
        async with self._limit:
            unbaselined = await self._unbaselined(raw)
        self._memory[nsg] = Observation(raw.digest, "", self._started, unbaselined=unbaselined)
        self._result.unbaselined.append(unbaselined)

    async def _unbaselined(self, raw: RawNSG) -> UnbaselinedNSG:
        severity_config = self._dependencies.severity_config
        judge = partial(reconcile_unbaselined, raw, severity_config)
        try:
            return await self._dependencies.judging.run(judge, is_large=len(raw.raw) > SMALL_BYTES)
        except Exception as error:
            # An internal error in one NSG must not end the reconcile of the others.
            log.exception("reconcile failed", nsg=raw.id)
            self._result.failed += 1
            return unjudged(raw, severity_config, internal_failure(error).message)

    def _leave_unlisted(self) -> None:
        """Request a read of each NSG that a complete listing did not contain: only a 404 means that it was deleted."""
        for nsg in self._snapshot.baselines:
            if nsg not in self._listed and not self._nsgs.is_unchanged(nsg, ABSENT):
                self._leave(nsg, edited=False)

    def _leave(self, nsg: str, *, edited: bool) -> None:
        self._shares.add(self._snapshot.baselines[nsg].namespace, nsg, edited=edited)

    async def _reconcile(self, nsg: str, raw: RawNSG, reading: Reading) -> None:
        async with self._limit:
            if not self._shares.reserve(nsg):
                self._leave(nsg, edited=True)
                return
            try:
                decision = await self._nsgs.reconcile(nsg, raw.digest, raw, reading)
            finally:
                self._shares.release(nsg)
        if decision is not None and isinstance(decision.enforcement, AwaitReading):
            self._awaiting[nsg] = raw
