"""What the alert loop needs from the world. The engine implements it on top of Kubernetes."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from nsg_baseline.api.incident import Delivery, NSGIncident
from nsg_baseline.api.route import NSGAlertRoute, RouteStatus


class OutboxError(Exception):
    """The outbox cannot be reached just now; the same call may succeed later."""


class Outbox(Protocol):
    """Stored incidents and routes. The last three raise OutboxError when Kubernetes is away."""

    def incidents(self) -> Iterable[NSGIncident]:
        """Return all incidents as stored now, own writes included."""
        ...

    def routes(self) -> Iterable[NSGAlertRoute]:
        """Return all routes that can be read."""
        ...

    async def changed(self, seconds: float) -> None:
        """Return when incidents or routes changed since the last call, or after so many seconds."""
        ...

    async def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Return a Secret's texts; None when it does not exist."""
        ...

    async def record(self, incident: NSGIncident, delivery: Delivery) -> None:
        """Store that a route was told a revision."""
        ...

    async def report(self, route: NSGAlertRoute, status: RouteStatus) -> None:
        """Store a route's status if it differs."""
        ...
