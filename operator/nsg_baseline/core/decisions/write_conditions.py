"""Whether the operator may write to Azure at all, apart from what is to be written."""

from dataclasses import dataclass
from typing import Literal

from nsg_baseline.core.remediation import Blocked

Intent = Literal["Current", "Changed", "Unknown"]
"""Whether the API server still has the baseline, the scope and the guardrails from which a write is decided."""


@dataclass(frozen=True, slots=True)
class WriteConditions:
    """What a write to Azure requires of the operator.

    Attributes:
        is_leader: no other replica can be the leader now.
        is_incident_stored: the API server has stored the incident, or would store a new one.
        intent: the state of the baseline, the scope and the guardrails. A watch can be interrupted without an error,
            so the objects in memory can be old; they are read again only before a write.
    """

    is_leader: bool
    is_incident_stored: bool
    intent: Intent = "Current"


def write_blocked(conditions: WriteConditions) -> Blocked | None:
    """Return why nothing may be written; None if it may."""
    if not conditions.is_leader:
        return Blocked("NotLeading", "the Lease may have expired; the operator writes again after it is renewed")
    if not conditions.is_incident_stored:
        return Blocked("IncidentNotStored", "the incident is not stored yet because the Kubernetes API is unavailable")
    if conditions.intent == "Unknown":
        return Blocked(
            "IntentNotConfirmed",
            "the baseline, the scope and the guardrails could not be read again from the Kubernetes API, "
            "so they may be old",
        )
    if conditions.intent == "Changed":
        return Blocked(
            "IntentChanged", "the baseline, the scope or a guardrail was edited meanwhile; the operator decides again"
        )
    return None
