"""The pending notifications of one route, kept up to date: only what changed is looked at again. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from nsg_baseline.alerts.pending import ApprovedTags, PendingDelivery, pending_delivery
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute


@dataclass(slots=True)
class RoutePending:
    """What a route has to send.

    Attributes:
        operator_namespace: Routes in this namespace cover all namespaces.
        approved_tags: Returns the tags that the baseline of an incident approves.
    """

    operator_namespace: str
    approved_tags: ApprovedTags
    _pending: dict[ObjectKey, PendingDelivery] = field(default_factory=dict)

    def forget(self) -> None:
        """Forget everything, because the route was edited."""
        self._pending.clear()

    def due(self, incidents: Iterable[NSGIncident]) -> set[ObjectKey]:
        """Return the incidents whose notification can differ although they have not changed.

        Of an incident that has ended, no reminder becomes due; what is pending about it may become too old.
        """
        return {*self._pending, *(incident.key for incident in incidents if incident.status.state != "Resolved")}

    def deliveries(self) -> list[PendingDelivery]:
        """Return the notifications, the oldest incident first."""
        return sorted(self._pending.values(), key=lambda delivery: (delivery.incident.metadata.name, delivery.key))

    def read(self, route: NSGAlertRoute, key: ObjectKey, incident: NSGIncident | None, now: datetime) -> bool:
        """Look at an incident, None if it was deleted. Return whether its notification differs from the last one."""
        before = self._pending.pop(key, None)
        after = None
        if incident is not None:
            after = pending_delivery(route, incident, self.operator_namespace, now, self.approved_tags)
        if after is not None:
            self._pending[key] = after
        return _subject(before) != _subject(after)


def is_news(deliveries: Iterable[PendingDelivery], handled: Iterable[PendingDelivery]) -> bool:
    """Return whether there is a notification that the last round has not handled."""
    keys = {delivery.key for delivery in handled}
    return any(delivery.key not in keys for delivery in deliveries)


def _subject(delivery: PendingDelivery | None) -> object:
    return (delivery.key, delivery.event, delivery.ready_at) if delivery is not None else None
