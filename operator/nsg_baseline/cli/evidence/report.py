"""A report: the incidents of a period, and the evidence that says what it covers, who approved and who knew."""

import hashlib
import importlib.metadata
import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nsg_baseline.api.common import Severity, format_time
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.cli.evidence.documents import approvals, coverage, incident_document
from nsg_baseline.cli.evidence.gather import Evidence
from nsg_baseline.cli.evidence.unwatched import Unwatched, unwatched
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.phrasing import counted, lasting, listed

VERSION = importlib.metadata.version("nsg-baseline-operator")


@dataclass(frozen=True, slots=True)
class Report:
    """The incidents of a period, oldest first, as they were when the report was made."""

    incidents: tuple[NSGIncident, ...]
    since: datetime
    until: datetime
    made_at: datetime
    evidence: Evidence

    @property
    def summary(self) -> str:
        """Counts of incidents by severity and of open incidents."""
        levels = Counter(level(incident) for incident in self.incidents)
        counts = listed([f"{levels[severity]} {severity}" for severity in SEVERITIES if levels[severity]])
        open_count = sum(incident.status.state == "Open" for incident in self.incidents)
        return f"{counted(len(self.incidents), 'incident')}{f' ({counts})' if counts else ''}, {open_count} open"

    @property
    def scopes(self) -> list[NSGScope]:
        """The scopes of the cluster, by name."""
        return sorted((item.resource for item in self.evidence.scopes), key=lambda scope: scope.metadata.name)

    @property
    def unwatched(self) -> list[Unwatched]:
        """Periods in which a scope could not be read."""
        return unwatched(self.incidents, self.scopes, self.until)

    def content(self) -> dict[str, Any]:
        """Return everything that the report says, as `-o json` writes it, without the digest."""
        return {
            "version": VERSION,
            "madeAt": format_time(self.made_at),
            "since": format_time(self.since),
            "until": format_time(self.until),
            **coverage(self.evidence),
            "unwatched": [period.document() for period in self.unwatched],
            **approvals(self.evidence, self.until),
            "incidents": [incident_document(incident) for incident in self.incidents],
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the content as compact JSON with sorted keys, by which a copy of the report can be verified."""
        compact = json.dumps(self.content(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(compact.encode()).hexdigest()

    def duration(self, incident: NSGIncident) -> str:
        """Return how long an incident was open, or has been open at the end of the period."""
        status = incident.status
        if status.opened_at is None:
            return "-"
        return lasting((status.resolved_at or max(self.until, status.opened_at)) - status.opened_at)


def level(incident: NSGIncident) -> Severity:
    """Return the highest severity of an incident."""
    return incident.status.highest_severity or incident.status.severity or "info"
