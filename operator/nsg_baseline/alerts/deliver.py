"""The alert loop: reads stored incidents, tells routes what is due, records each delivery."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from nsg_baseline.alerts.channels import BadChannelError, Channel, parse_channels, quiet
from nsg_baseline.alerts.due import Due, due, route_name
from nsg_baseline.alerts.messages import render
from nsg_baseline.alerts.ports import Outbox, OutboxError
from nsg_baseline.api.common import Condition
from nsg_baseline.api.incident import Delivery
from nsg_baseline.api.route import NSGAlertRoute, RouteStatus

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=15)
GIVE_UP_AFTER = timedelta(hours=24)
LOOK_AGAIN_SECONDS = 60.0
DELIVERING = "Delivering"
log = structlog.get_logger(__name__)

Mark = tuple[str, str, int]


class RouteUnusableError(Exception):
    """A route cannot be used as it stands; `reason` is its condition's."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(slots=True)
class Tries:
    """What is known of one delivery that failed: which channels have it, since when, and when to try again."""

    since: datetime
    pause: timedelta = FIRST_PAUSE
    again: datetime | None = None
    through: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Delivering:
    """One route at work. Routes do not wait for each other."""

    outbox: Outbox
    clock: Callable[[], datetime]
    tries: dict[Mark, Tries] = field(default_factory=dict)

    async def tell(self, route: NSGAlertRoute, dues: list[Due]) -> None:
        """Tell a route all that is due, and say on it whether it got through."""
        now = self.clock()
        self.tries = {mark: known for mark, known in self.tries.items() if mark in {one.mark for one in dues}}
        try:
            channels = await self._channels(route)
        except RouteUnusableError as error:
            await self._report(route, error.reason, str(error), None)
            return
        failed = [one for one in dues if not await self._tell_one(route, channels, one, now)]
        if failed:
            waiting = f"{len(failed)} messages did not get through; they are tried again for 24 h"
            await self._report(route, "Undelivered", waiting, len(channels))
        else:
            await self._report(route, DELIVERING, "messages get through", len(channels))

    def next_try(self) -> datetime | None:
        """Return when the next failed delivery is tried again."""
        return min((known.again for known in self.tries.values() if known.again is not None), default=None)

    async def _tell_one(self, route: NSGAlertRoute, channels: list[Channel], one: Due, now: datetime) -> bool:
        known = self.tries.setdefault(one.mark, Tries(now))
        if now - known.since > GIVE_UP_AFTER:
            return False
        if known.again is not None and now < known.again:
            return False
        message = render(one)
        waiting = [channel for channel in channels if channel.line not in known.through]
        sent = await asyncio.gather(*(channel.send(message) for channel in waiting))
        known.through |= {channel.line for channel, ok in zip(waiting, sent, strict=True) if ok}
        if not all(sent):
            known.again, known.pause = self.clock() + known.pause, min(known.pause * 2, LONGEST_PAUSE)
            lines = sorted(channel.line for channel, ok in zip(waiting, sent, strict=True) if not ok)
            log.warning("not delivered", route=route_name(route), message=message.key, lines=lines)
            return False
        await self.outbox.record(
            one.incident, Delivery(route=route_name(route), revision=one.incident.status.revision, at=self.clock())
        )
        log.info("delivered", route=route_name(route), message=message.key, turn=one.turn)
        return True

    async def _channels(self, route: NSGAlertRoute) -> list[Channel]:
        where = route.spec.urls_from
        texts = await self.outbox.secret(route.metadata.namespace, where.name)
        if texts is None:
            raise RouteUnusableError("SecretNotFound", f"there is no Secret {where.name} in this namespace")
        if where.key not in texts:
            raise RouteUnusableError("KeyNotFound", f"Secret {where.name} has no key {where.key}")
        try:
            channels = parse_channels(texts[where.key])
        except BadChannelError as error:
            raise RouteUnusableError("InvalidURL", f"Secret {where.name}, key {where.key}, {error}") from None
        if not channels:
            raise RouteUnusableError("NoChannels", f"Secret {where.name}, key {where.key} names no channel")
        return channels

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
        status = RouteStatus(observed_generation=route.metadata.generation, conditions=(condition,), channels=channels)
        await self.outbox.report(route, status)


async def run(outbox: Outbox, operator_namespace: str, clock: Callable[[], datetime]) -> None:
    """Deliver, until cancelled. Each route has a task of its own: one that is stuck holds up no other."""
    quiet()
    at_work: dict[tuple[str, str], Delivering] = {}
    tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
    try:
        while True:
            routes = {route.key: route for route in outbox.routes()}
            at_work = {key: at_work.get(key) or Delivering(outbox, clock) for key in routes}
            incidents = list(outbox.incidents())
            for key, route in routes.items():
                if key not in tasks or tasks[key].done():
                    work = _one(at_work[key], route, due(route, incidents, operator_namespace))
                    tasks[key] = asyncio.create_task(work, name=f"route {route_name(route)}")
            await outbox.changed(_pause(at_work.values(), clock()))
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def _one(delivering: Delivering, route: NSGAlertRoute, dues: list[Due]) -> None:
    try:
        await delivering.tell(route, dues)
    except OutboxError as error:
        # Kubernetes is away: the same is due at the next look. What was sent may be sent once more, with its key.
        log.warning("outbox away", route=route_name(route), error=str(error))
    except Exception:
        # A fault of ours with one route must not silence the others.
        log.exception("route failed", route=route_name(route))


def _pause(at_work: Iterable[Delivering], now: datetime) -> float:
    again = [moment for moment in (one.next_try() for one in at_work) if moment is not None]
    seconds = min(((moment - now).total_seconds() for moment in again), default=LOOK_AGAIN_SECONDS)
    return min(max(seconds, 1.0), LOOK_AGAIN_SECONDS)
