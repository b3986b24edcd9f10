"""The alert loops: one a route, rung at every change of what is stored."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from nsg_baseline.alerts.channels import disable_url_logging
from nsg_baseline.alerts.deduplication import DeliveredKeys
from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.pending import PendingDelivery, pending_deliveries, route_name
from nsg_baseline.alerts.ports import Outbox, OutboxError
from nsg_baseline.api.route import NSGAlertRoute

LOOK_AGAIN_SECONDS = 60.0
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class RouteLoop:
    """One route's own loop: nobody waits for a route that is stuck, and what comes meanwhile rings again."""

    key: tuple[str, str]
    operator_namespace: str
    delivering: Dispatcher
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Tell what is due at each ring, until the route is gone."""
        outbox, clock = self.delivering.outbox, self.delivering.clock
        while True:
            self.bell.clear()
            route = next((one for one in outbox.routes() if one.key == self.key), None)
            if route is None:
                return
            await self._tell(route, pending_deliveries(route, outbox.incidents(), self.operator_namespace, clock()))
            await self._wait(clock())

    async def _tell(self, route: NSGAlertRoute, dues: list[PendingDelivery]) -> None:
        try:
            await self.delivering.deliver(route, dues)
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


async def run(
    outbox: Outbox, operator_namespace: str, clock: Callable[[], datetime], *, allow_local: bool = False
) -> None:
    """Deliver, until cancelled. Each route has a loop of its own, rung at every change.

    `allow_local` lets channels lead to this machine's own addresses.
    """
    disable_url_logging()
    said = DeliveredKeys()
    loops: dict[tuple[str, str], tuple[RouteLoop, asyncio.Task[None]]] = {}
    try:
        while True:
            loops = {key: one for key, one in loops.items() if not one[1].done()}
            for route in outbox.routes():
                if route.key not in loops:
                    loop = RouteLoop(route.key, operator_namespace, Dispatcher(outbox, clock, said, allow_local))
                    loops[route.key] = loop, asyncio.create_task(loop.run(), name=f"route {route_name(route)}")
            for loop, _ in loops.values():
                loop.bell.set()
            await outbox.changed(LOOK_AGAIN_SECONDS)
    finally:
        for _, task in loops.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in loops.values()), return_exceptions=True)
