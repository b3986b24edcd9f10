"""How many messages a channel receives: exact limits, each a number that the documentation of routes names."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from nsg_baseline.alerts.grouping import (
    CRITICAL_DIGEST_FROM,
    DIGEST_FROM,
    DIGEST_INTERVAL,
    HOUR,
    MAX_DIGEST,
    Batch,
    HourlyUse,
    group,
    hourly_use,
)
from nsg_baseline.alerts.pending import PendingDelivery
from nsg_baseline.api.incident import Delivery, NSGIncident
from tests.support.alerts import OPERATOR, START, incident, route

MINUTE = timedelta(minutes=1)


class Channel:
    """What grouping reads of a channel."""

    id = "abc"
    is_threaded = False


class ThreadedChannel(Channel):
    """A channel with alerts or tickets."""

    is_threaded = True


def deliveries(count: int, severity: str = "low", event: Any = "Opened") -> list[PendingDelivery]:
    """Return notifications about so many incidents."""
    shared = incident("web-1", severity=severity)
    return [PendingDelivery(shared, event) for _ in range(count)]


def sizes(pending: list[PendingDelivery], use: HourlyUse, limit: int, now: datetime = START) -> list[int]:
    """Return how many notifications are in each message."""
    return [len(batch.deliveries) for batch in group(pending, use, limit, now)]


def used(*minutes_ago: int) -> HourlyUse:
    """Return the use of a channel that received messages at these times."""
    return HourlyUse(tuple(START - minutes * MINUTE for minutes in minutes_ago))


def test_the_limits_are_those_of_the_documentation() -> None:
    # Routes have no setting for them, so the documentation is the only promise.
    assert (MAX_DIGEST, DIGEST_FROM, CRITICAL_DIGEST_FROM) == (5000, 4, 100)
    assert (timedelta(hours=1), timedelta(minutes=10)) == (HOUR, DIGEST_INTERVAL)
    assert Batch(()).thread == ""
    assert HourlyUse().times == ()


@pytest.mark.parametrize(
    ("count", "use", "limit", "expected"),
    [
        (0, HourlyUse(), 30, []),
        (0, used(1, 2), 2, []),
        (3, HourlyUse(), 30, [1, 1, 1]),
        (4, HourlyUse(), 30, [4]),
        (3, used(20, 10, 5), 6, [1, 1, 1]),
        (3, used(20, 10, 5), 5, [3]),  # one digest instead of a message too many
        (3, used(60, 59, 5), 5, [1, 1, 1]),  # an hour ago is over
        (1, used(20, 10, 5), 3, []),  # the next digest waits for ten minutes after the last message
        (1, used(30, 20, 10), 3, [1]),
        (1, used(30, 20, 9), 3, []),
        (4, used(20, 10, 5), 3, []),
        (5001, HourlyUse(), 30, [5000]),
    ],
)
def test_messages_of_a_channel(count: int, use: HourlyUse, limit: int, expected: list[int]) -> None:
    # Off by one, the limit of an hour is another number than the one that the route says.
    assert sizes(deliveries(count), use, limit) == expected


@pytest.mark.parametrize(("count", "expected"), [(10, [1] * 10), (99, [1] * 99), (100, [100]), (5001, [5000])])
def test_critical_messages_ignore_the_limit(count: int, expected: list[int]) -> None:
    # A full hour must not delay an opening of a database.
    assert sizes(deliveries(count, "critical"), used(*range(30)), 30) == expected


def test_the_end_of_a_critical_incident_is_not_critical() -> None:
    # Good news may wait.
    assert sizes(deliveries(4, "critical", "Resolved"), HourlyUse(), 30) == [4]
    assert sizes(deliveries(1, "critical", "Resolved"), used(1, 2, 3), 3) == []


def test_the_next_digest() -> None:
    # Below the limit none is scheduled.
    assert used(30, 7).next_digest(3, START) is None
    assert used(30, 7).next_digest(2, START) == START + 3 * MINUTE


def _delivered(
    name: str, at: int, first_at: int | None = None, *, to: str = "chat", lacks: dict[str, int] | None = None
) -> NSGIncident:
    entry = Delivery(
        route=f"{OPERATOR}/{to}",
        revision=1,
        at=START - at * MINUTE,
        first_at=START - first_at * MINUTE if first_at is not None else None,
        pending_channels=lacks,
    )
    stored = incident(name)
    return stored.model_copy(update={"status": stored.status.model_copy(update={"deliveries": (entry,)})})


INCIDENTS = (
    _delivered("a", 5, 50),
    _delivered("b", 10),
    _delivered("c", 60),
    _delivered("d", 1, 70),
    _delivered("e", 2, to="other"),
    _delivered("f", 3, lacks={"abc": 1}),
    _delivered("g", 4, lacks={"xyz": 1}),
)


@pytest.mark.parametrize(
    ("channel", "own_minutes", "expected"),
    [
        (Channel, (), (10, 5, 4, 1)),
        (ThreadedChannel, (), (50, 10, 4)),  # only what opened an alert or ticket counts
        (Channel, (1, 2), (10, 5, 4, 1)),
        (Channel, (6, 1, 2, 3, 60), (6, 3, 2, 1)),
        (Channel, (7, 1, 2, 3, 59), (59, 7, 3, 2, 1)),
        (Channel, (8, 1, 2, 3), (8, 3, 2, 1)),
    ],
)
def test_the_hourly_use_combines_the_store_and_the_process(
    channel: type[Channel], own_minutes: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    # Two messages within a second are one time in the store; after a restart the process has none.
    sent_at = [START - minutes * MINUTE for minutes in own_minutes]
    use = hourly_use(route(), channel(), INCIDENTS, sent_at, START)  # type: ignore[arg-type]  # all that it reads
    assert use == used(*expected)
