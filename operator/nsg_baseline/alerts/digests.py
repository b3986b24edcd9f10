"""Messages of many incidents: what they hold is stored before they are sent.

A message's key must be the same after a crash, though some of its incidents are recorded as told by then.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nsg_baseline.alerts.channels import Channel
from nsg_baseline.alerts.due import Due
from nsg_baseline.alerts.ports import Outbox
from nsg_baseline.alerts.story import digest_key
from nsg_baseline.api.route import Digest, NSGAlertRoute


@dataclass(slots=True)
class Digests:
    """One route's."""

    outbox: Outbox
    _under_way: dict[str, Digest] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def load(self, route: NSGAlertRoute) -> None:
        """Take up what was on its way when a route was stored."""
        self._under_way = {one.channel: one for one in route.status.digests}

    def resumed(self, channel: Channel, waiting: Sequence[Due]) -> list[Due]:
        """Return what of a message that was on its way to a channel is not recorded as told."""
        known = self._under_way.get(channel.mark)
        held = set(known.incidents) if known is not None else set()
        return [one for one in waiting if _text(one) in held]

    async def key(self, route: NSGAlertRoute, channel: Channel, batch: Sequence[Due]) -> str:
        """Return the key of a message, stored by now."""
        known, texts = self._under_way.get(channel.mark), tuple(map(_text, batch))
        if known is not None and set(known.incidents).issuperset(texts):
            return known.key
        key = digest_key(batch)
        async with self._one_at_a_time:
            self._under_way[channel.mark] = Digest(channel=channel.mark, key=key, incidents=texts)
            await self.outbox.report(route, route.status.model_copy(update={"digests": self.under_way}))
        return key

    def recorded(self, waiting: Iterable[Due]) -> None:
        """Forget messages of which nothing waits any more."""
        wait = set(map(_text, waiting))
        self._under_way = {mark: one for mark, one in self._under_way.items() if wait & set(one.incidents)}

    @property
    def under_way(self) -> tuple[Digest, ...]:
        """What is to be stored of them."""
        return tuple(self._under_way[mark] for mark in sorted(self._under_way))


def _text(due: Due) -> str:
    namespace, name, revision, reminder = due.mark
    return f"{namespace}/{name} {revision}" + (f" reminder {reminder}" if reminder else "")
