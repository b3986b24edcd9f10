"""A reconcile of one NSG with a baseline, from a listing or after reading it by its id."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.incident import DetectedBy
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.read import RawNSG
from nsg_baseline.core.decisions import Decision, EarlierReading, Reading
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.nsg import UnreadableNSGError
from nsg_baseline.core.observations import ABSENT, UNKNOWN, Failure, Observation, internal_failure
from nsg_baseline.core.rules import UnreadableRuleError
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.reconcile_baseline import BaselineReconciler
from nsg_baseline.engine.scope_snapshot import ScopeResult, ScopeSnapshot
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.store import resource

_EXPIRED = "?"
"""The version of an incident that makes an observation outdated."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NSGReconciler:
    """Reconciles single NSGs of one scope. A failure concerns only its NSG.

    Attributes:
        snapshot: the scope; an NSG is reconciled for its baseline there.
        memory: observations by folded NSG id; kept from one reconcile to the next.
        result: counts the failures.
        started: a time shortly before the reading.
        detected_by: what caused the reading.
    """

    dependencies: Dependencies
    snapshot: ScopeSnapshot
    memory: dict[str, Observation]
    result: ScopeResult
    started: datetime
    detected_by: DetectedBy = "Listing"

    def is_unchanged(self, nsg: str, digest: bytes) -> bool:
        """Return whether an NSG is unchanged since its last reconcile, and nothing is due."""
        observation, now = self.memory.get(nsg), self.dependencies.clock()
        intents = self._intent(nsg), self._incident_intent(nsg)
        if observation is None or not observation.is_current(digest, *intents, now):
            return False
        if observation.guardrails != self._guardrails(nsg):
            return False
        observation.read_at = self.started
        return True

    def is_current(self, nsg: str) -> bool:
        """Return whether the last reconcile of an NSG read it and stored the result."""
        observation = self.memory.get(nsg)
        return observation is not None and observation.incident_intent != _EXPIRED

    async def read_and_reconcile(self, nsg: str, reading: Reading = "Complete") -> None:
        """Reconcile an NSG after reading it by its id. Only a 404 means that it does not exist.

        Args:
            nsg: its folded id.
            reading: whether the last listing was complete; without that, nothing is written to Azure.
        """
        self._expire(nsg)
        baseline = self._baseline(nsg)
        if baseline is None:
            return
        try:
            document = await self.dependencies.reader.get(baseline.spec.target.resource_id)
        except AzureError as error:
            failure = Failure(error.reason, error.message, error.retry_after, transient=error.is_transient)
            await self._report_unreadable(baseline, failure)
        except Exception as error:
            # An internal error in one NSG must not end the reconcile of the others.
            log.exception("reconcile failed", baseline=baseline.key)
            self.result.failed += 1
            await self._report_unreadable(baseline, internal_failure(error))
        else:
            await self.reconcile(nsg, self._digest(nsg, document), document, reading)

    async def reconcile(
        self, nsg: str, digest: bytes, live: RawNSG | Mapping[str, Any] | None, reading: Reading = "Complete"
    ) -> Decision | None:
        """Reconcile an NSG and store the observation in `memory`.

        Args:
            nsg: its folded id.
            digest: of the NSG as received; ABSENT or UNKNOWN.
            live: the NSG; None if it does not exist.
            reading: how far the reading of the scope is.

        Returns:
            The decision that was carried out; None if there was none.
        """
        self._expire(nsg)
        intent, baseline = self._intent(nsg), self._baseline(nsg)
        if baseline is None:
            return None
        try:
            document = live.document() if isinstance(live, RawNSG) else live
            earlier = self._earlier(nsg, intent, digest)
            guardrails = self.snapshot.guardrails.guardrails
            reconciler = BaselineReconciler(
                self.dependencies, self.snapshot.scope, baseline, earlier, guardrails, self.detected_by
            )
            decision = await reconciler.reconcile(document, reading)
        except (UnreadableNSGError, UnreadableRuleError, AzureError) as error:
            failure = Failure("Unreadable", f"the response from Azure could not be parsed: {error}")
            await self._report_unreadable(baseline, failure)
        except KubeError as error:
            self._count_unsaved(baseline, error)
        except Exception as error:
            # An internal error in one NSG must not end the reconcile of the others.
            log.exception("reconcile failed", baseline=baseline.key)
            self.result.failed += 1
            await self._report_unreadable(baseline, internal_failure(error))
        else:
            self._remember(nsg, digest, intent, decision, str((document or {}).get("etag") or ""))
            return decision
        return None

    def _remember(self, nsg: str, digest: bytes, intent: str, decision: Decision, etag: str) -> None:
        verdict, before = decision.verdict, self.memory.get(nsg)
        if before is not None and before.intent == intent:
            changes = {change.fingerprint for change in verdict.changes if change.kind.startswith("Rule")}
            if changes - before.fingerprints:
                self.result.detected.add(nsg)
        self.memory[nsg] = Observation(
            digest,
            intent,
            self.started,
            self._incident_intent(nsg),
            frozenset(change.fingerprint for change in verdict.changes),
            verdict.tolerated_by_caller,
            decision.due,
            etag=etag,
            guardrails=self._guardrails(nsg),
        )

    def _earlier(self, nsg: str, intent: str, digest: bytes) -> EarlierReading | None:
        """Return the last reading if live has changed since and the baseline has not."""
        observation = self.memory.get(nsg)
        if observation is None or observation.intent != intent or digest == observation.digest != UNKNOWN:
            return None
        return EarlierReading(observation.read_at, observation.fingerprints, observation.tolerated)

    def _expire(self, nsg: str) -> None:
        """Let the next listing reconcile the NSG again, unless this reconcile succeeds."""
        if nsg in self.memory:
            self.memory[nsg] = replace(self.memory[nsg], incident_intent=_EXPIRED, due=None)

    def _guardrails(self, nsg: str) -> str:
        """Return the version of the guardrails for an NSG."""
        return self.snapshot.guardrails.version_for(nsg, self.dependencies.clock())

    def _intent(self, nsg: str) -> str:
        """Return the version of the users' input in the baseline and the scope."""
        stored = self.dependencies.records.store.find(NSGBaseline, self.snapshot.baselines[nsg])
        generation = self.snapshot.scope.metadata.generation
        return f"{stored.uid} {stored.intent} {generation}" if stored is not None else ""

    def _incident_intent(self, nsg: str) -> str:
        """Return the parts of the open incident that affect a reconcile and are written elsewhere."""
        namespace, name = self.snapshot.baselines[nsg]
        subject = IncidentSubject("Drift", namespace, self.snapshot.scope.metadata.name, name)
        incident = self.dependencies.records.incidents.open_about(subject)
        if incident is None:
            return ""
        status = incident.status
        certain = sum(change.attribution == "Found" for change in status.changes)
        return f"{incident.spec.acknowledged} {status.attribution} {certain}"

    def _baseline(self, nsg: str) -> NSGBaseline | None:
        key = self.snapshot.baselines.get(nsg)
        stored = self.dependencies.records.store.find(NSGBaseline, key) if key is not None else None
        try:
            return resource(NSGBaseline, stored) if stored is not None else None
        except InvalidObject:
            # `cleanup` reports the error in the object's status.
            return None

    def _digest(self, nsg: str, document: Mapping[str, Any] | None) -> bytes:
        """Return the digest of an NSG that was read by id: the digest from the listing if the etag is the same."""
        if document is None:
            return ABSENT
        observation, etag = self.memory.get(nsg), document.get("etag")
        return observation.digest if observation is not None and etag and observation.etag == etag else UNKNOWN

    async def _report_unreadable(self, baseline: NSGBaseline, failure: Failure) -> None:
        try:
            await BaselineReconciler(self.dependencies, self.snapshot.scope, baseline).report_unreadable(failure)
        except KubeError as error:
            self._count_unsaved(baseline, error)

    def _count_unsaved(self, baseline: NSGBaseline, error: KubeError) -> None:
        self.result.unsaved += 1
        log.warning("status not saved", baseline=baseline.key, reason=error.reason, message=error.message)
