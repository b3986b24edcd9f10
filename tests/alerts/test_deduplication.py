"""Two routes to one channel: a message is sent once, and a failed one again."""

from typing import Any

import pytest

from nsg_baseline.alerts import deduplication
from nsg_baseline.alerts.channels import SendResult
from nsg_baseline.alerts.deduplication import MAX_KEYS, DeliveredKeys
from nsg_baseline.alerts.pending import PendingDelivery
from tests.support.alerts import incident


class Value:
    """A channel or a message, as far as it is read."""

    def __init__(self, **fields: str) -> None:
        self.__dict__.update(fields)


class Sender:
    """Counts what is sent."""

    def __init__(self, *, delivered: bool = True) -> None:
        self.count = 0
        self.result = SendResult(delivered=delivered)

    async def __call__(self) -> SendResult:
        self.count += 1
        return self.result


CHANNEL: Any = Value(id="a")
MESSAGE: Any = Value(thread="t", key="k")


async def test_a_delivered_message_is_not_sent_again() -> None:
    # To another channel, in another thread or under another key it is another message.
    keys, send = DeliveredKeys(), Sender()
    results = [await keys.once(CHANNEL, MESSAGE, send) for _ in range(3)]
    assert results == [SendResult(delivered=True)] * 3
    assert send.count == 1
    others: tuple[tuple[Any, Any], ...] = (
        (Value(id="b"), MESSAGE),
        (CHANNEL, Value(thread="u", key="k")),
        (CHANNEL, Value(thread="t", key="l")),
    )
    for channel, message in others:
        await keys.once(channel, message, send)
    assert send.count == 4


async def test_a_message_that_failed_is_sent_again() -> None:
    # It reached nobody.
    keys, send = DeliveredKeys(), Sender(delivered=False)
    assert await keys.once(CHANNEL, MESSAGE, send) is send.result
    assert await keys.once(CHANNEL, MESSAGE, send) is send.result
    assert send.count == 2


async def test_the_oldest_keys_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    # The memory of a process that runs for months is bounded.
    assert MAX_KEYS == 20_000
    monkeypatch.setattr(deduplication, "MAX_KEYS", 2)
    keys, send = DeliveredKeys(), Sender()
    counts = []
    for key in ("1", "2", "3", "3", "2", "1"):
        message: Any = Value(thread="t", key=key)
        await keys.once(CHANNEL, message, send)
        counts.append(send.count)
    assert counts == [1, 2, 3, 3, 3, 4]


def test_a_channel_lacks_what_no_route_sent() -> None:
    # Two routes to one channel: what the first one sent, alone or in a digest, the second one must leave out.
    keys = DeliveredKeys()
    first, second = PendingDelivery(incident(revision=1), "Opened"), PendingDelivery(incident(revision=2), "Updated")
    keys.add("a", [first])
    assert keys.lacking("a", [first, second]) == [second]
    assert keys.lacking("b", [first, second]) == [first, second]
