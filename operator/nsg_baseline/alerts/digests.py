"""Messages on their way: what they tell is stored before they are sent.

A message's key must be the same after a crash, though some of its incidents are recorded as told by then.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from nsg_baseline.alerts.channels import Channel
from nsg_baseline.alerts.due import Due, route_name
from nsg_baseline.alerts.ports import Outbox, OutboxError
from nsg_baseline.alerts.story import digest_key
from nsg_baseline.api.route import Digest, NSGAlertRoute

log = structlog.get_logger(__name__)
ONE_BY_ONE = "one by one"
"""In the place of a key: incidents that are told by themselves, and must not come back within a message of many."""


@dataclass(slots=True)
class Digests:
    """One route's."""

    outbox: Outbox
    _under_way: dict[tuple[str, str], Digest] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def load(self, route: NSGAlertRoute) -> None:
        """Take up what was on its way when a route was stored."""
        self._under_way = {(one.channel, one.key): one for one in route.status.digests}

    def resumed(self, channel: Channel, waiting: Sequence[Due]) -> list[list[Due]]:
        """Return the messages that were on their way to a channel, each with what is not recorded as told."""
        found: list[list[Due]] = []
        for (mark, key), known in sorted(self._under_way.items()):
            held = [one for one in waiting if mark == channel.mark and _text(one) in known.incidents]
            found += [[one] for one in held] if key == ONE_BY_ONE else [held] if held else []
        return found

    async def key(self, route: NSGAlertRoute, channel: Channel, batch: Sequence[Due]) -> str | None:
        """Return the key of a message of many, None for a message of one; what it tells is stored by now."""
        texts = tuple(map(_text, batch))
        for (mark, key), known in self._under_way.items():
            if mark == channel.mark and set(known.incidents).issuperset(texts):
                return None if key == ONE_BY_ONE else key
        key = digest_key(batch) if len(batch) > 1 else ONE_BY_ONE
        async with self._one_at_a_time:
            before = self._under_way.get((channel.mark, key))
            told = (*(before.incidents if before is not None else ()), *texts)
            self._under_way[channel.mark, key] = Digest(channel=channel.mark, key=key, incidents=told)
            try:
                await self.outbox.report(route, route.status.model_copy(update={"digests": self.under_way}))
            except OutboxError as error:
                # An alert is not held up because Kubernetes is away; at worst it comes again under another key.
                log.warning("outbox away", route=route_name(route), error=str(error))
        return None if key == ONE_BY_ONE else key

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
