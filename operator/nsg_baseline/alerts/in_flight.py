"""Messages on their way: each is stored before it is sent, and whether it got through with the next.

So a message that is repeated after a crash has the key that it had, though some of its incidents are recorded as told
by then; and of several that were sent one after the other only the last is repeated.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from nsg_baseline.alerts.channels import Channel
from nsg_baseline.alerts.grouping import Batch
from nsg_baseline.alerts.message import digest_key, single_key
from nsg_baseline.alerts.pending import Mark, PendingDelivery, delivery, route_name
from nsg_baseline.alerts.ports import Outbox, OutboxError
from nsg_baseline.api.route import Message, NSGAlertRoute

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class InFlight:
    """One route's messages, by channel and key."""

    outbox: Outbox
    _messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def load(self, route: NSGAlertRoute) -> None:
        """Take up what was on its way when a route was stored."""
        self._messages = {(one.channel, one.key): one for one in route.status.in_flight}

    def got(self, channel: Channel, waiting: Iterable[PendingDelivery]) -> dict[Mark, str]:
        """Return what a channel has, though that is not recorded yet, and the thread where it has it."""
        told = {text: one.thread for one in self._of(channel) if one.sent for text in one.incidents}
        return {one.mark: told[single_key(one)] for one in waiting if single_key(one) in told}

    def resumed(self, channel: Channel, waiting: Sequence[PendingDelivery]) -> list[Batch]:
        """Return the messages to a channel of which it is not known whether they got through."""
        messages = (set(one.incidents) for one in self._of(channel) if not one.sent)
        batches = (Batch(tuple(one for one in waiting if single_key(one) in texts)) for texts in messages)
        return [batch for batch in batches if batch.dues]

    async def begin(self, route: NSGAlertRoute, channel: Channel, batch: Batch) -> Message:
        """Store a message that is about to be sent, and return it as it was stored first."""
        texts = tuple(map(single_key, batch.dues))
        known = next((one for one in self._of(channel) if set(texts) <= set(one.incidents)), None)
        if known is None:
            known = _message(channel, batch, texts)
            self._messages[channel.mark, known.key] = known
            await self._store(route)
        return known

    def sent(self, message: Message) -> None:
        """Note that a message got through; it is stored with the next."""
        self._messages[message.channel, message.key] = message.model_copy(update={"sent": True})

    def begun(self, channel: Channel) -> dict[str, str]:
        """Return by incident the shared threads of messages that are not recorded, whatever became of the incidents."""
        found = (one for one in self._of(channel) if one.thread)
        return {_incident(text): one.thread for one in found for text in one.incidents}

    def recorded(self, route: NSGAlertRoute, waiting: Mapping[str, Iterable[PendingDelivery]]) -> None:
        """Forget messages of which nothing waits any more, by channel.

        One that opened a shared thread is kept until its incidents are recorded there: what they come to must go there.
        """
        texts = {mark: set(map(single_key, dues)) for mark, dues in waiting.items()}
        known = {"/".join(one.key): delivery(route, one) for one in self.outbox.incidents()}

        def is_unrecorded(message: Message) -> bool:
            if not message.thread:
                return False
            names = [name for name in map(_incident, message.incidents) if name in known]
            told = [known[name] for name in names]
            return any(one is None or message.channel in (one.pending_channels or {}) for one in told)

        self._messages = {
            mark: one
            for mark, one in self._messages.items()
            if texts.get(one.channel, set()) & set(one.incidents) or is_unrecorded(one)
        }

    @property
    def messages(self) -> tuple[Message, ...]:
        """What is to be stored of them."""
        return tuple(self._messages[mark] for mark in sorted(self._messages))

    def _of(self, channel: Channel) -> list[Message]:
        return [one for one in self.messages if one.channel == channel.mark]

    async def _store(self, route: NSGAlertRoute) -> None:
        async with self._one_at_a_time:
            try:
                await self.outbox.report(route, route.status.model_copy(update={"in_flight": self.messages}))
            except OutboxError as error:
                # An alert is not held up because Kubernetes is away; at worst it comes again under another key.
                log.warning("outbox away", route=route_name(route), error=str(error))


def _incident(text: str) -> str:
    """Return namespace and name of an incident, of the key of a message that tells it alone."""
    return text.removeprefix("incident ").partition(" revision ")[0]


def _message(channel: Channel, batch: Batch, texts: tuple[str, ...]) -> Message:
    many = len(texts) > 1
    key = digest_key(batch.dues) if many else texts[0]
    # What is told at once for the first time shares a thread from then on.
    thread = batch.thread or (key if many and channel.is_threaded else "")
    return Message(channel=channel.mark, key=key, incidents=texts, thread=thread)
