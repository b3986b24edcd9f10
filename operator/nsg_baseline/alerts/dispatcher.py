"""Delivery: one route is told what is due, each of its channels by itself, and what got through is recorded."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from nsg_baseline.alerts.channels import Channel, SendResult, parse_channels
from nsg_baseline.alerts.deduplication import DeliveredKeys
from nsg_baseline.alerts.grouping import HOUR, Batch, batches, sent_this_hour
from nsg_baseline.alerts.in_flight import InFlight
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.pending import Mark, PendingDelivery, delivery, route_name
from nsg_baseline.alerts.ports import Outbox
from nsg_baseline.alerts.threads import AT_ONCE, Before, ongoing, shared_incidents
from nsg_baseline.api.common import Condition
from nsg_baseline.api.incident import Delivery
from nsg_baseline.api.route import Message, NSGAlertRoute, RouteStatus

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=15)
GIVE_UP_AFTER = timedelta(hours=24)
DELIVERING = "Delivering"
log = structlog.get_logger(__name__)


class RouteUnusableError(Exception):
    """A route cannot be used as it stands; `reason` is its condition's."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(slots=True)
class Backoff:
    """A channel that does not take messages: when it is tried again, and since when each of them waits."""

    pause: timedelta = FIRST_PAUSE
    again: datetime | None = None
    since: dict[Mark, datetime] = field(default_factory=dict)


@dataclass(slots=True)
class Dispatcher:
    """One route at work. Routes do not wait for each other."""

    outbox: Outbox
    clock: Callable[[], datetime]
    said: DeliveredKeys = field(default_factory=DeliveredKeys)
    allow_local: bool = False
    backoffs: dict[str, Backoff] = field(default_factory=dict)
    sent_at: dict[str, deque[datetime]] = field(default_factory=dict)
    in_flight: InFlight = field(init=False)
    _next: datetime | None = None
    _threaded: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Keep messages that are on their way where the rest is kept."""
        self.in_flight = InFlight(self.outbox)

    async def deliver(self, route: NSGAlertRoute, dues: list[PendingDelivery]) -> None:
        """Tell a route what is due and has waited long enough for more, and say on it whether it got through."""
        now = self.clock()
        self._next = None
        self.in_flight.load(route)
        try:
            channels, bad = await self._channels(route)
        except RouteUnusableError as error:
            await self._report(route, error.reason, str(error), None)
            return
        ready = dues if any(one.ready is None or one.ready <= now for one in dues) else []
        if not ready:
            self._later(one.ready for one in dues)
        before = {one.mark: _lacking(route, one, channels) for one in ready}
        # Channels do not wait for each other either; the order of what one is told is kept.
        results = await asyncio.gather(*(self._tell_channel(route, each, ready, before, now) for each in channels))
        self._threaded = frozenset(channel.mark for channel in channels if channel.is_threaded)
        through = {channel.mark: marks for channel, marks in zip(channels, results, strict=True)}
        missing = [one for one in ready if not await self._record(route, one, before[one.mark], through)]
        self.in_flight.recorded(route, _waiting(channels, dues, before, through))
        await self._report(route, *(bad or self._condition(channels, missing)), len(channels))

    def next_try(self) -> datetime | None:
        """Return when there is something to do though nothing moves."""
        return self._next

    async def _tell_channel(
        self, route: NSGAlertRoute, channel: Channel, dues: list[PendingDelivery], before: Before, now: datetime
    ) -> dict[Mark, str]:
        """Tell one channel what it lacks; return what it has now or will never get, each with the thread it is in."""
        trouble = self.backoffs.setdefault(channel.mark, Backoff())
        lacking = [one for one in dues if channel.mark in before[one.mark]]
        done = self._give_up(route, channel, trouble, lacking, now)
        waiting = [one for one in lacking if one.mark not in done]
        if trouble.again is not None and now < trouble.again:
            self._later([trouble.again] if waiting else [])
            return done
        done |= self.in_flight.got(channel, waiting)
        waiting = [one for one in waiting if one.mark not in done]
        for batch in self._messages(route, channel, waiting, before, now):
            message, sent = await self._send(route, channel, batch, before)
            if not sent.delivered:
                self._failed(route, channel, trouble, sent)
                break
            trouble.pause, trouble.again = FIRST_PAUSE, None
            self.in_flight.sent(message)
            done |= {one.mark: message.thread for one in batch.dues}
        return done

    def _give_up(
        self, route: NSGAlertRoute, channel: Channel, trouble: Backoff, lacking: list[PendingDelivery], now: datetime
    ) -> dict[Mark, str]:
        """Return what was tried for too long."""
        trouble.since = {one.mark: trouble.since.get(one.mark, now) for one in lacking}
        given_up = {mark: "" for mark, since in trouble.since.items() if now - since > GIVE_UP_AFTER}
        for mark in given_up:
            log.error("given up", route=route_name(route), line=channel.line, incident="/".join(mark[:2]))
        return given_up

    def _messages(
        self, route: NSGAlertRoute, channel: Channel, waiting: list[PendingDelivery], before: Before, now: datetime
    ) -> list[Batch]:
        """Return the messages to send now: those on their way, those to what is there already, and new ones."""
        begun = self.in_flight.resumed(channel, waiting)
        going_on = ongoing(route, channel, _without(waiting, begun), before, self.in_flight.begun(channel))
        fresh = _without(waiting, [*begun, *going_on])
        budget = sent_this_hour(route, channel, self.outbox.incidents(), self.sent_at.get(channel.mark, ()), now)
        most = route.spec.max_messages_per_hour
        found = batches(fresh, budget, most, now)
        if fresh and not found:
            self._later([budget.next_digest(most, now)])
        if len(going_on) > AT_ONCE:
            self._later([now])
        return [*begun, *going_on[:AT_ONCE], *found]

    async def _send(
        self, route: NSGAlertRoute, channel: Channel, batch: Batch, before: Before
    ) -> tuple[Message, SendResult]:
        message = await self.in_flight.begin(route, channel, batch)
        one = shared_incidents(route, channel, message, batch.dues, before, self.outbox.incidents())
        return message, await self.said.once(channel, one, lambda: self._spend(channel, one))

    async def _spend(self, channel: Channel, one: AlertMessage) -> SendResult:
        sent = await channel.send(one)
        if sent.delivered:
            if one.opens or not channel.is_threaded:
                self.sent_at.setdefault(channel.mark, deque(maxlen=2000)).append(self.clock())
            log.info("delivered", message=one.key, incident_event=one.event, line=channel.line)
        return sent

    def _failed(self, route: NSGAlertRoute, channel: Channel, trouble: Backoff, sent: SendResult) -> None:
        pause = max(trouble.pause, min(sent.retry_after or timedelta(), HOUR))
        trouble.again, trouble.pause = self.clock() + pause, min(trouble.pause * 2, LONGEST_PAUSE)
        self._later([trouble.again])
        log.warning("not delivered", route=route_name(route), line=channel.line, reason=sent.reason)

    async def _record(
        self, route: NSGAlertRoute, one: PendingDelivery, before: dict[str, int], through: dict[str, dict[Mark, str]]
    ) -> bool:
        """Record how far a message got, and say whether all channels have it, or gave up."""
        pending_channels = {channel: had for channel, had in before.items() if one.mark not in through[channel]}
        known = delivery(route, one.incident)
        late = known is not None and _is_late(known, one)
        if len(pending_channels) == len(through) or (
            late and known is not None and pending_channels == (known.pending_channels or {})
        ):
            # Nobody has it, or nobody more than before.
            return not pending_channels
        threads = (known.threads or {}) if known is not None else {}
        threads = {
            **threads,
            **{
                mark: marks[one.mark] or threads.get(mark, "")
                for mark, marks in through.items()
                if mark in self._threaded and one.mark in marks
            },
        }
        now_told = Delivery(
            route=route_name(route),
            revision=one.incident.status.revision,
            at=known.at if late and known is not None else self.clock(),
            first_at=(known.first_at or known.at) if known is not None else self.clock(),
            pending_channels=pending_channels or None,
            threads=threads or None,
            reminders=known.reminders if late and known is not None else one.reminder,
        )
        await self.outbox.record(one.incident, now_told)
        return not pending_channels

    def _condition(self, channels: list[Channel], missing: list[PendingDelivery]) -> tuple[str, str]:
        bad = [each for each in channels if self.backoffs[each.mark].again is not None]
        if not bad or not missing:
            return DELIVERING, "messages get through"
        lines = ", ".join(str(each.line) for each in bad)
        what = "1 message" if len(missing) == 1 else f"{len(missing)} messages"
        return "Undelivered", f"{what} did not get through to line {lines} of the Secret; tried again for 24 h"

    def _later(self, times: Iterable[datetime | None]) -> None:
        found = [time for time in (*times, self._next) if time is not None]
        self._next = min(found, default=None)

    async def _channels(self, route: NSGAlertRoute) -> tuple[list[Channel], tuple[str, str] | None]:
        """Return a route's channels, and the reason and message of its condition if not all lines name one."""
        where = route.spec.urls_from
        texts = await self.outbox.secret(route.metadata.namespace, where.name)
        if texts is None:
            raise RouteUnusableError("SecretNotFound", f"there is no Secret {where.name} in this namespace")
        if where.key not in texts:
            raise RouteUnusableError("KeyNotFound", f"Secret {where.name} has no key {where.key}")
        channels, bad = parse_channels(texts[where.key], allow_local=self.allow_local)
        problem = "InvalidURL", f"Secret {where.name}, key {where.key}, {'; '.join(map(str, bad))}"
        if bad and not channels:
            raise RouteUnusableError(*problem)
        if not channels:
            raise RouteUnusableError("NoChannels", f"Secret {where.name}, key {where.key} names no channel")
        return list({channel.mark: channel for channel in channels}.values()), problem if bad else None

    async def _report(self, route: NSGAlertRoute, reason: str, message: str, channels: int | None) -> None:
        known = next((one for one in route.status.conditions if one.type == "Ready"), None)
        ready = reason == DELIVERING
        stays = known is not None and known.status == str(ready)
        since = known.last_transition_time if known is not None and stays else self.clock()
        condition = Condition(
            type="Ready",
            status="True" if ready else "False",
            reason=reason,
            message=message,
            observed_generation=route.metadata.generation,
            last_transition_time=since,
        )
        status = RouteStatus(
            observed_generation=route.metadata.generation,
            conditions=(condition,),
            channels=channels or 0,
            in_flight=self.in_flight.messages,
        )
        await self.outbox.report(route, status)


def _is_late(known: Delivery, one: PendingDelivery) -> bool:
    """Say whether some channels have this already, and the rest is late."""
    return known.revision >= one.incident.status.revision and known.reminders >= one.reminder


def _waiting(
    channels: Iterable[Channel], dues: list[PendingDelivery], before: Before, through: Mapping[str, Mapping[Mark, str]]
) -> dict[str, list[PendingDelivery]]:
    """Return by channel what it still lacks; what was not ready, all of them do."""
    return {
        channel.mark: [
            one
            for one in dues
            if one.mark not in before or (channel.mark in before[one.mark] and one.mark not in through[channel.mark])
        ]
        for channel in channels
    }


def _without(dues: Iterable[PendingDelivery], batched: Iterable[Batch]) -> list[PendingDelivery]:
    taken = {one.mark for batch in batched for one in batch.dues}
    return [one for one in dues if one.mark not in taken]


def _lacking(route: NSGAlertRoute, one: PendingDelivery, channels: Iterable[Channel]) -> dict[str, int]:
    """Return which channels lack a message, and the revision that each has; 0 for none."""
    known = delivery(route, one.incident)
    pending_channels = (known.pending_channels or {}) if known is not None else {}
    if known is not None and _is_late(known, one):
        return {each.mark: pending_channels[each.mark] for each in channels if each.mark in pending_channels}
    delivered = known.revision if known is not None else 0
    return {each.mark: pending_channels.get(each.mark, delivered) for each in channels}
