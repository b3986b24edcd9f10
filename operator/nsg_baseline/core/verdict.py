"""The verdict: all that one look at one NSG says."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from nsg_baseline.api.baseline import Matched
from nsg_baseline.api.common import Severity
from nsg_baseline.api.findings import ExposureStatus
from nsg_baseline.core.changes import Change, detect, live_hashes
from nsg_baseline.core.nsg import ApprovedNSG, LiveNSG

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
Mover = Literal["Azure", "Baseline"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one look at one NSG says. Hashes are None when the NSG does not exist."""

    nsg: str
    changes: tuple[Change, ...] = ()
    exposure: tuple[ExposureStatus, ...] = ()
    live_hash: str | None = None
    own_hash: str | None = None

    @property
    def compliant(self) -> bool:
        """Whether live is as approved."""
        return not self.changes

    @property
    def severity(self) -> Severity | None:
        """The heaviest change's severity."""
        return heaviest(change.severity for change in self.changes)


def judge(approved: ApprovedNSG, live: LiveNSG | None, now: datetime) -> Verdict:
    """Compare an NSG as approved with the NSG as it is."""
    full, own = live_hashes(approved, live) if live is not None else (None, None)
    return Verdict(str(live.id if live else approved.id), detect(approved, live, now), (), full, own)


def heaviest(severities: Iterable[Severity]) -> Severity | None:
    """Return the heaviest of some severities."""
    return min(severities, key=SEVERITIES.index, default=None)


def mover(verdict: Verdict, matched: Matched | None, generation: int) -> Mover:
    """Say who moved since live last matched: somebody in Azure, or the baseline alone.

    The baseline alone moved when it was edited since and live is where it was. An exception that ran out is no edit.
    """
    if matched is None or verdict.live_hash is None or generation <= matched.generation:
        return "Azure"
    unmoved = verdict.live_hash == matched.live_hash or verdict.own_hash == matched.own_hash
    return "Baseline" if unmoved else "Azure"
