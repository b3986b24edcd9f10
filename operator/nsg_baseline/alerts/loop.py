"""The alert loops: one per route, woken whenever a stored object changes."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from nsg_baseline.alerts.azure_links import PUBLIC, AzureLinks
from nsg_baseline.alerts.channels import SEND_SECONDS, SENDER, Permissions, disable_url_logging
from nsg_baseline.alerts.dead_man_switch import DeadManSwitches
from nsg_baseline.alerts.deduplication import DeliveredKeys
from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.pending import PendingDelivery, pending_deliveries, route_name
from nsg_baseline.alerts.ports import Outbox, OutboxError
from nsg_baseline.alerts.route_groups import GroupedOutbox
from nsg_baseline.alerts.route_limit import refused_routes
from nsg_baseline.alerts.route_status import next_status
from nsg_baseline.alerts.watch import WatchSource
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.core.conditions import not_ready

INTERVAL_SECONDS = 60.0
STOP_SECONDS = SEND_SECONDS + 5.0
"""How long an orderly stop waits for messages under way. Their results are recorded, so that none is repeated."""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class RouteLoop:
    """The loop of one route. A route whose channel hangs does not delay the others."""

    key: tuple[str, str]
    operator_namespace: str
    dispatcher: Dispatcher
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Deliver whenever the loop is woken, until the route is deleted."""
        outbox, clock = self.dispatcher.outbox, self.dispatcher.clock
        while not self.dispatcher.is_stopping:
            self.wake.clear()
            routes = list(outbox.routes())
            route = next((route for route in routes if route.key == self.key), None)
            if route is None:
                return
            neighbours = [member for member in routes if member.metadata.namespace == route.metadata.namespace]
            if any(refused.key == self.key for refused in refused_routes(neighbours, self.operator_namespace)):
                await self._refuse(route)
                await self._wait(clock())
                continue
            pending = pending_deliveries(
                route, outbox.incidents(), self.operator_namespace, clock(), outbox.approved_tags
            )
            await self._deliver(route, pending)
            await self._wait(clock())

    def stop(self) -> None:
        """Start no further message, and end after those under way."""
        self.dispatcher.is_stopping = True
        self.wake.set()

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
        text = "the namespace has too many routes; this one is not used until older ones are deleted"
        with contextlib.suppress(OutboxError):
            state, now = not_ready("TooManyRoutes", text), self.dispatcher.clock()
            status = next_status(route, state, 0, (), now, heartbeat=(route.status.heartbeat, None))
            await self.dispatcher.outbox.report(route, status)

    async def _wait(self, now: datetime) -> None:
        next_try = self.dispatcher.next_try()
        seconds = (next_try - now).total_seconds() if next_try is not None else INTERVAL_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(seconds, 1.0), INTERVAL_SECONDS)):
                await self.wake.wait()


async def run(  # noqa: PLR0913 - each is a setting of the process
    outbox: Outbox,
    operator_namespace: str,
    clock: Callable[[], datetime],
    *,
    allow_local: bool = False,
    allow_private: bool = False,
    channel_key: bytes = b"",
    watch: WatchSource | None = None,
    links: AzureLinks = PUBLIC,
) -> None:
    """Run the loops of all routes until cancelled. Then finish the messages under way.

    Args:
        outbox: The stored incidents and routes.
        operator_namespace: The namespace whose routes cover all namespaces.
        clock: Returns the current time.
        allow_local: Allow channels to connect to loopback and link-local addresses.
        allow_private: Allow private networks for routes in all namespaces.
        channel_key: The key of the ids of channels that are stored; empty for none.
        watch: The scopes; None for no heartbeats.
        links: The portal and the CLI of the cloud, for messages.
    """
    disable_url_logging()
    outbox = GroupedOutbox(outbox, clock)
    delivered_keys = DeliveredKeys()
    loops: dict[tuple[str, str], tuple[RouteLoop, asyncio.Task[None]]] = {}
    private = Permissions(operator_namespace, is_operator=True, local=allow_local, private=True)
    switches = DeadManSwitches(outbox, watch, clock, private) if watch is not None else None
    calling = asyncio.create_task(switches.run(), name="switches") if switches is not None else None
    try:
        while True:
            loops = {key: (loop, task) for key, (loop, task) in loops.items() if not task.done()}
            for route in outbox.routes():
                if route.key not in loops:
                    is_operator = route.metadata.namespace == operator_namespace
                    dispatcher = Dispatcher(
                        outbox,
                        clock,
                        delivered_keys,
                        allow_local,
                        allow_private,
                        operator_namespace,
                        channel_key,
                        watch=watch if is_operator else None,
                        switches=switches,
                        links=links,
                    )
                    loop = RouteLoop(route.key, operator_namespace, dispatcher)
                    loops[route.key] = loop, asyncio.create_task(loop.run(), name=f"route {route_name(route)}")
            for loop, _ in loops.values():
                loop.wake.set()
            await outbox.changed(INTERVAL_SECONDS)
    finally:
        for loop, _ in loops.values():
            loop.stop()
        if calling is not None:
            calling.cancel()
        await _ended([task for _, task in loops.values()])
        SENDER.close()


async def _ended(tasks: list["asyncio.Task[None]"]) -> None:
    """Wait for messages under way, then cancel what is left."""
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
