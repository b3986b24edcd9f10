"""Deduplication within this process: two routes to one URL say nothing twice, alone or within a digest."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable

from nsg_baseline.alerts.channels import Channel, SendResult
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.pending import PendingDelivery, RevisionKey

MAX_KEYS = 20_000


class DeliveredKeys:
    """What each channel has received, shared by all routes. A channel gets one message at a time."""

    def __init__(self) -> None:
        self._keys: OrderedDict[tuple[str, ...] | tuple[str, RevisionKey], None] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    def lock(self, channel: str) -> asyncio.Lock:
        """Return the lock of a channel, under which what it lacks is found, sent and added."""
        return self._locks.setdefault(channel, asyncio.Lock())

    def lacking(self, channel: str, deliveries: Iterable[PendingDelivery]) -> list[PendingDelivery]:
        """Return the notifications that a channel has not received, in any message of any route."""
        return [delivery for delivery in deliveries if (channel, delivery.key) not in self._keys]

    def add(self, channel: str, deliveries: Iterable[PendingDelivery]) -> None:
        """Record that a channel has received notifications."""
        for delivery in deliveries:
            self._add((channel, delivery.key))

    async def once(
        self, channel: Channel, message: AlertMessage, send: Callable[[], Awaitable[SendResult]]
    ) -> SendResult:
        """Send a message about an alert or a ticket unless the channel has received it already."""
        key = (channel.id, message.thread, message.key)
        async with self.lock(channel.id):
            if key in self._keys:
                return SendResult(delivered=True)
            result = await send()
            if result.delivered:
                self._add(key)
            return result

    def _add(self, key: tuple[str, ...] | tuple[str, RevisionKey]) -> None:
        self._keys[key] = None
        while len(self._keys) > MAX_KEYS:
            self._keys.popitem(last=False)
