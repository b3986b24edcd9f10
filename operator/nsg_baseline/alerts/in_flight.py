"""Messages in flight: each is stored before it is sent. Its result is stored together with the next message.

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
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.route import IncidentRevision, Message, NSGAlertRoute

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class InFlight:
    """One route's messages in flight, by channel and key."""

    outbox: Outbox
    _messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def load(self, route: NSGAlertRoute) -> None:
        """Read the messages in the route's status."""
        self._messages = {(message.channel, message.key): message for message in route.status.in_flight}

    def delivered(self, channel: Channel, deliveries: Iterable[PendingDelivery]) -> dict[RevisionKey, str]:
        """Return what a channel has received although it is not recorded yet, each with its thread."""
        threads = {
            key: message.thread for message in self._of(channel) if message.sent for key in _revision_keys(message)
        }
        return {delivery.key: threads[delivery.key] for delivery in deliveries if delivery.key in threads}

    def unconfirmed(self, channel: Channel, deliveries: Sequence[PendingDelivery]) -> list[Batch]:
        """Return the messages to a channel whose result is unknown."""
        unsent = (_revision_keys(message) for message in self._of(channel) if not message.sent)
        batches = (Batch(tuple(delivery for delivery in deliveries if delivery.key in keys)) for keys in unsent)
        return [batch for batch in batches if batch.deliveries]

    async def begin(self, route: NSGAlertRoute, channel: Channel, batch: Batch) -> Message:
        """Store a message before it is sent; return the stored one if it was stored before."""
        keys = {delivery.key for delivery in batch.deliveries}
        message = next((stored for stored in self._of(channel) if keys <= _revision_keys(stored)), None)
        if message is None:
            message = _message(channel, batch)
            self._messages[channel.id, message.key] = message
            await self._store(route)
        return message

    def confirm(self, message: Message) -> None:
        """Mark a message as delivered. This is stored together with the next message."""
        self._messages[message.channel, message.key] = message.model_copy(update={"sent": True})

    def threads(self, channel: Channel, deliveries: Iterable[PendingDelivery]) -> dict[tuple[str, str], str]:
        """Return by incident the shared threads of messages that are not recorded yet, whatever revision they had."""
        incidents = {delivery.incident.key for delivery in deliveries}
        return {
            key: message.thread
            for message in self._of(channel)
            if message.thread
            for key in _incident_keys(message)
            if key in incidents
        }

    def forget(self, route: NSGAlertRoute, pending: Mapping[str, Iterable[PendingDelivery]]) -> None:
        """Drop messages for which nothing is pending any more, by channel.

        A message that opened a shared thread stays until its incidents are recorded: later revisions must go there.
        """
        unrecorded = {channel: {delivery.key for delivery in deliveries} for channel, deliveries in pending.items()}

        def is_unrecorded(message: Message) -> bool:
            if not message.thread:
                return False
            incidents = filter(None, map(self.outbox.incident, _incident_keys(message)))
            entries = [stored_delivery(route, incident) for incident in incidents]
            return any(entry is None or message.channel in (entry.pending_channels or {}) for entry in entries)

        self._messages = {
            key: message
            for key, message in self._messages.items()
            if unrecorded.get(message.channel, set()) & _revision_keys(message) or is_unrecorded(message)
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


def _revision_keys(message: Message) -> set[RevisionKey]:
    return {RevisionKey(item.namespace, item.name, item.revision, item.reminder) for item in message.incidents}


def _incident_keys(message: Message) -> set[ObjectKey]:
    return {ObjectKey(item.namespace, item.name) for item in message.incidents}


def _message(channel: Channel, batch: Batch) -> Message:
    deliveries = batch.deliveries
    is_digest = len(deliveries) > 1
    key = digest_key(deliveries) if is_digest else deliveries[0].message_key
    # Incidents that are notified together for the first time share a thread from then on.
    thread = batch.thread or (key if is_digest and channel.is_threaded else "")
    revisions = tuple(IncidentRevision(**delivery.key._asdict()) for delivery in deliveries)
    return Message(channel=channel.id, key=key, incidents=revisions, thread=thread)
