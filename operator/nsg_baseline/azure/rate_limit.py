"""How much one credential may still ask of ARM, so that nobody is refused who need not be.

ARM counts reads and writes apart, per credential, subscription and region, in buckets that fill up again
(learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling). One that is told to wait
waits as a whole: who goes on asking is told to wait for longer.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from nsg_baseline.azure.errors import AzureError

Kind = Literal["watch", "read", "write"]
"""A page of a listing, any other reading, or a write. The first goes first, and the last goes last."""
MAX_WAIT_SECONDS = 60.0
"""Who would have to wait for longer is told so instead: the next pass comes anyway."""
RESERVED_FOR_WATCH = 50
"""So many readings are left to listings: a burst of single looks must not blind the watch."""
_THROTTLED = 429
# What rounding leaves: a pause so short would not move the clock.
_NOTHING = 1e-6
_UNKNOWN = "unknown"


@dataclass(slots=True)
class Bucket:
    """Tokens that come back with time. `capacity` at most, `refill` a second."""

    capacity: float
    refill: float
    clock: Callable[[], float]
    tokens: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin with a full one."""
        self.tokens, self._at = self.capacity, self.clock()

    def left(self) -> float:
        """Return how many tokens there are now."""
        now = self.clock()
        self.tokens = min(self.capacity, self.tokens + (now - self._at) * self.refill)
        self._at = now
        return self.tokens

    def seconds_until(self, tokens: float) -> float:
        """Return how long it takes until there are so many."""
        missing = tokens - self.left()
        return missing / self.refill if missing > _NOTHING else 0.0

    def spend(self) -> None:
        """Take one."""
        self.tokens = self.left() - 1

    def correct(self, left: float) -> None:
        """Believe ARM where it knows of less: others ask with the same credential."""
        self.tokens = min(self.left(), left)


@dataclass(slots=True)
class Region:
    """The buckets of one of ARM's regions."""

    reads: Bucket
    writes: Bucket
    closed_until: float = float("-inf")


class RateLimiter:
    """One credential's. `sleep` and `clock` (seconds) are the test's to replace."""

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
        self._turns: dict[Kind, asyncio.Lock] = {kind: asyncio.Lock() for kind in get_args(Kind)}
        self._all_read = asyncio.Event()
        self._all_read.set()
        self.responses: Counter[tuple[Kind, int]] = Counter()
        self.waited_seconds = 0.0

    async def acquire(self, kind: Kind) -> None:
        """Wait until a request of a kind may be sent, and count it.

        Raises:
            AzureError: `Throttled`, when that would take too long.
        """
        self._count(kind, 1)
        try:
            # One of a kind looks at the bucket, the others queue behind it.
            async with self._turns[kind]:
                await self._wait(kind)
                self._bucket(kind).spend()
        finally:
            self._count(kind, -1)

    def record_response(self, kind: Kind, status: int, headers: Mapping[str, str]) -> None:
        """Take note of an answer."""
        self.responses[kind, status] += 1
        self._region = _region(headers) or self._region
        left = _remaining(headers, "writes" if kind == "write" else "reads")
        if left is not None:
            self._bucket(kind).correct(left)
        # A write is also refused for another one on the same NSG, by the provider, which concerns no other request.
        if status == _THROTTLED and (kind != "write" or headers.get("x-ms-failure-cause") == "gateway"):
            until = self._clock() + _seconds(headers.get("Retry-After"))
            self._here.closed_until = max(self._here.closed_until, until)

    def remaining(self) -> dict[tuple[str, str], float]:
        """Return how many reads and writes are left in each region that was met."""
        return {
            (region, name): bucket.left()
            for region, one in self._regions.items()
            for name, bucket in (("read", one.reads), ("write", one.writes))
        }

    def _count(self, kind: Kind, more: int) -> None:
        self._waiting[kind] += more
        if self._waiting["watch"] or self._waiting["read"]:
            self._all_read.clear()
        else:
            self._all_read.set()

    async def _wait(self, kind: Kind) -> None:
        while True:
            if kind == "write":
                await self._all_read.wait()
            pause = self._pause(kind)
            if not pause:
                return
            if pause > MAX_WAIT_SECONDS:
                raise AzureError("Throttled", f"Azure wants to be left alone for {pause:.0f} s", "Later", pause)
            self.waited_seconds += pause
            await self._sleep(pause)

    def _pause(self, kind: Kind) -> float:
        closed = self._here.closed_until - self._clock()
        if closed > 0:
            return closed
        return self._bucket(kind).seconds_until(1 + RESERVED_FOR_WATCH if kind == "read" else 1)

    def _bucket(self, kind: Kind) -> Bucket:
        return self._here.writes if kind == "write" else self._here.reads

    @property
    def _here(self) -> Region:
        if self._region not in self._regions:
            # As documented: 250 reads that come back at 25 a second, 200 writes at 10.
            self._regions[self._region] = Region(Bucket(250, 25, self._clock), Bucket(200, 10, self._clock))
            self._regions.pop(_UNKNOWN, None) if self._region != _UNKNOWN else None
        return self._regions[self._region]


def _region(headers: Mapping[str, str]) -> str | None:
    """Return the region that answered: `WESTEUROPE:20251020T100000Z:...` says so."""
    return headers.get("x-ms-routing-request-id", "").partition(":")[0].lower() or None


def _remaining(headers: Mapping[str, str], what: str) -> float | None:
    """Return the least of what ARM says is left; it tells of the subscription, at times of the tenant, or both."""
    found = [
        _seconds(text)
        for name in ("subscription", "subscription-global", "tenant")
        if (text := headers.get(f"x-ms-ratelimit-remaining-{name}-{what}")) is not None
    ]
    return min(found, default=None)


def _seconds(text: str | None) -> float:
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        return 0.0
