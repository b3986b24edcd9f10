"""The loop of one route: it delivers when something concerns the route, when a retry is due, and once a minute."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.pending import PendingDelivery, route_name
from nsg_baseline.alerts.ports import OutboxError
from nsg_baseline.alerts.route_pending import RoutePending, is_news
from nsg_baseline.alerts.route_status import next_status
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.route import NSGAlertRoute, RouteSpec
from nsg_baseline.core.conditions import not_ready

INTERVAL_SECONDS = 60.0
"""Once in this time, a route reads its Secret and all its incidents again: for reminders, and for what it missed."""
INCIDENTS_PER_TURN = 100
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class RouteLoop:
    """The loop of one route. A route whose channel hangs does not delay the others.

    Attributes:
        is_refused: The namespace has too many routes, and this one is not used.
        changed: The incidents that changed since the loop last looked at them.
        is_touched: The route was written, even if its spec is the same: it delivers now.
    """

    key: ObjectKey
    operator_namespace: str
    dispatcher: Dispatcher
    is_refused: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    changed: set[ObjectKey] = field(default_factory=set)
    is_touched: bool = False
    _pending: RoutePending = field(init=False)
    _spec: RouteSpec | None = None
    _due: float = 0.0
    _all_due: float = 0.0

    def __post_init__(self) -> None:
        """Begin without any notification."""
        self._pending = RoutePending(self.operator_namespace, self.dispatcher.outbox.approved_tags)

    async def run(self) -> None:
        """Deliver whenever there is something to do, until the route is deleted."""
        outbox = self.dispatcher.outbox
        while not self.dispatcher.is_stopping:
            self.wake.clear()
            await self.dispatcher.turns.take(self.key.namespace)
            route = outbox.route(self.key)
            if route is None:
                return
            if self.is_refused:
                await self._refuse(route)
            else:
                await self._work(route)
            await self._wait()

    def concern(self, incident: ObjectKey) -> None:
        """Look at an incident that changed."""
        if not self.is_refused:
            self.changed.add(incident)
            self.wake.set()

    def touch(self) -> None:
        """Deliver now, or end if the route was deleted."""
        self.is_touched = True
        self.wake.set()

    def refuse(self, *, refused: bool) -> None:
        """Use the route from now on, or do not."""
        if self.is_refused != refused:
            self.is_refused = refused
            self.wake.set()

    def stop(self) -> None:
        """Start no further message, and end after those under way."""
        self.dispatcher.is_stopping = True
        self.wake.set()

    async def _work(self, route: NSGAlertRoute) -> None:
        """Read what changed, and deliver if something is new or due."""
        now = asyncio.get_running_loop().time()
        is_edited, is_due = route.spec != self._spec, self.is_touched or now >= self._all_due
        keys = self._keys(is_edited=is_edited) if is_edited or is_due else set()
        self.is_touched = False
        if is_edited:
            self._spec = route.spec
            self._pending.forget()
        if is_edited or is_due:
            self._all_due = now + INTERVAL_SECONDS
        has_changed = await self._read(route, keys)
        if not (has_changed or is_edited or is_due or now >= self._due):
            return
        deliveries = self._pending.deliveries()
        await self._deliver(route, deliveries)
        self._due = asyncio.get_running_loop().time() + self._pause()
        # The records of this round are no reason for another one.
        await self._read(route, [delivery.incident.key for delivery in deliveries])
        if is_news(self._pending.deliveries(), deliveries):
            self._due = 0.0

    async def _read(self, route: NSGAlertRoute, keys: Iterable[ObjectKey]) -> bool:
        """Look at incidents, and at those that changed. Return whether a notification differs."""
        changed, self.changed = self.changed, set()
        outbox, now, differs = self.dispatcher.outbox, self.dispatcher.clock(), False
        for number, key in enumerate({*changed, *keys}):
            if number % INCIDENTS_PER_TURN == INCIDENTS_PER_TURN - 1:
                await self.dispatcher.turns.take(self.key.namespace)
            differs |= self._pending.read(route, key, outbox.incident(key), now)
        return differs

    def _keys(self, *, is_edited: bool) -> set[ObjectKey]:
        """Return the incidents to look at again: all that the route covers, or those that can become due."""
        is_operator = self.key.namespace == self.operator_namespace
        incidents = self.dispatcher.outbox.incidents(None if is_operator else self.key.namespace)
        return {incident.key for incident in incidents} if is_edited else self._pending.due(incidents)

    async def _deliver(self, route: NSGAlertRoute, deliveries: list[PendingDelivery]) -> None:
        try:
            await self.dispatcher.deliver(route, deliveries)
        except OutboxError as error:
            # The notifications stay pending. Messages may be sent again, with the same key.
            log.warning("deliveries not saved", route=route_name(route), error=str(error))
        except Exception:
            # A defect in handling one message must not stop the route.
            log.exception("route failed", route=route_name(route))

    async def _refuse(self, route: NSGAlertRoute) -> None:
        """Report that there are too many routes in the namespace."""
        self._spec = None
        self._due = asyncio.get_running_loop().time() + INTERVAL_SECONDS
        text = "the namespace has too many routes; this one is not used until older ones are deleted"
        with contextlib.suppress(OutboxError):
            state, now = not_ready("TooManyRoutes", text), self.dispatcher.clock()
            status = next_status(route, state, 0, (), now, heartbeat=(route.status.heartbeat, None))
            await self.dispatcher.outbox.report(route, status)

    def _pause(self) -> float:
        """Return the seconds until the next retry."""
        next_try = self.dispatcher.next_try()
        seconds = (next_try - self.dispatcher.clock()).total_seconds() if next_try is not None else INTERVAL_SECONDS
        return min(max(seconds, 1.0), INTERVAL_SECONDS)

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(max(self._due, 0.0)):
                await self.wake.wait()
