"""What a scope's loop remembers of an NSG between reconciles, so that an unchanged NSG is not judged again."""

from dataclasses import dataclass
from datetime import datetime

from nsg_baseline.api.changes import ExposureStatus
from nsg_baseline.core.changes import Change

ABSENT = b""
"""The digest of an NSG that does not exist."""
UNKNOWN = b"?"
"""The digest of an NSG that was read by id: the bytes of a listing cannot be compared with it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no verdict, or why a reading was incomplete.

    Attributes:
        retry_after: seconds that Azure asked to wait before the next request.
        internal: whether the operator itself failed.
        transient: whether the failure usually passes by itself, or concerns the connection and not the NSG.
    """

    reason: str
    message: str
    retry_after: float = 0
    internal: bool = False
    transient: bool = False


def internal_failure(error: Exception) -> Failure:
    """Return the failure for an unexpected exception. Its text is dropped, because it may contain a secret."""
    message = f"unexpected {type(error).__name__}; the operator's log has the traceback"
    return Failure("InternalError", message, internal=True)


@dataclass(frozen=True, slots=True)
class UnbaselinedNSG:
    """An NSG without a baseline, as its incident reports it. `problems`: fingerprints of what may become worse."""

    change: Change
    exposure: tuple[ExposureStatus, ...] = ()
    reason: str | None = None
    problems: frozenset[str] = frozenset()


@dataclass(slots=True)
class Observation:
    """An NSG at its last successful reconcile.

    Attributes:
        digest: of the NSG's raw bytes, or ABSENT, or UNKNOWN.
        intent: version of what users ask for in the baseline and the scope.
        read_at: a time shortly before the last reading that gave this digest.
        incident_intent: version of what others wrote into the incident.
        fingerprints: of the changes.
        tolerated: folded names of the rules that are tolerated because their author is certain.
        due: when to reconcile again although nothing changed.
        unbaselined: what to report about an NSG without a baseline.
        guardrails: version of the guardrails for the NSG.
        etag: of the NSG; empty if there is none.
    """

    digest: bytes
    intent: str
    read_at: datetime
    incident_intent: str = ""
    fingerprints: frozenset[str] = frozenset()
    tolerated: frozenset[str] = frozenset()
    due: datetime | None = None
    unbaselined: UnbaselinedNSG | None = None
    etag: str = ""
    guardrails: str = ""

    @property
    def drifts(self) -> bool:
        """Whether the NSG drifts."""
        return bool(self.fingerprints)

    def is_current(self, digest: bytes, intent: str, incident_intent: str, now: datetime) -> bool:
        """Return whether nothing has changed since and nothing is due."""
        same = self.digest == digest and self.intent == intent and self.incident_intent == incident_intent
        return same and (self.due is None or now < self.due)
