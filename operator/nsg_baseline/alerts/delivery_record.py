"""The record of a route in an incident: which channels received which revision. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from nsg_baseline.alerts.channels import Channel
from nsg_baseline.alerts.pending import PendingDelivery, RevisionKey, route_name, stored_delivery
from nsg_baseline.alerts.threads import Received
from nsg_baseline.api.incident import Delivery
from nsg_baseline.api.route import NSGAlertRoute

Delivered = Mapping[str, Mapping[RevisionKey, str]]
"""By channel: the notifications that were delivered in this round, each with its shared thread."""


def missing_channels(route: NSGAlertRoute, delivery: PendingDelivery, channels: Iterable[Channel]) -> dict[str, int]:
    """Return the channels that lack a notification, each with the last revision that it received; 0 for none."""
    stored = stored_delivery(route, delivery.incident)
    stored_channels = (stored.pending_channels or {}) if stored is not None else {}
    if stored is not None and _is_partly_delivered(stored, delivery):
        return {channel.id: stored_channels[channel.id] for channel in channels if channel.id in stored_channels}
    revision = stored.revision if stored is not None else 0
    return {channel.id: stored_channels.get(channel.id, revision) for channel in channels}


def still_missing(missing: Mapping[str, int], delivery: PendingDelivery, delivered: Delivered) -> dict[str, int]:
    """Return the channels that still lack a notification."""
    return {channel: revision for channel, revision in missing.items() if delivery.key not in delivered[channel]}


def next_record(
    route: NSGAlertRoute,
    delivery: PendingDelivery,
    pending_channels: Mapping[str, int],
    delivered: Delivered,
    threaded: frozenset[str],
    now: datetime,
) -> Delivery | None:
    """Return the record after a round; None if no channel received anything new.

    Args:
        route: The route that was notified.
        delivery: The notification.
        pending_channels: The channels that still lack it, each with the last revision that it received.
        delivered: What each channel received in this round.
        threaded: The channels that have alerts or tickets.
        now: The time of the round.
    """
    stored = stored_delivery(route, delivery.incident)
    is_late = stored is not None and _is_partly_delivered(stored, delivery)
    if len(pending_channels) == len(delivered) or (
        is_late and stored is not None and pending_channels == (stored.pending_channels or {})
    ):
        return None
    return Delivery(
        route=route_name(route),
        revision=delivery.incident.status.revision,
        at=stored.at if is_late and stored is not None else now,
        first_at=(stored.first_at or stored.at) if stored is not None else now,
        pending_channels=dict(pending_channels) or None,
        threads=_threads(stored, delivery, delivered, threaded) or None,
        reminders=stored.reminders if is_late and stored is not None else delivery.reminder,
    )


def pending_by_channel(
    channels: Iterable[Channel], deliveries: Iterable[PendingDelivery], missing: Received, delivered: Delivered
) -> dict[str, list[PendingDelivery]]:
    """Return by channel the notifications that it lacks. All channels lack those that were not ready in this round."""
    return {
        channel.id: [
            delivery
            for delivery in deliveries
            if delivery.key not in missing
            or (channel.id in missing[delivery.key] and delivery.key not in delivered[channel.id])
        ]
        for channel in channels
    }


def _threads(
    stored: Delivery | None, delivery: PendingDelivery, delivered: Delivered, threaded: frozenset[str]
) -> dict[str, str]:
    threads = dict((stored.threads or {}) if stored is not None else {})
    for channel, entries in delivered.items():
        if channel in threaded and delivery.key in entries:
            threads[channel] = entries[delivery.key] or threads.get(channel, "")
    return threads


def _is_partly_delivered(stored: Delivery, delivery: PendingDelivery) -> bool:
    """Return whether some channels have received this notification."""
    return stored.revision >= delivery.incident.status.revision and stored.reminders >= delivery.reminder
