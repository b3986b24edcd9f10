"""The operator in a game: its real decisions and its real write loop, with a clock and objects in memory."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.decisions import Decision, ReadNSG, Snapshot, decide
from nsg_baseline.core.incident_steps import open_incident
from nsg_baseline.core.nsg import parse_live
from nsg_baseline.engine.enforce import enforce
from nsg_baseline.engine.ports import Dependencies, NSGReader
from tests.adversary.azure import AzureModel
from tests.adversary.positions import Position
from tests.support.decisions import BOTH, baseline, carry_out, scope
from tests.support.nsgs import NOW, excepted
from tests.support.rules import Document


class OperatorModel:
    """The operator with one baseline in mode Enforce.

    Attributes:
        now: the time.
        approved: the rules that are approved now.
        write_times: of the accepted writes.
        decision, snapshot: the last decision, and what it was decided from.
    """

    def __init__(self, azure: AzureModel, position: Position) -> None:
        self.azure, self.position = azure, position
        self.now = NOW
        self.approved = position.approved
        self.write_times: list[datetime] = []
        self.conflicts = 0
        self._dependencies = Dependencies(cast(NSGReader, azure), azure, cast(Any, None), "system", lambda: self.now)
        self._baseline = self._edited(1)
        self._incidents: tuple[NSGIncident, ...] = ()
        self._scope = scope(maxMode=BOTH["max_mode"])
        self.decision: Decision
        self.snapshot: Snapshot

    @property
    def incident(self) -> NSGIncident | None:
        """The open incident."""
        return open_incident(self._incidents)

    @property
    def baseline(self) -> NSGBaseline:
        """The baseline with its stored status."""
        return self._baseline

    def approve(self, approved: tuple[Document, ...]) -> None:
        """Edit the baseline."""
        self.approved = approved
        self._baseline = self._edited(self._baseline.metadata.generation + 1).model_copy(
            update={"status": self._baseline.status}
        )

    async def reconcile(self) -> None:
        """Read, decide, and write if the decision requires it."""
        writes, conflicts = self.azure.writes, self.azure.conflicts
        snapshot = Snapshot(
            now=self.now,
            scope=self._scope,
            baseline=self._baseline,
            live=parse_live(self.azure.document),
            incidents=self._incidents,
        )
        decision = decide(snapshot)
        self._incidents = carry_out(snapshot, decision).incidents
        if isinstance(decision.enforcement, ReadNSG):
            snapshot = await enforce(self._dependencies, replace(snapshot, incidents=self._incidents))
            decision = decide(snapshot)
            self._incidents = carry_out(snapshot, decision).incidents
        self._baseline = carry_out(snapshot, decision).baseline
        self.decision, self.snapshot = decision, snapshot
        self.write_times += [self.now] * (self.azure.writes - writes)
        self.conflicts = self.azure.conflicts - conflicts

    def _edited(self, generation: int) -> NSGBaseline:
        exceptions = [excepted(rule, NOW + timedelta(minutes=minutes)) for rule, minutes in self.position.excepted]
        return baseline(
            self.approved, generation=generation, mode="Enforce", exceptions=exceptions, **self.position.spec
        )
