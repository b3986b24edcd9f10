"""A reconcile of one baseline: gather the snapshot, decide, and carry the decision out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.decisions import Decision, Reading, ReadNSG, Snapshot, decide
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.nsg import read_live
from nsg_baseline.engine.enforce import enforce
from nsg_baseline.engine.incident_recorder import IncidentRecorder
from nsg_baseline.engine.ports import Dependencies


@dataclass(frozen=True, slots=True)
class BaselineReconciler:
    """Reconciles one baseline with its NSG."""

    dependencies: Dependencies
    scope: NSGScope
    baseline: NSGBaseline

    async def reconcile(self, document: Mapping[str, Any] | None, reading: Reading = "Complete") -> Decision:
        """Judge, record and, where the scope and the baseline ask for it, enforce.

        Args:
            document: the NSG as Azure answered; None if it does not exist.
            reading: how far the reading of the scope is.

        Returns:
            The decision that was carried out last.

        Raises:
            UnreadableNSGError, UnreadableRuleError: the NSG cannot be judged; nothing is concluded.
            KubeError: something could not be stored; the next reconcile does it again.
        """
        snapshot = self._snapshot(document, reading)
        decision = decide(snapshot)
        await self._record(snapshot, decision)
        if isinstance(decision.enforcement, ReadNSG):
            # The incident is stored before anything is written to Azure: a crash in between loses no alert.
            snapshot = await enforce(self.dependencies, replace(snapshot, incidents=self._incidents()))
            decision = decide(snapshot)
            await self._record(snapshot, decision)
        await self.dependencies.records.save_status(NSGBaseline, self.baseline.key, decision.status)
        return decision

    def _snapshot(self, document: Mapping[str, Any] | None, reading: Reading) -> Snapshot:
        return Snapshot(
            now=self.dependencies.clock(),
            scope=self.scope,
            baseline=self.baseline,
            live=read_live(document) if document is not None else None,
            reading=reading,
            incidents=self._incidents(),
            severity_config=self.dependencies.yardstick,
        )

    def _incidents(self) -> tuple[NSGIncident, ...]:
        namespace, name = self.baseline.key
        subject = IncidentSubject("Drift", namespace, self.scope.metadata.name, name)
        return self.dependencies.records.incidents.about(subject)

    async def _record(self, snapshot: Snapshot, decision: Decision) -> None:
        recorder = IncidentRecorder(self.dependencies.records)
        await recorder.carry_out(decision.incident, self.baseline, snapshot.now)
