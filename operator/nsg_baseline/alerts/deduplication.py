"""Deduplication within this process: two routes to one URL send a message once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from nsg_baseline.alerts.channels import Channel, SendResult
from nsg_baseline.alerts.message import AlertMessage

MAX_KEYS = 20_000


class DeliveredKeys:
    """The messages that each channel has received, shared by all routes. A channel gets one message at a time."""

    def __init__(self) -> None:
        self._keys: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    async def once(
        self, channel: Channel, message: AlertMessage, send: Callable[[], Awaitable[SendResult]]
    ) -> SendResult:
        """Send a message unless the channel has received it already."""
        # Two routes may have opened different alerts for an incident: both must be closed.
        key = (channel.id, message.thread, message.key)
        async with self._locks.setdefault(channel.id, asyncio.Lock()):
            if key in self._keys:
                return SendResult(delivered=True)
            result = await send()
            if result.delivered:
                self._keys[key] = None
                while len(self._keys) > MAX_KEYS:
                    self._keys.popitem(last=False)
            return result
