"""Backoff of a failing channel: growing pauses, and which notifications are overdue. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nsg_baseline.alerts.pending import RevisionKey

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=15)
LONGEST_RETRY_AFTER = timedelta(hours=1)
OVERDUE_AFTER = timedelta(hours=24)


@dataclass(slots=True)
class Backoff:
    """The state of one channel: the next pause, the next attempt, and since when each notification waits."""

    pause: timedelta = FIRST_PAUSE
    retry_at: datetime | None = None
    waiting_since: dict[RevisionKey, datetime] = field(default_factory=dict)
    reported: set[RevisionKey] = field(default_factory=set)

    def is_pausing(self, now: datetime) -> bool:
        """Return whether the channel is in a pause."""
        return self.retry_at is not None and now < self.retry_at

    def failed(self, now: datetime, retry_after: timedelta | None) -> datetime:
        """Record a failure and return the time of the next attempt. The service may request a pause (`retry_after`)."""
        self.retry_at = now + max(self.pause, min(retry_after or timedelta(), LONGEST_RETRY_AFTER))
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
        return self.retry_at

    def succeeded(self) -> None:
        """Record a success."""
        self.pause, self.retry_at = FIRST_PAUSE, None

    def overdue(self, pending: Iterable[RevisionKey], now: datetime) -> list[RevisionKey]:
        """Record the pending notifications and return those that have waited for a day, each once.

        They stay pending: a message that reached nobody never counts as delivered.
        """
        self.waiting_since = {key: self.waiting_since.get(key, now) for key in pending}
        late = [key for key, since in self.waiting_since.items() if now - since > OVERDUE_AFTER]
        new = [key for key in late if key not in self.reported]
        self.reported = set(late)
        return new
