"""Incidents, routes and an outbox in memory, for tests of notifications."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from nsg_baseline.alerts.changes import ChangeFeed, Changes
from nsg_baseline.alerts.pending import route_name
from nsg_baseline.alerts.ports import OutboxError
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import Acknowledged, Delivery, NSGIncident
from nsg_baseline.api.route import NSGAlertRoute, RouteStatus
from nsg_baseline.api.validation import read

OPERATOR = "nsg-baseline-system"
START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-web"
NSG = f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/web"
SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
_ABOUT = {
    "Drift": {"baseline": "web", "nsg": NSG},
    "Guardrail": {"guardrail": "no-ssh", "subscription": SUBSCRIPTION},
}
SSH = "1000 Inbound Allow Tcp from Internet to * port 22"


@dataclass(slots=True)
class Clock:
    """Time that passes only when a test says so."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **units: float) -> None:
        self.now += timedelta(**units)


def route(name: str = "chat", namespace: str = OPERATOR, created: datetime = START, **spec: Any) -> NSGAlertRoute:
    """Return a route whose Secret is called like it."""
    document = {
        "apiVersion": "nsg-baseline.io/v1alpha1",
        "kind": "NSGAlertRoute",
        "metadata": {"name": name, "namespace": namespace, "generation": 1, "creationTimestamp": stamp(created)},
        # Nothing waits for more, unless a test says so.
        "spec": {"urlsFrom": {"name": name, "key": "urls"}, "groupWait": "0s", **spec},
    }
    return read(NSGAlertRoute, document)


def incident(name: str = "web-1", namespace: str = "team-web", kind: str = "Drift", **status: Any) -> NSGIncident:
    """Return an open incident about one rule that lets SSH in, unless told otherwise."""
    about = _ABOUT.get(kind, {"subscription": SUBSCRIPTION})
    return read(
        NSGIncident,
        {
            "apiVersion": "nsg-baseline.io/v1alpha1",
            "kind": "NSGIncident",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"kind": kind, "scope": "production", **about},
            "status": {**_OPEN, **status},
        },
    )


def with_deliveries(incident: NSGIncident, *deliveries: tuple[str, int]) -> NSGIncident:
    """Return an incident with these delivered revisions by route."""
    recorded = tuple(Delivery(route=name, revision=revision, at=START) for name, revision in deliveries)
    return incident.model_copy(update={"status": incident.status.model_copy(update={"deliveries": recorded})})


def stamp(time: datetime) -> str:
    """Return a time as Kubernetes writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


_OPEN = {
    "state": "Open",
    "revision": 1,
    "event": "Opened",
    "severity": "medium",
    "openedAt": stamp(START),
    "updatedAt": stamp(START),
    "summary": "RuleCreated open-ssh",
    "changeCount": 1,
    "changes": [{"kind": "RuleCreated", "rule": "open-ssh", "severity": "medium", "live": SSH}],
}


class KilledError(Exception):
    """The operator was killed."""


@dataclass(slots=True)
class MemoryOutbox:
    """An outbox in memory. `unavailable` makes each write fail; after `writes` writes the operator is killed."""

    stored: dict[tuple[str, str], NSGIncident] = field(default_factory=dict)
    stored_routes: dict[tuple[str, str], NSGAlertRoute] = field(default_factory=dict)
    secrets: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    tags: dict[str, Mapping[str, str]] = field(default_factory=dict)
    unavailable: bool = False
    writes: int | None = None
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    reported: asyncio.Event = field(default_factory=asyncio.Event)
    recorded: asyncio.Event = field(default_factory=asyncio.Event)
    feed: ChangeFeed = field(default_factory=ChangeFeed)

    def put(self, *objects: NSGIncident | NSGAlertRoute) -> None:
        """Store objects, and say that something changed."""
        for resource in objects:
            if isinstance(resource, NSGIncident):
                self.feed.incident(resource.key, self.stored.get(resource.key), resource)
                self.stored[resource.key] = resource
            else:
                self.feed.route(resource.key)
                self.stored_routes[resource.key] = resource
        self.moved.set()

    def condition(self, route: NSGAlertRoute) -> Any:
        """Return a route's Ready condition as stored."""
        return self.stored_routes[route.key].status.conditions[0]

    def incidents(self, namespace: str | None = None) -> Iterable[NSGIncident]:
        return [incident for key, incident in self.stored.items() if namespace in (None, key[0])]

    def incident(self, key: ObjectKey) -> NSGIncident | None:
        return self.stored.get(key)

    def notified(self, route: str) -> Iterable[NSGIncident]:
        entries = ((item, delivery) for item in self.stored.values() for delivery in item.status.deliveries)
        return [incident for incident, delivery in entries if delivery.route == route]

    def routes(self) -> Iterable[NSGAlertRoute]:
        return list(self.stored_routes.values())

    def route(self, key: ObjectKey) -> NSGAlertRoute | None:
        return self.stored_routes.get(key)

    async def changed(self, seconds: float) -> Changes:
        del seconds
        await self.moved.wait()
        self.moved.clear()
        return self.feed.take()

    async def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        return self.secrets.get((namespace, name))

    async def record(self, incident: NSGIncident, delivery: Delivery) -> None:
        self._reach()
        now = self.stored[incident.key]
        rest = tuple(existing for existing in now.status.deliveries if existing.route != delivery.route)
        after = now.status.model_copy(update={"deliveries": (*rest, delivery)})
        self.put(now.model_copy(update={"status": after}))
        self.recorded.set()

    def approved_tags(self, incident: NSGIncident) -> Mapping[str, str]:
        return self.tags.get(incident.spec.baseline or "", {})

    async def acknowledge(self, incident: NSGIncident, given: Acknowledged) -> None:
        self._reach()
        spec = self.stored[incident.key].spec.model_copy(update={"acknowledged": given})
        self.put(self.stored[incident.key].model_copy(update={"spec": spec}))

    async def report(self, route: NSGAlertRoute, status: RouteStatus) -> None:
        self._reach()
        self.stored_routes[route.key] = self.stored_routes[route.key].model_copy(update={"status": status})
        self.reported.set()

    def delivery(self, incident: NSGIncident, to: NSGAlertRoute) -> Delivery | None:
        """Return a route's delivery of an incident."""
        deliveries = self.stored[incident.key].status.deliveries
        return next((delivery for delivery in deliveries if delivery.route == route_name(to)), None)

    def delivered_revision(self, incident: NSGIncident, to: NSGAlertRoute) -> int:
        """Return the revision that a route delivered; 0 for none."""
        deliveries = self.stored[incident.key].status.deliveries
        return next((delivery.revision for delivery in deliveries if delivery.route == route_name(to)), 0)

    def _reach(self) -> None:
        if self.writes == 0:
            raise KilledError
        self.writes = self.writes and self.writes - 1
        if self.unavailable:
            raise OutboxError("the API server is unavailable")
