"""What a scope's watch remembers of an NSG between passes, so that an unchanged world costs no work."""

from dataclasses import dataclass
from datetime import datetime

from nsg_baseline.api.changes import ExposureStatus
from nsg_baseline.core.changes import Change

GONE = b""
# Read by itself and not in a listing, so that its bytes tell nothing: the next listing looks again.
UNKNOWN = b"?"


@dataclass(frozen=True, slots=True)
class UnbaselinedNSG:
    """An NSG without a baseline, in as little as its incident tells of it."""

    change: Change
    exposure: tuple[ExposureStatus, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """An NSG as of the last look that ended well.

    `digest` is of the NSG's raw bytes, GONE or UNKNOWN; `intent` is the version of everything that users said about it.
    `stray` is what there is to tell of an NSG that no baseline speaks of.
    """

    digest: bytes
    intent: str
    due: datetime | None = None
    deviates: bool = False
    stray: UnbaselinedNSG | None = None

    def still(self, digest: bytes, intent: str, now: datetime) -> bool:
        """Say whether nothing moved since and nothing fell due."""
        return self.digest == digest and self.intent == intent and (self.due is None or now < self.due)
