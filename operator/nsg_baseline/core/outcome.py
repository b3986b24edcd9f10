"""The outcome of one look at one NSG: what its baseline's status is computed from."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from nsg_baseline.api.baseline_status import ExceptionStatus, RuleAuthor
from nsg_baseline.core.remediation import Blocked
from nsg_baseline.core.verdict import Verdict

Phase = Literal["Compliant", "AwaitingRollout", "Drifted"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no verdict. The last one stands, if there was one."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a look at one NSG came to.

    `exceptions` are those that have not ended, the next to end first.

    `write_awaits_reading` says that a remedy waits until the whole scope has been read.

    `due` is when the same NSG must be looked at again though nothing moved; None for whenever something moves.
    """

    generation: int
    verdict: Verdict
    phase: Phase
    incident: str | None = None
    rollout_since: datetime | None = None
    hold: Blocked | None = None
    requested_at: str | None = None
    due: datetime | None = None
    exceptions: tuple[ExceptionStatus, ...] = ()
    rule_authors: tuple[RuleAuthor, ...] = ()
    plan_hash: str | None = None
    write_awaits_reading: bool = False
