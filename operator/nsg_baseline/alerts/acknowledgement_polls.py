"""Reads from pagers who acknowledged the alerts of routes, and acknowledges the incidents."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from nsg_baseline.alerts.backoff import Backoff
from nsg_baseline.alerts.channels import Channel, Permissions, SendResult
from nsg_baseline.alerts.namespace_turns import NamespaceTurns
from nsg_baseline.alerts.pager_acknowledgements import acknowledgement, is_asked, record_to_repeat, to_ask
from nsg_baseline.alerts.pending import route_name
from nsg_baseline.alerts.ports import Outbox, OutboxError
from nsg_baseline.alerts.route_limit import refused_routes
from nsg_baseline.alerts.route_status import RouteUnusableError, read_channels
from nsg_baseline.alerts.sender.protocol import Seen
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute

INTERVAL_SECONDS = 60.0
MAX_POLLS = 2
"""Simultaneous polls of all namespaces except the operator's. They use slots that messages need, too."""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class AcknowledgementPolls:
    """The polls of all routes with `acknowledgements: Poll`, one at a time in each namespace.

    Attributes:
        permissions_of: Returns the permissions of a route's channels.
        turns: The turns of all routes.
    """

    outbox: Outbox
    operator_namespace: str
    clock: Callable[[], datetime]
    permissions_of: Callable[[NSGAlertRoute], Permissions]
    turns: NamespaceTurns = field(default_factory=NamespaceTurns)
    _backoffs: dict[tuple[str, str], Backoff] = field(default_factory=dict)
    _polls: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    _limit: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_POLLS))

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while True:
                self.start()
                await asyncio.sleep(INTERVAL_SECONDS)
        finally:
            for poll in self._polls.values():
                poll.cancel()
            await asyncio.gather(*self._polls.values(), return_exceptions=True)

    def start(self) -> list["asyncio.Task[None]"]:
        """Start to poll each namespace whose last poll has ended: a slow one delays no other."""
        self._polls = {namespace: poll for namespace, poll in self._polls.items() if not poll.done()}
        routes = self._routes()
        names = set(map(route_name, routes))
        self._backoffs = {key: backoff for key, backoff in self._backoffs.items() if key[0] in names}
        by_namespace: dict[str, list[NSGAlertRoute]] = {}
        for route in routes:
            by_namespace.setdefault(route.metadata.namespace, []).append(route)
        for namespace, members in by_namespace.items():
            if namespace not in self._polls:
                poll = asyncio.create_task(self._poll_all(members), name=f"acknowledgements {namespace}")
                self._polls[namespace] = poll
        return list(self._polls.values())

    def _routes(self) -> list[NSGAlertRoute]:
        routes = list(self.outbox.routes())
        polled = [route for route in routes if route.spec.acknowledgements == "Poll" and not route.spec.suspend]
        refused = {route.key for route in refused_routes(routes, self.operator_namespace)} if polled else set()
        return [route for route in polled if route.key not in refused]

    async def _poll_all(self, routes: Iterable[NSGAlertRoute]) -> None:
        for route in routes:
            await self.turns.take(route.metadata.namespace)
            try:
                await self._poll(route)
            except RouteUnusableError:
                # The dispatcher of the route reports it.
                continue
            except OutboxError as error:
                log.warning("acknowledgements not saved", route=route_name(route), error=str(error))
            except Exception:
                # A defect must end the poll of this route only.
                log.exception("poll failed", route=route_name(route))

    async def _poll(self, route: NSGAlertRoute) -> None:
        now = self.clock()
        if not any(is_asked(route, incident, self.operator_namespace, now) for incident in self._notified(route)):
            return
        channels, _ = await read_channels(self.outbox, route, self.permissions_of(route))
        for channel in channels:
            if channel.is_pager:
                await self._read(route, channel)

    def _notified(self, route: NSGAlertRoute) -> Iterable[NSGIncident]:
        return self.outbox.notified(route_name(route))

    async def _read(self, route: NSGAlertRoute, channel: Channel) -> None:
        now = self.clock()
        asked = to_ask(route, channel, self._notified(route), self.operator_namespace, now)
        backoff = self._backoffs.setdefault((route_name(route), channel.id), Backoff())
        if not asked or backoff.is_pausing(now):
            return
        threads = list(asked)
        result, seen = await self._ask(route, channel, threads)
        if result.delivered:
            backoff.succeeded()
        else:
            backoff.failed(self.clock(), result.retry_after)
            log.warning("pager not read", route=route_name(route), line=channel.line, reason=result.reason)
        await self._save(route, channel, threads, asked, seen)

    async def _ask(
        self, route: NSGAlertRoute, channel: Channel, threads: Sequence[str]
    ) -> tuple[SendResult, list[Seen]]:
        if route.metadata.namespace == self.operator_namespace:
            return await channel.acknowledgements(threads)
        async with self._limit:
            return await channel.acknowledgements(threads)

    async def _save(
        self,
        route: NSGAlertRoute,
        channel: Channel,
        threads: Sequence[str],
        asked: Mapping[str, Sequence[NSGIncident]],
        seen: Sequence[Seen],
    ) -> None:
        for item in seen:
            for key in [incident.key for incident in asked[threads[item.index]]]:
                # It may have changed while the pager was asked.
                incident = self.outbox.incident(key)
                if incident is not None:
                    await self._acknowledge(route, channel, incident, item)

    async def _acknowledge(self, route: NSGAlertRoute, channel: Channel, incident: NSGIncident, seen: Seen) -> None:
        given = acknowledgement(route, channel, incident, seen.by, seen.at, self.clock())
        if given is not None:
            await self.outbox.acknowledge(incident, given)
            log.info("acknowledged in a pager", route=route_name(route), incident="/".join(incident.key))
            return
        record = record_to_repeat(route, channel, incident, seen.at)
        if record is not None:
            await self.outbox.record(incident, record)
            log.info("alert is acknowledged, but not all changes", incident="/".join(incident.key))
