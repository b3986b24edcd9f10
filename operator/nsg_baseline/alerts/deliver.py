"""The alert loop: reads stored incidents, tells routes what is due, records each delivery."""

import asyncio
import contextlib
from collections.abc import Callable
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


@dataclass(slots=True)
class RouteLoop:
    """One route's own loop: nobody waits for a route that is stuck, and what comes meanwhile rings again."""

    key: tuple[str, str]
    operator_namespace: str
    delivering: Delivering
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Tell what is due at each ring, until the route is gone."""
        outbox, clock = self.delivering.outbox, self.delivering.clock
        while True:
            self.bell.clear()
            route = next((one for one in outbox.routes() if one.key == self.key), None)
            if route is None:
                return
            await self._tell(route, due(route, outbox.incidents(), self.operator_namespace, clock()))
            await self._wait(clock())

    async def _tell(self, route: NSGAlertRoute, dues: list[Due]) -> None:
        try:
            await self.delivering.tell(route, dues)
        except OutboxError as error:
            # Kubernetes is away: the same is due at the next look. What was sent may be sent again, with its key.
            log.warning("outbox away", route=route_name(route), error=str(error))
        except Exception:
            # A fault of ours with one message must not silence the route for good.
            log.exception("route failed", route=route_name(route))

    async def _wait(self, now: datetime) -> None:
        again = self.delivering.next_try()
        seconds = (again - now).total_seconds() if again is not None else LOOK_AGAIN_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(seconds, 1.0), LOOK_AGAIN_SECONDS)):
                await self.bell.wait()


async def run(outbox: Outbox, operator_namespace: str, clock: Callable[[], datetime]) -> None:
    """Deliver, until cancelled. Each route has a loop of its own, rung at every change."""
    quiet()
    loops: dict[tuple[str, str], tuple[RouteLoop, asyncio.Task[None]]] = {}
    try:
        while True:
            loops = {key: one for key, one in loops.items() if not one[1].done()}
            for route in outbox.routes():
                if route.key not in loops:
                    loop = RouteLoop(route.key, operator_namespace, Delivering(outbox, clock))
                    loops[route.key] = loop, asyncio.create_task(loop.run(), name=f"route {route_name(route)}")
            for loop, _ in loops.values():
                loop.bell.set()
            await outbox.changed(LOOK_AGAIN_SECONDS)
    finally:
        for _, task in loops.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in loops.values()), return_exceptions=True)
