"""Alerts and tickets that live on at a service: which one a message goes into, and whether it ends there. Pure.

An incident that was told alone has one of its own. Incidents that were told at once share one, which is over when the
last of them is: nobody at the service knows them one by one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from nsg_baseline.alerts.batches import Batch
from nsg_baseline.alerts.channels import Channel
from nsg_baseline.alerts.due import Due, Mark, Telling, delivery
from nsg_baseline.alerts.story import Story, digest, story
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import Message, NSGAlertRoute
from nsg_baseline.core.severity import heaviest

AT_ONCE = 50
"""So many messages go on in what is there before it is recorded: what is on its way must fit into a route's status."""
Before = Mapping[Mark, Mapping[str, int]]
"""The revision that each channel has of what is due; 0 for none."""


def ongoing(route: NSGAlertRoute, channel: Channel, dues: Iterable[Due], before: Before) -> list[Batch]:
    """Return what goes on in alerts or tickets that a channel has already: one message each."""
    if not channel.keeps_threads:
        return []
    known = [one for one in dues if before[one.mark][channel.mark]]
    alone = [Batch((one,)) for one in known if not _shared(route, channel.mark, one.incident)]
    shared: dict[str, list[Due]] = {}
    for one in known:
        if thread := _shared(route, channel.mark, one.incident):
            shared.setdefault(thread, []).append(one)
    return [*alone, *(Batch(tuple(found), thread) for thread, found in shared.items())]


def told(
    route: NSGAlertRoute,
    channel: Channel,
    message: Message,
    dues: Sequence[Due],
    before: Before,
    incidents: Iterable[NSGIncident],
) -> Story:
    """Return a message as a channel gets it, with the alert or ticket that it goes into."""
    opens = not any(before[one.mark][channel.mark] for one in dues)
    many = message.key not in message.incidents
    first = dues[0]
    text = digest(dues, message.key) if many else story(first, first.turn_for(before[first.mark][channel.mark]))
    if not message.thread:
        return replace(text, opens=opens)
    sharing = [one for one in incidents if _shared(route, channel.mark, one) == message.thread]
    open_ones = [one for one in (*sharing, *(due.incident for due in dues)) if one.status.state != "Resolved"]
    # What is told now may weigh less than what stays open.
    severity = heaviest(one.status.severity or "info" for one in open_ones) or text.severity
    turn: Telling = "Updated" if open_ones else "Resolved"
    return replace(text, opens=opens, thread=message.thread, turn=turn, severity=severity)


def _shared(route: NSGAlertRoute, mark: str, incident: NSGIncident) -> str:
    """Return the alert or ticket that an incident shares with others; empty if it has its own, or none yet."""
    known = delivery(route, incident)
    return (known.threads or {}).get(mark, "") if known is not None else ""
