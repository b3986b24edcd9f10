"""What was said where in this process, so that two routes that lead to one place say it once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from nsg_baseline.alerts.channels import Channel, SendResult
from nsg_baseline.alerts.message import AlertMessage

_REMEMBERED = 20_000


class DeliveredKeys:
    """Shared by all routes. Messages to one place go one after the other."""

    def __init__(self) -> None:
        self._said: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    async def once(
        self, channel: Channel, story: AlertMessage, send: Callable[[], Awaitable[SendResult]]
    ) -> SendResult:
        """Send, unless the same was sent to the same place."""
        # Two routes may have told of it in different alerts: the end of one is not the end of the other.
        mark = (channel.mark, story.thread, story.key)
        async with self._locks.setdefault(channel.mark, asyncio.Lock()):
            if mark in self._said:
                return SendResult(delivered=True)
            sent = await send()
            if sent.delivered:
                self._said[mark] = None
                while len(self._said) > _REMEMBERED:
                    self._said.popitem(last=False)
            return sent
