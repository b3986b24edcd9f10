"""Alerts and tickets that live on at a service: which one a message goes into, and whether it ends there. Pure.

An incident that was told alone has one of its own. Incidents that were told at once share one, which is over when the
last of them is: nobody at the service knows them one by one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from nsg_baseline.alerts.channels import Channel
from nsg_baseline.alerts.grouping import Batch
from nsg_baseline.alerts.message import AlertMessage, alert_message, digest_message
from nsg_baseline.alerts.pending import Mark, NotificationEvent, PendingDelivery, delivery
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import Message, NSGAlertRoute
from nsg_baseline.core.severity import worst

AT_ONCE = 50
"""So many messages go on in what is there before it is recorded: what is on its way must fit into a route's status."""
Before = Mapping[Mark, Mapping[str, int]]
"""The revision that each channel has of what is due; 0 for none."""


def ongoing(
    route: NSGAlertRoute, channel: Channel, dues: Iterable[PendingDelivery], before: Before, begun: Mapping[str, str]
) -> list[Batch]:
    """Return what goes on in alerts or tickets that a channel has already, or may have: one message each.

    `begun` are threads, by incident, of messages of which nobody knows whether they got through.
    """
    if not channel.is_threaded:
        return []
    alone: list[Batch] = []
    shared: dict[str, list[PendingDelivery]] = {}
    for one in dues:
        thread = shared_thread(route, channel.mark, one.incident) or begun.get("/".join(one.incident.key), "")
        if thread:
            shared.setdefault(thread, []).append(one)
        elif before[one.mark][channel.mark]:
            alone.append(Batch((one,)))
    return [*alone, *(Batch(tuple(found), thread) for thread, found in shared.items())]


def shared_incidents(
    route: NSGAlertRoute,
    channel: Channel,
    message: Message,
    dues: Sequence[PendingDelivery],
    before: Before,
    incidents: Iterable[NSGIncident],
) -> AlertMessage:
    """Return a message as a channel gets it, with the alert or ticket that it goes into."""
    opens = not any(before[one.mark][channel.mark] for one in dues)
    many = message.key not in message.incidents
    first = dues[0]
    text = (
        digest_message(dues, message.key)
        if many
        else alert_message(first, first.event_for(before[first.mark][channel.mark]))
    )
    if not message.thread:
        return replace(text, opens=opens)
    sharing = [one for one in incidents if shared_thread(route, channel.mark, one) == message.thread]
    open_ones = [one for one in (*sharing, *(due.incident for due in dues)) if one.status.state != "Resolved"]
    # What is told now may weigh less than what stays open.
    severity = worst(one.status.severity or "info" for one in open_ones) or text.severity
    event: NotificationEvent = "Updated" if open_ones else "Resolved"
    return replace(text, opens=opens, thread=message.thread, event=event, severity=severity)


def shared_thread(route: NSGAlertRoute, mark: str, incident: NSGIncident) -> str:
    """Return the alert or ticket that an incident shares with others; empty if it has its own, or none yet.

    The mark of a URL changes with its password: one that is not known goes on where the only other one was.
    """
    known = delivery(route, incident)
    threads = (known.threads or {}) if known is not None else {}
    if mark in threads or (known is not None and mark in (known.pending_channels or {})):
        return threads.get(mark, "")
    others = {thread for thread in threads.values() if thread}
    return others.pop() if len(others) == 1 else ""
