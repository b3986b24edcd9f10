"""The port of the alert loops to Kubernetes, implemented by the engine."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from nsg_baseline.alerts.changes import Changes
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import Acknowledged, Delivery, NSGIncident
from nsg_baseline.api.route import NSGAlertRoute, RouteStatus


class OutboxError(Exception):
    """The API server is unavailable; the same call may succeed later."""


class Outbox(Protocol):
    """Stored incidents and routes. `secret` and all writes raise OutboxError if Kubernetes is unavailable."""

    def incidents(self, namespace: str | None = None) -> Iterable[NSGIncident]:
        """Return the incidents of a namespace, or all, as stored, including writes of this process."""
        ...

    def incident(self, key: ObjectKey) -> NSGIncident | None:
        """Return one incident; None if there is none."""
        ...

    def notified(self, route: str) -> Iterable[NSGIncident]:
        """Return the incidents that contain a record of the route of this name (`route_name`)."""
        ...

    def routes(self) -> Iterable[NSGAlertRoute]:
        """Return all valid routes."""
        ...

    def route(self, key: ObjectKey) -> NSGAlertRoute | None:
        """Return one valid route; None if there is none."""
        ...

    async def changed(self, seconds: float) -> Changes:
        """Return what has changed since the last call, as soon as something has, or nothing after some seconds."""
        ...

    async def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Return the values of a Secret; None if it does not exist."""
        ...

    async def record(self, incident: NSGIncident, delivery: Delivery) -> None:
        """Store the deliveries of a route about an incident."""
        ...

    def approved_tags(self, incident: NSGIncident) -> Mapping[str, str]:
        """Return the tags that the baseline of an incident approves; none if it has no baseline."""
        ...

    async def acknowledge(self, incident: NSGIncident, given: Acknowledged) -> None:
        """Store an acknowledgement of an incident, unless the incident has changed since."""
        ...

    async def report(self, route: NSGAlertRoute, status: RouteStatus) -> None:
        """Store a route's status if it differs."""
        ...
