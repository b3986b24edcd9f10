"""A rate limiter for the requests of one credential, so that ARM throttles none of them.

ARM counts reads and writes separately, per credential, subscription and region, in token buckets
(learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling). After a 429 all requests of
the credential wait, because ARM extends the pause of clients that go on.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from nsg_baseline.azure.errors import MAX_RETRY_AFTER_SECONDS, AzureError, parse_number

Kind = Literal["watch", "read", "write"]
"""A page of a listing, any other read, or a write, in the order of their priority."""
MAX_WAIT_SECONDS = 60.0
"""A request that would wait longer fails instead; the next reconcile repeats it."""
RESERVED_FOR_WATCH = 50
"""Read tokens reserved for listings, so that many single reads do not delay detection."""
_THROTTLED = 429
# Rounding leaves pauses that are too short to advance the clock.
_EPSILON = 1e-6
_UNKNOWN = "unknown"


@dataclass(slots=True)
class Bucket:
    """A token bucket: at most `capacity` tokens, `refill` tokens a second."""

    capacity: float
    refill: float
    clock: Callable[[], float]
    tokens: float = field(init=False)
    _updated: float = field(init=False)

    def __post_init__(self) -> None:
        """Start full."""
        self.tokens, self._updated = self.capacity, self.clock()

    def remaining(self) -> float:
        """Return the current number of tokens."""
        now = self.clock()
        self.tokens = min(self.capacity, self.tokens + (now - self._updated) * self.refill)
        self._updated = now
        return self.tokens

    def seconds_until(self, tokens: float) -> float:
        """Return the seconds until the bucket has this many tokens."""
        missing = tokens - self.remaining()
        return missing / self.refill if missing > _EPSILON else 0.0

    def spend(self) -> None:
        """Take one token."""
        self.tokens = self.remaining() - 1

    def correct(self, reported: float) -> None:
        """Lower the number of tokens to what ARM reports: other clients use the same credential."""
        self.tokens = min(self.remaining(), reported)


@dataclass(slots=True)
class Region:
    """The buckets of one ARM region. Requests wait until `closed_until`, in the clock's seconds."""

    reads: Bucket
    writes: Bucket
    closed_until: float = float("-inf")


class RateLimiter:
    """The rate limiter of one credential.

    Attributes:
        responses: how many responses there were, by kind and HTTP status.
        waited_seconds: how long requests waited in total.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._regions: dict[str, Region] = {}
        self._region = _UNKNOWN
        self._waiting: Counter[Kind] = Counter()
        self._queues: dict[Kind, asyncio.Lock] = {kind: asyncio.Lock() for kind in get_args(Kind)}
        self._no_reads_waiting = asyncio.Event()
        self._no_reads_waiting.set()
        self.responses: Counter[tuple[Kind, int]] = Counter()
        self.waited_seconds = 0.0

    async def acquire(self, kind: Kind) -> None:
        """Wait until a request of this kind may be sent, and count it.

        Raises:
            AzureError: `Throttled` if the wait would exceed `MAX_WAIT_SECONDS`.
        """
        self._count_waiting(kind, 1)
        try:
            # Requests of one kind are admitted in order.
            async with self._queues[kind]:
                await self._wait(kind)
                self._bucket(kind).spend()
        finally:
            self._count_waiting(kind, -1)

    def record_response(self, kind: Kind, status: int, headers: Mapping[str, str]) -> None:
        """Update the limiter from a response."""
        self.responses[kind, status] += 1
        self._region = _region_name(headers) or self._region
        reported = _remaining(headers, "writes" if kind == "write" else "reads")
        if reported is not None:
            self._bucket(kind).correct(reported)
        # The network provider also throttles a write because of another write to the same NSG. That does not concern
        # other requests.
        if status == _THROTTLED and (kind != "write" or headers.get("x-ms-failure-cause") == "gateway"):
            pause = min(parse_number(headers.get("Retry-After")), MAX_RETRY_AFTER_SECONDS)
            region = self._current_region()
            region.closed_until = max(region.closed_until, self._clock() + pause)

    def remaining(self) -> dict[tuple[str, str], float]:
        """Return the remaining tokens by region and `read` or `write`."""
        return {
            (name, kind): bucket.remaining()
            for name, region in self._regions.items()
            for kind, bucket in (("read", region.reads), ("write", region.writes))
        }

    def _count_waiting(self, kind: Kind, change: int) -> None:
        self._waiting[kind] += change
        if self._waiting["watch"] or self._waiting["read"]:
            self._no_reads_waiting.clear()
        else:
            self._no_reads_waiting.set()

    async def _wait(self, kind: Kind) -> None:
        while True:
            if kind == "write":
                await self._no_reads_waiting.wait()
            pause = self._pause(kind)
            if not pause:
                return
            if pause > MAX_WAIT_SECONDS:
                raise AzureError("Throttled", f"Azure is throttling requests; retry after {pause:.0f} s", pause)
            self.waited_seconds += pause
            await self._sleep(pause)

    def _pause(self, kind: Kind) -> float:
        closed = self._current_region().closed_until - self._clock()
        if closed > 0:
            return closed
        return self._bucket(kind).seconds_until(1 + RESERVED_FOR_WATCH if kind == "read" else 1)

    def _bucket(self, kind: Kind) -> Bucket:
        region = self._current_region()
        return region.writes if kind == "write" else region.reads

    def _current_region(self) -> Region:
        if self._region not in self._regions:
            # As documented: 250 reads, refilled at 25 a second, and 200 writes, refilled at 10 a second.
            self._regions[self._region] = Region(Bucket(250, 25, self._clock), Bucket(200, 10, self._clock))
            if self._region != _UNKNOWN:
                self._regions.pop(_UNKNOWN, None)
        return self._regions[self._region]


def _region_name(headers: Mapping[str, str]) -> str | None:
    """Return the region that answered, from `x-ms-routing-request-id: WESTEUROPE:20251020T100000Z:...`."""
    return headers.get("x-ms-routing-request-id", "").partition(":")[0].lower() or None


def _remaining(headers: Mapping[str, str], bucket: str) -> float | None:
    """Return the smallest remaining count that ARM reports: for the subscription, the tenant, or both."""
    counts = [
        parse_number(text)
        for name in ("subscription", "subscription-global", "tenant")
        if (text := headers.get(f"x-ms-ratelimit-remaining-{name}-{bucket}")) is not None
    ]
    return min(counts, default=None)
