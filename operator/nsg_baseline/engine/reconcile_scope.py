"""A reconcile of one scope, from reading Azure to storing the result for each baseline."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.read import RawNSG
from nsg_baseline.core.assignment import is_ignored, scope_of
from nsg_baseline.core.decisions import AwaitReading, EarlierReading, Reading
from nsg_baseline.core.ids import NSGId, fold
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.nsg import UnreadableNSGError
from nsg_baseline.core.observations import ABSENT, UNKNOWN, Failure, Observation, UnbaselinedNSG, internal_failure
from nsg_baseline.core.rules import UnreadableRuleError
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.reconcile_baseline import BaselineReconciler
from nsg_baseline.engine.reconcile_unbaselined import reconcile_unbaselined, unjudged
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.store import resource

CONCURRENT_BASELINES = 8
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ScopeResult:
    """The result of one reconcile of a scope.

    Attributes:
        nsgs: NSGs of the scope in the listing.
        drifted: baselines whose NSG drifts.
        unbaselined: NSGs without a baseline.
        failure: why the reading is incomplete; nothing is concluded about NSGs that it does not contain.
        unreadable: elements of the listing without a valid NSG id.
        failed: NSGs whose reconcile ended with an unexpected exception.
        unsaved: baselines whose status or incident could not be stored.
    """

    nsgs: int = 0
    drifted: int = 0
    unbaselined: list[UnbaselinedNSG] = field(default_factory=list)
    failure: Failure | None = None
    unreadable: int = 0
    failed: int = 0
    unsaved: int = 0


class ScopeReconciler:
    """Reconciles every NSG of one scope.

    Args:
        dependencies: the ports.
        scope: the scope.
        scopes: all scopes, to determine which NSGs belong to this one.
        baselines: the scope's active baselines, by folded NSG id.
        inactive: folded ids of NSGs whose baselines are suspended or invalid.
        memory: observations by folded NSG id; kept from one reconcile to the next.
    """

    def __init__(
        self,
        dependencies: Dependencies,
        scope: NSGScope,
        scopes: tuple[NSGScope, ...],
        baselines: Mapping[str, ObjectKey],
        inactive: frozenset[str],
        memory: dict[str, Observation],
    ) -> None:
        self._dependencies = dependencies
        self._scope = scope
        self._scopes = scopes
        self._baselines = baselines
        self._inactive = inactive
        self._memory = memory
        self._started = dependencies.clock()
        self._limit = asyncio.Semaphore(CONCURRENT_BASELINES)
        self._result = ScopeResult()
        self._listed: set[str] = set()
        self._awaiting: dict[str, RawNSG] = {}

    async def run(self) -> ScopeResult:
        """Reconcile all NSGs page by page.

        After a complete listing, enforce, and read the NSGs that it did not contain.
        """
        try:
            async for nsgs in self._pages():
                await self._reconcile_page(nsgs)
        except AzureError as error:
            self._result.failure = _failure(error)
            await self._reconcile_awaiting("BrokenOff")
        else:
            await self._reconcile_awaiting("Complete")
            await self._reconcile_unlisted()
        self._result.drifted = sum(
            observation.drifts for nsg, observation in self._memory.items() if nsg in self._baselines
        )
        return self._result

    async def run_only(self, nsgs: frozenset[str]) -> ScopeResult:
        """Reconcile only the NSGs with these folded ids, as after an edit of their baselines."""
        for nsg in nsgs & self._baselines.keys():
            await self._read_and_reconcile(nsg)
        return self._result

    async def _pages(self) -> AsyncIterator[tuple[RawNSG, ...]]:
        spec = self._scope.spec
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
                if nsg in self._inactive:
                    continue
                if nsg not in self._baselines:
                    self._judge_unbaselined(nsg, raw)
                elif not self._is_unchanged(nsg, raw.digest):
                    tasks.create_task(self._reconcile(nsg, raw.digest, raw, "UnderWay"))

    async def _reconcile_awaiting(self, reading: Reading) -> None:
        """Reconcile the NSGs whose remediation waited for the end of the reading."""
        async with asyncio.TaskGroup() as tasks:
            for nsg, raw in self._awaiting.items():
                tasks.create_task(self._reconcile(nsg, raw.digest, raw, reading))

    def _is_in_scope(self, nsg_id: str) -> bool:
        # A more specific scope may cover the NSG's resource group.
        scope = scope_of(NSGId.parse(nsg_id), self._scopes)
        return scope is not None and scope.metadata.name == self._scope.metadata.name

    def _judge_unbaselined(self, nsg: str, raw: RawNSG) -> None:
        if is_ignored(self._scope.spec, NSGId.parse(raw.id)):
            self._memory.pop(nsg, None)
            return
        observation = self._memory.get(nsg)
        if observation is None or observation.unbaselined is None or observation.digest != raw.digest:
            unbaselined = self._unbaselined(raw)
            observation = Observation(raw.digest, "", self._started, unbaselined=unbaselined)
            self._memory[nsg] = observation
        if observation.unbaselined is not None:
            self._result.unbaselined.append(observation.unbaselined)

    def _unbaselined(self, raw: RawNSG) -> UnbaselinedNSG:
        severity_config = self._dependencies.severity_config
        try:
            return reconcile_unbaselined(raw, severity_config)
        except Exception as error:
            # An internal error in one NSG must not end the reconcile of the others.
            log.exception("reconcile failed", nsg=raw.id)
            self._result.failed += 1
            return unjudged(raw, severity_config, internal_failure(error).message)

    def _is_unchanged(self, nsg: str, digest: bytes) -> bool:
        observation, now = self._memory.get(nsg), self._dependencies.clock()
        intents = self._intent(nsg), self._incident_intent(nsg)
        if observation is None or not observation.is_current(digest, *intents, now):
            return False
        observation.read_at = self._started
        return True

    def _earlier(self, nsg: str, intent: str, digest: bytes) -> EarlierReading | None:
        """Return the last reading if live is another one now and the same baseline judged it."""
        observation = self._memory.get(nsg)
        if observation is None or observation.intent != intent or digest == observation.digest != UNKNOWN:
            return None
        return EarlierReading(observation.read_at, observation.fingerprints, observation.tolerated)

    def _intent(self, nsg: str) -> str:
        """Return the version of the users' input in the baseline and the scope."""
        stored = self._dependencies.records.store.find(NSGBaseline, self._baselines[nsg])
        return f"{stored.uid} {stored.intent} {self._scope.metadata.generation}" if stored is not None else ""

    def _incident_intent(self, nsg: str) -> str:
        """Return the parts of the open incident that affect a reconcile and are written elsewhere."""
        namespace, name = self._baselines[nsg]
        subject = IncidentSubject("Drift", namespace, self._scope.metadata.name, name)
        incident = self._dependencies.records.incidents.open_about(subject)
        if incident is None:
            return ""
        status = incident.status
        certain = sum(change.attribution == "Found" for change in status.changes)
        return f"{incident.spec.acknowledged is not None} {status.attribution} {certain}"

    async def _reconcile_unlisted(self) -> None:
        """Read each NSG that a complete listing did not contain: only a 404 means that it was deleted."""
        for nsg in self._baselines.keys() - self._listed:
            if not self._is_unchanged(nsg, ABSENT):
                await self._read_and_reconcile(nsg)

    async def _read_and_reconcile(self, nsg: str) -> None:
        try:
            document = await self._dependencies.reader.get(self._resource_id(nsg))
        except AzureError as error:
            self._result.failure = self._result.failure or _failure(error)
            return
        await self._reconcile(nsg, ABSENT if document is None else UNKNOWN, document)

    def _resource_id(self, nsg: str) -> str:
        """Return the NSG's id in the case that the baseline uses."""
        stored = self._dependencies.records.store.find(NSGBaseline, self._baselines[nsg])
        return str(stored.document()["spec"]["target"]["resourceId"]) if stored is not None else nsg

    async def _reconcile(
        self, nsg: str, digest: bytes, live: RawNSG | dict[str, Any] | None, reading: Reading = "Complete"
    ) -> None:
        intent = self._intent(nsg)
        stored = self._dependencies.records.store.find(NSGBaseline, self._baselines[nsg])
        if stored is None:
            return
        async with self._limit:
            try:
                baseline = resource(NSGBaseline, stored)
            except InvalidObject:
                # `cleanup` reports the error in the object's status.
                return
            try:
                document = live.document() if isinstance(live, RawNSG) else live
                earlier = self._earlier(nsg, intent, digest)
                reconciler = BaselineReconciler(self._dependencies, self._scope, baseline, earlier)
                decision = await reconciler.reconcile(document, reading)
            except (UnreadableNSGError, UnreadableRuleError, AzureError) as error:
                failure = Failure("Unreadable", f"the response from Azure could not be parsed: {error}")
                await self._report_unreadable(baseline, failure)
                return
            except KubeError as error:
                self._count_unsaved(stored.key, error)
                return
            except Exception as error:
                # An internal error in one NSG must not end the reconcile of the others.
                log.exception("reconcile failed", baseline=stored.key)
                self._result.failed += 1
                await self._report_unreadable(baseline, internal_failure(error))
                return
        if isinstance(decision.enforcement, AwaitReading) and isinstance(live, RawNSG):
            self._awaiting[nsg] = live
        verdict = decision.verdict
        self._memory[nsg] = Observation(
            digest,
            intent,
            self._started,
            self._incident_intent(nsg),
            frozenset(change.fingerprint for change in verdict.changes),
            verdict.tolerated_by_caller,
            decision.due,
        )

    async def _report_unreadable(self, baseline: NSGBaseline, failure: Failure) -> None:
        reconciler = BaselineReconciler(self._dependencies, self._scope, baseline)
        try:
            await reconciler.report_unreadable(failure)
        except KubeError as error:
            self._count_unsaved(baseline.key, error)

    def _count_unsaved(self, key: ObjectKey, error: KubeError) -> None:
        self._result.unsaved += 1
        log.warning("status not saved", baseline=key, reason=error.reason, message=error.message)


def _failure(error: AzureError) -> Failure:
    return Failure(error.reason, error.message, error.retry_after)
