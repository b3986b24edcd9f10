"""Groups the pending notifications of one channel into messages. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nsg_baseline.alerts.channels import Channel
from nsg_baseline.alerts.pending import PendingDelivery, route_name
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute

MAX_DIGEST = 5000
"""Most incidents in one message: its record must fit into the route's status."""
DIGEST_FROM = 4
"""From this number of simultaneous incidents on, one digest is sent."""
CRITICAL_DIGEST_FROM = 100
"""Critical incidents are sent one by one below this number, and as a separate digest from this number on: the messages
of a route that are not recorded yet are limited, and nobody reads a hundred messages."""
HOUR = timedelta(hours=1)
DIGEST_INTERVAL = timedelta(minutes=10)
"""Above the hourly limit, one digest is sent per interval."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One message: its notifications, and the thread (alert or ticket) that they share; empty if there is none."""

    deliveries: tuple[PendingDelivery, ...]
    thread: str = ""


@dataclass(frozen=True, slots=True)
class HourlyUse:
    """The times of a channel's messages in the last hour, oldest first."""

    times: tuple[datetime, ...] = ()

    def count(self, now: datetime) -> int:
        """Return the number of messages in the last hour."""
        return sum(now - time < HOUR for time in self.times)

    def next_digest(self, limit: int, now: datetime) -> datetime | None:
        """Return when the next digest may be sent; None while the limit is not reached."""
        if self.count(now) < limit:
            return None
        return max(self.times) + DIGEST_INTERVAL


def hourly_use(
    route: NSGAlertRoute,
    channel: Channel,
    incidents: Iterable[NSGIncident],
    sent_at: Iterable[datetime],
    now: datetime,
) -> HourlyUse:
    """Return a channel's use, from the stored deliveries or from the times at which this process sent messages.

    For a channel with alerts or tickets only messages that opened one count. Otherwise updates of old alerts would
    delay new ones.
    """
    name = route_name(route)
    entries = (entry for incident in incidents for entry in incident.status.deliveries if entry.route == name)
    received = (entry for entry in entries if channel.id not in (entry.pending_channels or {}))
    stored = {entry.first_at or entry.at if channel.is_threaded else entry.at for entry in received}
    own_times = sorted(time for time in sent_at if now - time < HOUR)
    # Stored times have a resolution of one second, so this process may have recorded more messages.
    stored_times = sorted(time for time in stored if now - time < HOUR)
    return HourlyUse(tuple(own_times if len(own_times) >= len(stored_times) else stored_times))


def group(deliveries: Sequence[PendingDelivery], use: HourlyUse, limit: int, now: datetime) -> list[Batch]:
    """Return the messages to send now. Other notifications wait; critical ones are always included."""
    critical = [delivery for delivery in deliveries if delivery.is_critical]
    others = [delivery for delivery in deliveries if not delivery.is_critical]
    return [*_critical_batches(critical), *_batches(others, use, limit, now)]


def _critical_batches(deliveries: Sequence[PendingDelivery]) -> list[Batch]:
    if len(deliveries) < CRITICAL_DIGEST_FROM:
        return _single(deliveries)
    return [Batch(tuple(deliveries[:MAX_DIGEST]))]


def _batches(deliveries: Sequence[PendingDelivery], use: HourlyUse, limit: int, now: datetime) -> list[Batch]:
    if not deliveries:
        return []
    if len(deliveries) < DIGEST_FROM and use.count(now) + len(deliveries) <= limit:
        return _single(deliveries)
    next_digest = use.next_digest(limit, now)
    return [Batch(tuple(deliveries[:MAX_DIGEST]))] if next_digest is None or next_digest <= now else []


def _single(deliveries: Sequence[PendingDelivery]) -> list[Batch]:
    return [Batch((delivery,)) for delivery in deliveries]
