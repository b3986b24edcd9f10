"""Dispatch: sends a route's pending notifications to each of its channels and records what was delivered."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from nsg_baseline.alerts.alert_states import REFRESH_INTERVAL, alert_states, to_refresh
from nsg_baseline.alerts.azure_links import PUBLIC, AzureLinks
from nsg_baseline.alerts.backoff import Backoff
from nsg_baseline.alerts.channels import Channel, Permissions, SendResult
from nsg_baseline.alerts.daily_heartbeat import DailyHeartbeat
from nsg_baseline.alerts.dead_man_switch import DeadManSwitches
from nsg_baseline.alerts.deduplication import DeliveredKeys
from nsg_baseline.alerts.delivery_record import (
    Delivered,
    missing_channels,
    next_record,
    pending_by_channel,
    still_missing,
)
from nsg_baseline.alerts.grouping import Batch, group, hourly_use
from nsg_baseline.alerts.in_flight import InFlight
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.namespace_turns import NamespaceTurns
from nsg_baseline.alerts.pending import PendingDelivery, RevisionKey, route_name
from nsg_baseline.alerts.ports import Outbox, OutboxError
from nsg_baseline.alerts.route_status import RouteUnusableError, delivery_condition, next_status, read_channels
from nsg_baseline.alerts.sender.client import Turn
from nsg_baseline.alerts.templating import RouteTemplates
from nsg_baseline.alerts.threads import MAX_FOLLOW_UPS, Received, follow_ups, render_message
from nsg_baseline.alerts.watch import WatchSource
from nsg_baseline.api.heartbeat import HeartbeatStatus
from nsg_baseline.api.route import Message, NSGAlertRoute
from nsg_baseline.core.conditions import ConditionState

# The message of a refresh: only the state of the incidents counts.
STATE = AlertMessage(event="Reminder", severity="info", title="", facts=(), key="state", thread="state")
RECORD_SECONDS = 1.0
"""While a channel is slow, the results of the others are recorded this often, in seconds."""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Round:
    """One round of a route: what is sent, what each channel has received so far, and what is recorded of it."""

    route: NSGAlertRoute
    ready: Sequence[PendingDelivery]
    missing: Received
    delivered: Delivered
    threaded: frozenset[str]
    recorded: dict[RevisionKey, dict[str, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Dispatcher:
    """The dispatcher of one route. Its channels do not wait for each other; each gets its messages in order.

    Attributes:
        operator_namespace: Routes in this namespace have reserved slots and may use private networks.
        allow_local: Allow channels to connect to loopback and link-local addresses.
        allow_private: Allow private networks for routes in all namespaces.
        channel_key: The key of the ids of channels that are stored.
        links: The portal and the CLI of the cloud.
        turns: The turns of all routes.
        is_stopping: Start no further message. Those under way are finished and recorded.
        watch: The scopes; None for routes outside the operator's namespace, which have no heartbeat.
        switches: The dead man's switches of all routes.
    """

    outbox: Outbox
    clock: Callable[[], datetime]
    delivered_keys: DeliveredKeys = field(default_factory=DeliveredKeys)
    allow_local: bool = False
    allow_private: bool = False
    operator_namespace: str = ""
    channel_key: bytes = field(default=b"", repr=False)
    links: AzureLinks = PUBLIC
    backoffs: dict[str, Backoff] = field(default_factory=dict)
    sent_at: dict[str, deque[datetime]] = field(default_factory=dict)
    turns: NamespaceTurns = field(default_factory=NamespaceTurns)
    in_flight: InFlight = field(init=False)
    refreshed_at: dict[str, datetime] = field(default_factory=dict)
    is_stopping: bool = False
    watch: WatchSource | None = None
    switches: DeadManSwitches | None = None
    daily: DailyHeartbeat = field(init=False)
    templates: RouteTemplates = field(default_factory=RouteTemplates)
    _next_due: datetime | None = None

    def __post_init__(self) -> None:
        """Store messages in flight in the same outbox."""
        self.in_flight = InFlight(self.outbox)
        self.daily = DailyHeartbeat(self.outbox, self.watch, self.clock)

    async def deliver(self, route: NSGAlertRoute, deliveries: list[PendingDelivery]) -> None:
        """Send the pending notifications that are ready, and update the route's status.

        Raises:
            OutboxError: The API server is unavailable.
        """
        now = self.clock()
        self._next_due = None
        self.in_flight.load(route)
        permissions = self.permissions(route)
        try:
            channels, problem = await read_channels(self.outbox, route, permissions)
        except RouteUnusableError as error:
            await self._report(route, error.condition, 0, len(deliveries), route.status.heartbeat)
            return
        ready = self._ready(deliveries, now)
        missing = {delivery.key: missing_channels(route, delivery, channels) for delivery in ready}
        delivered: dict[str, dict[RevisionKey, str]] = {channel.id: {} for channel in channels}
        threaded = frozenset(channel.id for channel in channels if channel.is_threaded)
        round_ = Round(route, ready, missing, delivered, threaded)
        sends = [
            asyncio.create_task(self._deliver_to(route, channel, ready, missing, now, delivered[channel.id]))
            for channel in channels
        ]
        undelivered = await self._finish(round_, sends)
        # After the messages, because it waits for a slot, too.
        if not self.is_stopping:
            await self.templates.check(route, permissions)
        self.in_flight.forget(route, pending_by_channel(channels, deliveries, missing, delivered))
        failing = [channel for channel in channels if self.backoffs[channel.id].retry_at is not None]
        # Notifications that wait for the next digest are not undelivered.
        count = len(undelivered) if failing else 0
        sent = route.status.heartbeat
        if not self.is_stopping:
            sent = await self.daily.send(route, channels, self.backoffs)
            self._wake_at([self.daily.next_try])
        state = problem or delivery_condition(failing, count, self.templates.condition())
        await self._report(route, state, len(channels), count, sent)

    def permissions(self, route: NSGAlertRoute) -> Permissions:
        """Return what the channels of a route may do."""
        namespace = route.metadata.namespace
        is_operator = namespace == self.operator_namespace
        private = self.allow_private or is_operator
        return Permissions(namespace, is_operator, self.allow_local, private, self.channel_key)

    def next_try(self) -> datetime | None:
        """Return the time of the next attempt if no object changes; None if there is none."""
        return self._next_due

    def _ready(self, deliveries: list[PendingDelivery], now: datetime) -> list[PendingDelivery]:
        """Return all notifications if one has waited long enough, otherwise only the critical ones."""
        others = [delivery for delivery in deliveries if not delivery.is_critical]
        if any(delivery.ready_at is None or delivery.ready_at <= now for delivery in others):
            return deliveries
        self._wake_at(delivery.ready_at for delivery in others)
        return [delivery for delivery in deliveries if delivery.is_critical]

    async def _finish(self, round_: Round, sends: Iterable["asyncio.Task[None]"]) -> list[PendingDelivery]:
        """Wait for the sends and record each result soon after it is there; return the undelivered notifications.

        A slow channel must not delay the record of the others: after a kill, they would get the message again.
        """
        pending = set(sends)
        try:
            while pending:
                done, pending = await asyncio.wait(pending, timeout=RECORD_SECONDS)
                for task in done:
                    task.result()
                if pending:
                    # If the API server is away, the sends go on. The last record reports it.
                    with contextlib.suppress(OutboxError):
                        await self._record_all(round_)
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        return await self._record_all(round_)

    async def _deliver_to(
        self,
        route: NSGAlertRoute,
        channel: Channel,
        ready: list[PendingDelivery],
        missing: Received,
        now: datetime,
        done: dict[RevisionKey, str],
    ) -> None:
        """Send what a channel lacks. Add delivered notifications to `done`, with their shared threads."""
        backoff = self.backoffs.setdefault(channel.id, Backoff())
        pending = [delivery for delivery in ready if channel.id in missing[delivery.key]]
        self._report_overdue(route, channel, backoff, pending, now)
        if backoff.is_pausing(now):
            self._wake_at([backoff.retry_at] if pending else [])
            return
        done |= self.in_flight.delivered(channel, pending)
        await self.turns.take(route.metadata.namespace)
        for batch in self._batches(route, channel, _without(pending, done), missing, now):
            await self.turns.take(route.metadata.namespace)
            if self.is_stopping:
                break
            message, result = await self._send(route, channel, batch, missing)
            if result.is_stopped:
                break
            if not result.delivered:
                self._wake_at([backoff.failed(self.clock(), result.retry_after)])
                log.warning("message not delivered", route=route_name(route), line=channel.line, reason=result.reason)
                break
            backoff.succeeded()
            self.in_flight.confirm(message)
            done |= {delivery.key: message.thread for delivery in batch.deliveries}
        if channel.is_stateful:
            await self._refresh(route, channel, backoff)

    async def _refresh(self, route: NSGAlertRoute, channel: Channel, backoff: Backoff) -> None:
        """Send the state of the incidents again that a channel has received, if it is time."""
        now = self.clock()
        last = self.refreshed_at.get(channel.id)
        if last is not None and now - last < REFRESH_INTERVAL:
            self._wake_at([last + REFRESH_INTERVAL])
            return
        incidents = to_refresh(route, channel.id, self.outbox.notified(route_name(route)), now)
        if not incidents or self.is_stopping or backoff.is_pausing(now):
            return
        async with channel.turn(STATE) as turn:
            result = await channel.send_in(turn, STATE, alert_states(incidents, now, self.links))
        if not result.delivered:
            self._wake_at([backoff.failed(self.clock(), result.retry_after)])
            log.warning("alerts not refreshed", route=route_name(route), line=channel.line, reason=result.reason)
            return
        backoff.succeeded()
        self.refreshed_at[channel.id] = now
        self._wake_at([now + REFRESH_INTERVAL])

    def _report_overdue(
        self, route: NSGAlertRoute, channel: Channel, backoff: Backoff, pending: list[PendingDelivery], now: datetime
    ) -> None:
        for key in backoff.overdue([delivery.key for delivery in pending], now):
            incident = f"{key.namespace}/{key.name}"
            log.error("delivery overdue", route=route_name(route), line=channel.line, incident=incident)

    def _batches(
        self, route: NSGAlertRoute, channel: Channel, pending: list[PendingDelivery], missing: Received, now: datetime
    ) -> list[Batch]:
        """Return the messages to send now: unconfirmed ones, follow-ups of alerts and tickets, and new ones."""
        unconfirmed = self.in_flight.unconfirmed(channel, pending)
        rest = _unbatched(pending, unconfirmed)
        continued = follow_ups(route, channel, rest, missing, self.in_flight.threads(channel, rest))
        rest = _unbatched(rest, continued)
        use = hourly_use(route, channel, self.outbox.notified(route_name(route)), self.sent_at.get(channel.id, ()), now)
        limit = route.spec.max_messages_per_hour
        new = group(rest, use, limit, now)
        if _unbatched(rest, new):
            self._wake_at([use.next_digest(limit, now)])
        if len(continued) > MAX_FOLLOW_UPS:
            self._wake_at([now])
        return [*unconfirmed, *continued[:MAX_FOLLOW_UPS], *new]

    async def _send(
        self, route: NSGAlertRoute, channel: Channel, batch: Batch, missing: Received
    ) -> tuple[Message, SendResult]:
        message = await self.in_flight.begin(route, channel, batch)
        notified = self.outbox.notified(route_name(route)) if message.thread else ()
        text = render_message(route, channel, message, batch.deliveries, missing, notified, self.links)
        # A route that waits for a slot of its namespace must not delay the messages of another route to the same URL.
        async with channel.turn(text) as turn:
            if self.is_stopping:
                return message, SendResult(delivered=False, is_stopped=True)
            if channel.is_threaded:
                # Two routes may have opened different alerts for an incident: both must be closed.
                send = partial(self._send_once, route, channel, text, turn, batch)
                return message, await self.delivered_keys.once(channel, text, send)
            async with self.delivered_keys.lock(channel.id):
                rest = Batch(tuple(self.delivered_keys.lacking(channel.id, batch.deliveries)), batch.thread)
                if not rest.deliveries:
                    return message, SendResult(delivered=True)
                if len(rest.deliveries) < len(batch.deliveries):
                    # Another route to the same channel has sent the others already.
                    text = render_message(route, channel, message, rest.deliveries, missing, notified, self.links)
                result = await self._send_once(route, channel, text, turn, rest)
                if result.delivered:
                    self.delivered_keys.add(channel.id, rest.deliveries)
                return message, result

    async def _send_once(
        self, route: NSGAlertRoute, channel: Channel, message: AlertMessage, turn: Turn, batch: Batch
    ) -> SendResult:
        if not channel.is_stateful:
            message = await self.templates.apply(turn, route, message)
        incidents = [delivery.incident for delivery in batch.deliveries] if channel.is_stateful else []
        result = await channel.send_in(turn, message, alert_states(incidents, self.clock(), self.links))
        if result.delivered:
            if message.is_first or not channel.is_threaded:
                self.sent_at.setdefault(channel.id, deque(maxlen=2000)).append(self.clock())
            log.info("delivered", message=message.key, alert_event=message.event, line=channel.line)
        return result

    async def _record_all(self, round_: Round) -> list[PendingDelivery]:
        """Record what is new; return the notifications that some channels still lack."""
        undelivered = []
        for delivery in round_.ready:
            unsent = still_missing(round_.missing[delivery.key], delivery, round_.delivered)
            if unsent:
                undelivered.append(delivery)
            if round_.recorded.get(delivery.key) == unsent:
                continue
            now = self.clock()
            record = next_record(round_.route, delivery, unsent, round_.delivered, round_.threaded, now)
            if record is not None:
                await self.outbox.record(delivery.incident, record)
            round_.recorded[delivery.key] = unsent
        return undelivered

    async def _report(
        self,
        route: NSGAlertRoute,
        state: ConditionState,
        channels: int,
        undelivered: int,
        sent: HeartbeatStatus | None,
    ) -> None:
        switches = self.switches.conditions.get(route.key) if self.switches is not None else None
        heartbeat = sent, self.daily.condition(route, switches)
        status = next_status(route, state, channels, self.in_flight.messages, self.clock(), undelivered, heartbeat)
        await self.outbox.report(route, status)

    def _wake_at(self, times: Iterable[datetime | None]) -> None:
        self._next_due = min((time for time in (*times, self._next_due) if time is not None), default=None)


def _without(deliveries: Sequence[PendingDelivery], keys: Iterable[RevisionKey]) -> list[PendingDelivery]:
    excluded = set(keys)
    return [delivery for delivery in deliveries if delivery.key not in excluded]


def _unbatched(deliveries: Sequence[PendingDelivery], batches: Iterable[Batch]) -> list[PendingDelivery]:
    return _without(deliveries, [delivery.key for batch in batches for delivery in batch.deliveries])
