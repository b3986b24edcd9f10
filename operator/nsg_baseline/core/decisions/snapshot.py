"""The input of a decision about one baseline: everything that was observed, in one value."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.incident import DetectedBy, NSGIncident
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG, SeverityConfig
from nsg_baseline.core.guardrails import Violation
from nsg_baseline.core.incident_steps import open_incident
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.nsg import LiveNSG
from nsg_baseline.core.remediation import Blocked

Reading = Literal["UnderWay", "Complete", "BrokenOff"]
"""How far the reading of the scope is."""


@dataclass(frozen=True, slots=True)
class RemediationAttempt:
    """The result of a remediation in this reconcile.

    Attributes:
        written: whether Azure accepted a write.
        blocked: why Azure or another writer prevented the write, or why changes were left out of it.
        rollout_since: since when the baseline's edit awaited its rollout before the write.
        awaited_rollout: whether that edit explained the whole drift before the write.
    """

    written: bool = False
    blocked: Blocked | None = None
    rollout_since: datetime | None = None
    awaited_rollout: bool = False


@dataclass(frozen=True, slots=True)
class EarlierReading:
    """The last reading of an NSG that gave another document, judged by the same baseline.

    Attributes:
        at: a time shortly before it.
        fingerprints: of the changes that it showed.
        tolerated: folded names of the rules that were tolerated because their author is certain.
    """

    at: datetime
    fingerprints: frozenset[str] = frozenset()
    tolerated: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One baseline, its NSG, its scope and its incidents at one moment.

    Attributes:
        now: the moment.
        scope, baseline: the stored objects; the baseline's status is that of its last reconcile.
        live: the NSG in Azure; None if it does not exist.
        reading: how far the reading of the scope is.
        read_for_write: whether `live` was read by id just now, as a plan for a write requires.
        incidents: all stored incidents about the baseline, in any state and order.
        write_blocked: why the operator itself may not write to Azure now; None if it may.
        previous_owner_reports: whether the baseline that managed the NSG before reports its loss itself.
        attempt: the remediation that was tried in this reconcile; None before one was.
        detected_by: what caused the reading.
        violations: of guardrails, by the rules that the baseline approves.
        earlier: the reading before this one; None if there was none, or if only the baseline is another one.
    """

    now: datetime
    scope: NSGScope
    baseline: NSGBaseline
    live: LiveNSG | None
    reading: Reading = "Complete"
    read_for_write: bool = False
    incidents: tuple[NSGIncident, ...] = ()
    write_blocked: Blocked | None = None
    previous_owner_reports: bool = False
    attempt: RemediationAttempt | None = None
    earlier: EarlierReading | None = None
    violations: tuple[Violation, ...] = ()
    detected_by: DetectedBy = "Listing"
    severity_config: SeverityConfig = DEFAULT_SEVERITY_CONFIG

    @property
    def subject(self) -> IncidentSubject:
        """What an incident about this baseline is about."""
        namespace, name = self.baseline.key
        return IncidentSubject("Drift", namespace, self.scope.metadata.name, name)

    @property
    def open_incident(self) -> NSGIncident | None:
        """The open incident; the oldest if there are several. An incident without a stored status counts as open."""
        return open_incident(self.incidents)

    @property
    def last_resolved(self) -> NSGIncident | None:
        """The incident about drift that was resolved last."""
        resolved = [
            incident
            for incident in self.incidents
            if incident.status.resolved_at is not None and incident.status.resolution != "Noted"
        ]
        return max(resolved, key=lambda incident: (incident.status.resolved_at, incident.metadata.name), default=None)
