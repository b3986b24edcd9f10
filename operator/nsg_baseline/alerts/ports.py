"""The port of the alert loops to Kubernetes, implemented by the engine."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from nsg_baseline.api.incident import Delivery, NSGIncident
from nsg_baseline.api.route import NSGAlertRoute, RouteStatus


class OutboxError(Exception):
    """The API server is unavailable; the same call may succeed later."""


class Outbox(Protocol):
    """Stored incidents and routes. `secret`, `record` and `report` raise OutboxError if Kubernetes is unavailable."""

    def incidents(self) -> Iterable[NSGIncident]:
        """Return all incidents as stored, including writes of this process."""
        ...

    def routes(self) -> Iterable[NSGAlertRoute]:
        """Return all valid routes."""
        ...

    async def changed(self, seconds: float) -> None:
        """Return when incidents or routes have changed since the last call, or after this many seconds."""
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

    async def report(self, route: NSGAlertRoute, status: RouteStatus) -> None:
        """Store a route's status if it differs."""
        ...
