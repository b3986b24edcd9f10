"""Messages in flight: each is stored before it is sent, and its result together with the next one.

A message that is sent again after a crash therefore has the same key, and only the last of several is sent again.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from nsg_baseline.alerts.channels import Channel
from nsg_baseline.alerts.grouping import Batch
from nsg_baseline.alerts.pending import PendingDelivery, RevisionKey, digest_key, route_name, stored_delivery
from nsg_baseline.alerts.ports import Outbox, OutboxError
from nsg_baseline.api.route import Message, NSGAlertRoute

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class InFlight:
    """One route's messages in flight, by channel and key."""

    outbox: Outbox
    _messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def load(self, route: NSGAlertRoute) -> None:
        """Read the messages that the route's status holds."""
        self._messages = {(message.channel, message.key): message for message in route.status.in_flight}

    def delivered(self, channel: Channel, deliveries: Iterable[PendingDelivery]) -> dict[RevisionKey, str]:
        """Return what a channel has received although it is not recorded yet, each with its thread."""
        threads = {
            member: message.thread for message in self._of(channel) if message.sent for member in message.incidents
        }
        return {item.key: threads[item.message_key] for item in deliveries if item.message_key in threads}

    def unconfirmed(self, channel: Channel, deliveries: Sequence[PendingDelivery]) -> list[Batch]:
        """Return the messages to a channel whose result is unknown."""
        unsent = (set(message.incidents) for message in self._of(channel) if not message.sent)
        batches = (Batch(tuple(item for item in deliveries if item.message_key in members)) for members in unsent)
        return [batch for batch in batches if batch.deliveries]

    async def begin(self, route: NSGAlertRoute, channel: Channel, batch: Batch) -> Message:
        """Store a message that is about to be sent; return it as it was stored first."""
        members = tuple(delivery.message_key for delivery in batch.deliveries)
        message = next((entry for entry in self._of(channel) if set(members) <= set(entry.incidents)), None)
        if message is None:
            message = _message(channel, batch, members)
            self._messages[channel.id, message.key] = message
            await self._store(route)
        return message

    def confirm(self, message: Message) -> None:
        """Note that a message was delivered. This is stored together with the next message."""
        self._messages[message.channel, message.key] = message.model_copy(update={"sent": True})

    def threads(self, channel: Channel, deliveries: Iterable[PendingDelivery]) -> dict[tuple[str, str], str]:
        """Return by incident the shared threads of messages that are not recorded yet, whatever revision they had."""
        incidents = {delivery.incident.key for delivery in deliveries}
        return {
            key: message.thread
            for message in self._of(channel)
            if message.thread
            for key in map(_incident_key, message.incidents)
            if key in incidents
        }

    def forget(self, route: NSGAlertRoute, pending: Mapping[str, Iterable[PendingDelivery]]) -> None:
        """Drop messages for which nothing is pending any more, by channel.

        A message that opened a shared thread stays until its incidents are recorded: later revisions must go there.
        """
        members = {channel: {item.message_key for item in deliveries} for channel, deliveries in pending.items()}
        stored = {incident.key: stored_delivery(route, incident) for incident in self.outbox.incidents()}

        def is_unrecorded(message: Message) -> bool:
            if not message.thread:
                return False
            keys = [key for key in map(_incident_key, message.incidents) if key in stored]
            entries = [stored[key] for key in keys]
            return any(entry is None or message.channel in (entry.pending_channels or {}) for entry in entries)

        self._messages = {
            key: message
            for key, message in self._messages.items()
            if members.get(message.channel, set()) & set(message.incidents) or is_unrecorded(message)
        }

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages for the route's status."""
        return tuple(self._messages[key] for key in sorted(self._messages))

    def _of(self, channel: Channel) -> list[Message]:
        return [message for message in self.messages if message.channel == channel.id]

    async def _store(self, route: NSGAlertRoute) -> None:
        async with self._lock:
            try:
                await self.outbox.report(route, route.status.model_copy(update={"in_flight": self.messages}))
            except OutboxError as error:
                # An unavailable API server must not delay an alert; at worst it is sent again under another key.
                log.warning("message in flight not saved", route=route_name(route), error=str(error))


def _incident_key(message_key: str) -> tuple[str, str]:
    namespace, _, name = message_key.removeprefix("incident ").partition(" revision ")[0].partition("/")
    return namespace, name


def _message(channel: Channel, batch: Batch, members: tuple[str, ...]) -> Message:
    is_digest = len(members) > 1
    key = digest_key(batch.deliveries) if is_digest else members[0]
    # Incidents that are notified together for the first time share a thread from then on.
    thread = batch.thread or (key if is_digest and channel.is_threaded else "")
    return Message(channel=channel.id, key=key, incidents=members, thread=thread)
