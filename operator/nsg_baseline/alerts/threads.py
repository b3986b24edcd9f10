"""Alerts and tickets (threads) of a service: to which one a message belongs, and whether it closes it. Pure.

An incident that was notified alone has a separate thread. Incidents that were notified together share a thread, which
is closed when the last of them is resolved.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from nsg_baseline.alerts.azure_links import PUBLIC, AzureLinks
from nsg_baseline.alerts.channels import Channel
from nsg_baseline.alerts.digest import digest_message
from nsg_baseline.alerts.grouping import Batch
from nsg_baseline.alerts.message import AlertMessage, alert_message
from nsg_baseline.alerts.pager_state import is_new_alert
from nsg_baseline.alerts.pending import PendingDelivery, RevisionKey, stored_delivery
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import Message, NotificationEvent, NSGAlertRoute
from nsg_baseline.core.severity import worst

MAX_FOLLOW_UPS = 50
"""Maximum number of follow-ups that are not recorded yet: messages in flight must fit into the route's status."""
Received = Mapping[RevisionKey, Mapping[str, int]]
"""For each pending notification: the channels that lack it, each with its last received revision; 0 for none."""


def follow_ups(
    route: NSGAlertRoute,
    channel: Channel,
    deliveries: Iterable[PendingDelivery],
    received: Received,
    unrecorded: Mapping[tuple[str, str], str],
) -> list[Batch]:
    """Return the messages that continue alerts or tickets of a channel.

    `unrecorded` contains by incident the threads of messages in flight, which may have opened a thread.
    """
    if not channel.is_threaded:
        return []
    single: list[Batch] = []
    shared: dict[str, list[PendingDelivery]] = {}
    for delivery in deliveries:
        thread = shared_thread(route, channel.id, delivery.incident) or unrecorded.get(delivery.incident.key, "")
        if thread:
            shared.setdefault(thread, []).append(delivery)
        elif received[delivery.key][channel.id]:
            single.append(Batch((delivery,)))
    return [*single, *(Batch(tuple(members), thread) for thread, members in shared.items())]


def render_message(
    route: NSGAlertRoute,
    channel: Channel,
    message: Message,
    deliveries: Sequence[PendingDelivery],
    received: Received,
    incidents: Iterable[NSGIncident],
    links: AzureLinks = PUBLIC,
) -> AlertMessage:
    """Return a message for one channel, with the alert or ticket that it belongs to."""
    is_first = not any(received[delivery.key][channel.id] for delivery in deliveries)
    text = _text(channel, message, deliveries, received, links)
    if not message.thread:
        return replace(text, is_first=is_first)
    members = [incident for incident in incidents if shared_thread(route, channel.id, incident) == message.thread]
    members += [delivery.incident for delivery in deliveries]
    open_members = [incident for incident in members if incident.status.state != "Resolved"]
    # The severity of an alert is the highest of all its open incidents, not only of those in this message.
    severity = worst(incident.status.severity or "info" for incident in open_members) or text.severity
    event: NotificationEvent = "Updated" if open_members else "Resolved"
    return replace(
        text,
        is_first=is_first,
        thread=message.thread,
        event=event,
        severity=severity,
        is_acknowledged=bool(open_members) and all(map(_is_acknowledged, open_members)),
        is_new_alert=any(_is_new_alert(channel, delivery, received) for delivery in deliveries),
    )


def _is_acknowledged(incident: NSGIncident) -> bool:
    return incident.status.acknowledged_at is not None


def _is_new_alert(channel: Channel, delivery: PendingDelivery, received: Received) -> bool:
    revision = received[delivery.key][channel.id]
    return is_new_alert(delivery.incident.status, delivery.event_after(revision), revision, delivery.reminder)


def _text(
    channel: Channel, message: Message, deliveries: Sequence[PendingDelivery], received: Received, links: AzureLinks
) -> AlertMessage:
    first = deliveries[0]
    revision = received[first.key][channel.id]
    if len(deliveries) == 1 and not channel.is_threaded:
        # Of a digest that another route has sent in part, or that is repeated, this is what remains.
        return replace(alert_message(first, first.event_after(revision), revision, links), key=message.key)
    if message.key != first.message_key:
        return digest_message(deliveries, message.key)
    return alert_message(first, first.event_after(revision), revision, links)


def shared_thread(route: NSGAlertRoute, channel_id: str, incident: NSGIncident) -> str:
    """Return the thread that an incident shares with others; empty if it has a separate one, or none yet.

    A new password changes the id of a channel. An unknown channel therefore continues the shared thread if there is
    only one.
    """
    stored = stored_delivery(route, incident)
    threads = (stored.threads or {}) if stored is not None else {}
    if channel_id in threads or (stored is not None and channel_id in (stored.pending_channels or {})):
        return threads.get(channel_id, "")
    shared = {thread for thread in threads.values() if thread}
    return shared.pop() if len(shared) == 1 else ""
