"""A reconcile of one baseline: gather the snapshot, decide, and carry the decision out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.incident import DetectedBy, NSGIncident
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.decisions import Decision, EarlierReading, Reading, ReadNSG, Snapshot, decide
from nsg_baseline.core.decisions.guardrails import refusal_id, violations_of_baseline
from nsg_baseline.core.decisions.unreadable import UnreadableSnapshot, decide_unreadable
from nsg_baseline.core.decisions.write_conditions import Intent, WriteConditions, write_blocked
from nsg_baseline.core.guardrails import Guardrail
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.nsg import parse_live
from nsg_baseline.core.observations import Failure
from nsg_baseline.core.scope_decisions import lost_after
from nsg_baseline.engine.enforce import enforce
from nsg_baseline.engine.incident_recorder import IncidentRecorder
from nsg_baseline.engine.intent import read_intent
from nsg_baseline.engine.judging import is_large
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.takeovers import previous_owner_reports, report_takeover


@dataclass(frozen=True, slots=True)
class BaselineReconciler:
    """Reconciles one baseline with its NSG.

    Attributes:
        earlier: the reading before this one.
        guardrails: all guardrails that are in force.
        detected_by: what caused the reading.
    """

    dependencies: Dependencies
    scope: NSGScope
    baseline: NSGBaseline
    earlier: EarlierReading | None = None
    guardrails: tuple[Guardrail, ...] = ()
    detected_by: DetectedBy = "Listing"

    async def reconcile(self, document: Mapping[str, Any] | None, reading: Reading = "Complete") -> Decision:
        """Judge the NSG, record the result, and enforce if the scope and the baseline require it.

        Args:
            document: the NSG as Azure returned it; None if it does not exist.
            reading: whether the listing of the scope is under way, complete or broken off.

        Returns:
            The decision that was carried out last.

        Raises:
            UnreadableNSGError, UnreadableRuleError: the NSG cannot be judged; nothing is concluded.
            KubeError: something could not be stored; the next reconcile does it again.
        """
        judging, large = self.dependencies.judging, is_large(document, self.baseline.spec)
        unparsed = self._snapshot(reading)
        snapshot, decision = await judging.run(
            partial(_parse_and_decide, unparsed, document, self.guardrails), is_large=large
        )
        await self._record(snapshot, decision)
        if isinstance(decision.enforcement, ReadNSG):
            # The incident is stored before anything is written to Azure: a crash in between loses no alert.
            intent = await read_intent(self.dependencies.records, self.scope, self.baseline, self.guardrails)
            blocked = write_blocked(self._write_conditions(intent))
            snapshot = replace(snapshot, incidents=self._incidents(), write_blocked=blocked)
            snapshot = await enforce(self.dependencies, snapshot, is_large=large)
            decision = await judging.run(partial(decide, snapshot), is_large=large)
            await self._record(snapshot, decision)
        await self.dependencies.records.save_status(NSGBaseline, self.baseline.key, decision.status)
        return decision

    async def report_unreadable(self, failure: Failure) -> None:
        """Record that the NSG cannot be judged.

        Raises:
            KubeError: something could not be stored; the next reconcile does it again.
        """
        records, now = self.dependencies.records, self.dependencies.clock()
        snapshot = UnreadableSnapshot(
            now, self._subject, self.baseline, self._incidents(), failure, lost_after(self.scope)
        )
        decision = decide_unreadable(snapshot)
        await IncidentRecorder(records).carry_out(decision.incident, self.baseline, now)
        await records.save_status(NSGBaseline, self.baseline.key, decision.status)

    @property
    def _subject(self) -> IncidentSubject:
        namespace, name = self.baseline.key
        return IncidentSubject("Drift", namespace, self.scope.metadata.name, name)

    def _snapshot(self, reading: Reading) -> Snapshot:
        return Snapshot(
            now=self.dependencies.clock(),
            scope=self.scope,
            baseline=self.baseline,
            live=None,
            reading=reading,
            incidents=self._incidents(),
            earlier=self.earlier,
            detected_by=self.detected_by,
            severity_config=self.dependencies.severity_config,
            write_blocked=write_blocked(self._write_conditions()),
            previous_owner_reports=previous_owner_reports(self.dependencies.records.store, self.baseline),
        )

    def _write_conditions(self, intent: Intent = "Current") -> WriteConditions:
        records = self.dependencies.records
        incident = records.incidents.open_about(self._subject)
        is_stored = records.is_saved(incident) if incident is not None else not records.backlog.is_unavailable
        return WriteConditions(self.dependencies.may_write(), is_stored, intent)

    def _incidents(self) -> tuple[NSGIncident, ...]:
        return self.dependencies.records.incidents.about(self._subject)

    async def _record(self, snapshot: Snapshot, decision: Decision) -> None:
        recorder = IncidentRecorder(self.dependencies.records)
        await recorder.carry_out(decision.incident, self.baseline, snapshot.now)
        if decision.refusal is not None:
            name = refusal_id(decision.refusal, snapshot)
            await recorder.post(decision.refusal, self.baseline, name, snapshot.now)
        # Before the status is saved, because only the previous status shows what is new.
        await recorder.carry_out(decision.noted, self.baseline, snapshot.now)
        # Before the status is saved, because only the previous status names the previous owner.
        await report_takeover(recorder, decision.takeover, self.baseline, snapshot.now)


def _parse_and_decide(
    snapshot: Snapshot, document: Mapping[str, Any] | None, guardrails: tuple[Guardrail, ...]
) -> tuple[Snapshot, Decision]:
    snapshot = replace(snapshot, live=parse_live(document) if document is not None else None)
    snapshot = replace(snapshot, violations=violations_of_baseline(snapshot, guardrails))
    return snapshot, decide(snapshot)
