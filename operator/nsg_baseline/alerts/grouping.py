"""What one channel is told now, in how many messages. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nsg_baseline.alerts.channels import Channel
from nsg_baseline.alerts.pending import PendingDelivery, route_name
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute

DIGEST_OF = 5000
"""So many incidents does one message tell, and the next the rest: what is stored of it must fit into an object."""
DIGEST_FROM = 4
"""So many incidents at once are one message."""
HOUR = timedelta(hours=1)
DIGEST_EVERY = timedelta(minutes=10)
"""Beyond the messages of an hour, what comes is told in one message so often."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One message: what it tells, and the alert or ticket that it goes into; empty if that is the incident's own."""

    dues: tuple[PendingDelivery, ...]
    thread: str = ""


@dataclass(frozen=True, slots=True)
class HourlyUse:
    """When a route sent its messages of the last hour, the oldest first."""

    times: tuple[datetime, ...] = ()

    def next_digest(self, most: int, now: datetime) -> datetime | None:
        """Return when the next message may leave as a digest; None while single ones may."""
        recent = [time for time in self.times if now - time < HOUR]
        if len(recent) < most:
            return None
        return max(recent) + DIGEST_EVERY


def sent_this_hour(
    route: NSGAlertRoute,
    channel: Channel,
    incidents: Iterable[NSGIncident],
    known: Iterable[datetime],
    now: datetime,
) -> HourlyUse:
    """Return what a channel was sent in the last hour, by what is stored and what this process knows.

    Of one that keeps threads what opened them counts: else what goes on in old ones would hold up what is new.
    """
    name = route_name(route)
    told = (one for incident in incidents for one in incident.status.deliveries if one.route == name)
    got = (one for one in told if channel.mark not in (one.pending_channels or {}))
    stored = {one.first_at or one.at if channel.is_threaded else one.at for one in got}
    own = sorted(time for time in known if now - time < HOUR)
    # A digest is stored with many incidents at one time; messages of one second are one there, so ours may know more.
    found = sorted(time for time in stored if now - time < HOUR)
    return HourlyUse(tuple(own if len(own) >= len(found) else found))


def batches(dues: Sequence[PendingDelivery], spent_by: HourlyUse, most: int, now: datetime) -> list[Batch]:
    """Return the messages to send now; none while they must wait."""
    if not dues:
        return []
    if len(dues) >= DIGEST_FROM:
        singles = False
    else:
        recent = sum(now - time < HOUR for time in spent_by.times)
        singles = recent + len(dues) <= most
    if singles:
        return [Batch((one,)) for one in dues]
    again = spent_by.next_digest(most, now)
    return [Batch(tuple(dues[:DIGEST_OF]))] if again is None or again <= now else []
