"""What the operator watches: the scopes, and whether each is read in time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from nsg_baseline.api.common import format_time

GRACE = timedelta(minutes=10)
"""How much later than after two intervals a complete reconcile may end, for example because Azure throttles it."""
FIRST_READING = timedelta(minutes=10)
"""After a start, heartbeats wait this long for the first reconcile of each scope."""
PROBLEM_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ScopeWatch:
    """A scope, as stored and as reconciled by this process.

    Attributes:
        nsgs: The number of NSGs in the last complete reading.
        reason: Why the scope is not ready; empty if it is.
        message: The explanation of the reason.
        since: The time since which it is not ready.
        has_ended: Whether this process has finished a full reconcile of it, successful or not.
        is_good: Whether the last full reconcile read and judged all NSGs.
        succeeded_at: The end of the last such reconcile in this process.
    """

    name: str
    nsgs: int = 0
    interval: timedelta = timedelta(minutes=1)
    reason: str = ""
    message: str = ""
    since: datetime | None = None
    has_ended: bool = False
    is_good: bool = False
    succeeded_at: datetime | None = None


class WatchSource(Protocol):
    """The scopes, implemented by the engine."""

    def scopes(self) -> Sequence[ScopeWatch]:
        """Return all scopes, in the order of their names."""
        ...

    async def reconciled(self, seconds: float | None) -> bool:
        """Return True when a full reconcile has ended since the last call, and False after this many seconds."""
        ...


def problem(scope: ScopeWatch, now: datetime) -> str:
    """Return why a scope is not watched as it should be; empty if it is."""
    if scope.reason:
        since = f" since {format_time(scope.since)}" if scope.since is not None else ""
        return f"not readable{since}: {scope.reason}: {scope.message[:PROBLEM_LENGTH]}"
    if not scope.has_ended:
        return "not read since the operator started"
    if scope.succeeded_at is None:
        return "not read completely since the operator started"
    if not scope.is_good:
        return f"not all NSGs judged since {format_time(scope.succeeded_at)}"
    if now - scope.succeeded_at > 2 * scope.interval + GRACE:
        return f"not read since {format_time(scope.succeeded_at)}"
    return ""
