"""Sends the daily message of a route. What was sent is in the route's status, so that a restart repeats nothing."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from nsg_baseline.alerts.backoff import Backoff
from nsg_baseline.alerts.channels import Channel
from nsg_baseline.alerts.heartbeat import heartbeat_message, last_due, next_due
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.pending import route_name
from nsg_baseline.alerts.ports import Outbox
from nsg_baseline.alerts.watch import FIRST_READING, WatchSource
from nsg_baseline.api.heartbeat import Heartbeat, HeartbeatStatus
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.core.conditions import ConditionState, find_condition, heartbeat

_POLL = timedelta(seconds=5)
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class DailyHeartbeat:
    """The daily message of one route.

    Attributes:
        next_try: The time of the next attempt if no object changes; None if there is none.
        failing: The lines of the Secret whose channels have not received the last message.
        has_channels: Whether a channel of the route receives it.
    """

    outbox: Outbox
    watch: WatchSource | None
    clock: Callable[[], datetime]
    next_try: datetime | None = None
    failing: tuple[int, ...] = ()
    has_channels: bool = True
    _started_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        """Remember the start of the process."""
        self._started_at = self.clock()

    async def send(
        self, route: NSGAlertRoute, channels: Sequence[Channel], backoffs: Mapping[str, Backoff]
    ) -> HeartbeatStatus | None:
        """Send the message to the channels that lack it, if it is due, and return what to store."""
        stored, now = route.status.heartbeat, self.clock()
        self.next_try, self.failing = None, ()
        if route.spec.heartbeat is None or route.spec.heartbeat.at is None or self.watch is None:
            return None
        # A pager would wake somebody each day, and a ticket system would fill up.
        receivers = [channel for channel in channels if not channel.is_threaded and not channel.is_stateful]
        self.has_channels = bool(receivers)
        due = last_due(route.spec.heartbeat.at, now)
        missing = _missing(stored, f"{due:%Y-%m-%d}", receivers)
        self.next_try = next_due(route.spec.heartbeat.at, now)
        if route.spec.suspend or not missing:
            return stored
        if self._awaits_readings(now):
            self.next_try = now + _POLL
            return stored
        message = heartbeat_message(
            route_name(route), due, self.watch.scopes(), list(self.outbox.incidents()), self.clock()
        )
        sends = [self._send(route, channel, message, backoffs[channel.id]) for channel in missing]
        delivered = await asyncio.gather(*sends)
        pending = [channel for channel, is_delivered in zip(missing, delivered, strict=True) if not is_delivered]
        self.failing = tuple(sorted({channel.line for channel in pending}))
        retries = [at for channel in pending if (at := backoffs[channel.id].retry_at) is not None]
        self.next_try = min([self.next_try, *retries])
        ids = tuple(channel.id for channel in pending)
        if stored is not None and stored.day == f"{due:%Y-%m-%d}" and stored.pending_channels == ids:
            return stored
        return HeartbeatStatus(day=f"{due:%Y-%m-%d}", sent_at=self.clock(), pending_channels=ids)

    def condition(self, route: NSGAlertRoute, switches: ConditionState | None) -> ConditionState | None:
        """Return the Heartbeat condition of a route; None if it has no heartbeat.

        Args:
            route: The route.
            switches: The state of its dead man's switches; None if it is not known yet.
        """
        wanted = route.spec.heartbeat
        if wanted is None:
            return None
        is_silent = switches is not None and switches.status == "False"
        state = switches if is_silent else self._problem(route, wanted)
        if state is not None:
            return state
        if wanted.urls_from is not None and switches is None:
            return _stored_state(route)
        daily = f"the daily message is sent at {wanted.at} UTC" if wanted.at is not None else ""
        return heartbeat("True", "Beating", "; ".join(filter(None, (daily, switches.message if switches else ""))))

    def _problem(self, route: NSGAlertRoute, wanted: Heartbeat) -> ConditionState | None:
        """Return the state of a route that sends no heartbeat, or whose daily message is not delivered."""
        if self.watch is None:
            return heartbeat("False", "NotAllowed", "heartbeats are for routes in the operator's namespace only")
        if route.spec.suspend:
            return heartbeat("False", "Suspended", "spec.suspend is true; no heartbeats are sent")
        if wanted.at is not None and not self.has_channels:
            text = "no channel of the route receives the daily message, because pagers and tickets do not"
            return heartbeat("False", "NoChannels", text)
        if self.failing:
            lines = ", ".join(map(str, self.failing))
            text = f"the daily message is not delivered to line {lines} of the Secret; retried until the next one"
            return heartbeat("False", "Undelivered", text)
        return None

    def _awaits_readings(self, now: datetime) -> bool:
        """Return whether a scope may still be read for the first time: the message must not report old readings."""
        scopes = self.watch.scopes() if self.watch is not None else ()
        return now - self._started_at < FIRST_READING and not all(scope.has_ended for scope in scopes)

    async def _send(self, route: NSGAlertRoute, channel: Channel, message: AlertMessage, backoff: Backoff) -> bool:
        if backoff.is_pausing(self.clock()):
            return False
        async with channel.turn(message) as turn:
            result = await channel.send_in(turn, message)
        if result.delivered:
            backoff.succeeded()
            log.info("delivered", message=message.key, alert_event=message.event, line=channel.line)
            return True
        backoff.failed(self.clock(), result.retry_after)
        log.warning("heartbeat not delivered", route=route_name(route), line=channel.line, reason=result.reason)
        return False


def _missing(stored: HeartbeatStatus | None, day: str, receivers: Sequence[Channel]) -> list[Channel]:
    """Return the channels that lack the message of a day. A day has one message, even if the time of day changes."""
    if stored is None or stored.day < day:
        return list(receivers)
    return [channel for channel in receivers if channel.id in stored.pending_channels]


def _stored_state(route: NSGAlertRoute) -> ConditionState:
    stored = find_condition(route.status.conditions, "Heartbeat")
    if stored is None:
        return heartbeat("Unknown", "Pending", "Waiting for the first reconcile of all scopes")
    return ConditionState(stored.type, stored.status, stored.reason, stored.message)
