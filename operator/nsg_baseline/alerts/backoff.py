"""Backoff of a channel that fails: growing pauses, and the end of retries. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nsg_baseline.alerts.pending import RevisionKey

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=15)
LONGEST_RETRY_AFTER = timedelta(hours=1)
ABANDON_AFTER = timedelta(hours=24)


@dataclass(slots=True)
class Backoff:
    """The state of one channel: the next pause, when it is tried again, and since when each notification waits."""

    pause: timedelta = FIRST_PAUSE
    retry_at: datetime | None = None
    waiting_since: dict[RevisionKey, datetime] = field(default_factory=dict)

    def is_pausing(self, now: datetime) -> bool:
        """Say whether the channel is not to be tried yet."""
        return self.retry_at is not None and now < self.retry_at

    def failed(self, now: datetime, retry_after: timedelta | None) -> datetime:
        """Take in a failure and return when to try again. `retry_after` is the pause that the service asks for."""
        self.retry_at = now + max(self.pause, min(retry_after or timedelta(), LONGEST_RETRY_AFTER))
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
        return self.retry_at

    def succeeded(self) -> None:
        """Take in a success."""
        self.pause, self.retry_at = FIRST_PAUSE, None

    def abandoned(self, pending: Iterable[RevisionKey], now: datetime) -> list[RevisionKey]:
        """Take in what is pending and return what has been retried for too long."""
        self.waiting_since = {key: self.waiting_since.get(key, now) for key in pending}
        return [key for key, since in self.waiting_since.items() if now - since > ABANDON_AFTER]
