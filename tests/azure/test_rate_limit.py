"""The rate limiter of one credential: no avoidable 429, listings first, writes last."""

import asyncio
import heapq
from dataclasses import dataclass, field
from itertools import count

import pytest
from azure.core.rest import HttpRequest

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.rate_limit import RESERVED_FOR_WATCH, Kind, RateLimiter
from nsg_baseline.azure.services import ArmServices
from nsg_baseline.azure.throttling import kind_of
from nsg_emulator.arm import Running
from nsg_emulator.arm.faults import busy, throttled
from tests.azure.test_azure_edge import NSG, SUBSCRIPTION, document, fill, listed, rule

WEST = {"x-ms-routing-request-id": "WESTEUROPE:20251020T100000Z:1"}


@dataclass(slots=True)
class Time:
    """A clock that advances only while all tasks sleep."""

    now: float = 0.0
    _order: "count[int]" = field(default_factory=count)
    _sleepers: list[tuple[float, int, asyncio.Event]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), woken))
        await woken.wait()

    async def run(self, *tasks: "asyncio.Task[None]") -> None:
        """Advance the clock until the tasks are done."""
        while True:
            for _ in range(20):
                await asyncio.sleep(0)
            if all(task.done() for task in tasks):
                return
            if self._sleepers:
                self.now, _, woken = heapq.heappop(self._sleepers)
                woken.set()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def rate_limiter(time: Time) -> RateLimiter:
    return RateLimiter(time, time.sleep)


async def _acquire_times(rate_limiter: RateLimiter, time: Time, kind: Kind, count: int) -> list[float]:
    """Acquire `count` requests at once; return the time of each."""
    through: list[float] = []

    async def send() -> None:
        await rate_limiter.acquire(kind)
        through.append(time.now)

    await time.run(*(asyncio.create_task(send()) for _ in range(count)))
    return through


async def test_a_burst_is_slowed_down_to_azures_rate(rate_limiter: RateLimiter, time: Time) -> None:
    # Without the limiter, ARM throttles 500 reads from the 251st on, and the listings with them.
    through = await _acquire_times(rate_limiter, time, "read", 500)
    assert through[199] == 0
    assert through[-1] == pytest.approx(300 / 25, abs=0.5)


async def test_a_burst_of_reads_does_not_delay_listings(rate_limiter: RateLimiter, time: Time) -> None:
    # An edit of 1,000 baselines must not delay detection.
    reads = [asyncio.create_task(rate_limiter.acquire("read")) for _ in range(1000)]
    listing = asyncio.create_task(rate_limiter.acquire("watch"))
    await time.run(listing)
    assert time.now == 0
    await time.run(*reads)
    assert time.now > 30


async def test_writes_wait_for_reads(rate_limiter: RateLimiter, time: Time) -> None:
    # A remediation can wait for seconds; detection cannot.
    order: list[str] = []

    async def send(kind: Kind) -> None:
        await rate_limiter.acquire(kind)
        order.append(kind)

    await _acquire_times(rate_limiter, time, "read", 250 - RESERVED_FOR_WATCH)
    reads = [asyncio.create_task(send("read")) for _ in range(10)]
    for _ in range(3):
        await asyncio.sleep(0)
    await time.run(asyncio.create_task(send("write")), *reads)
    assert order[-1] == "write"


async def test_a_lower_count_that_azure_reports_is_used(rate_limiter: RateLimiter, time: Time) -> None:
    # Other clients use the same credential.
    await rate_limiter.acquire("write")
    rate_limiter.record_response("write", 200, {**WEST, "x-ms-ratelimit-remaining-subscription-writes": "3"})
    assert rate_limiter.remaining()["westeurope", "write"] == 3
    through = await _acquire_times(rate_limiter, time, "write", 5)
    assert through[2] == 0
    assert through[-1] == pytest.approx(0.2, abs=0.1)


async def test_all_requests_wait_after_a_429(rate_limiter: RateLimiter, time: Time) -> None:
    # ARM extends the pause of clients that go on.
    rate_limiter.record_response("watch", 429, {**WEST, "Retry-After": "17"})
    assert await _acquire_times(rate_limiter, time, "read", 3) == [17, 17, 17]
    assert rate_limiter.waited_seconds >= 17


async def test_each_region_has_its_own_limits(rate_limiter: RateLimiter) -> None:
    rate_limiter.record_response("watch", 429, {**WEST, "Retry-After": "17"})
    rate_limiter.record_response("watch", 200, {"x-ms-routing-request-id": "NORTHEUROPE:20251020T100000Z:1"})
    await asyncio.wait_for(rate_limiter.acquire("watch"), 1)
    assert {region for region, _ in rate_limiter.remaining()} == {"westeurope", "northeurope"}


async def test_a_request_that_would_wait_too_long_fails(rate_limiter: RateLimiter) -> None:
    # A reconcile that sleeps for an hour reads like one that hangs.
    rate_limiter.record_response("watch", 429, {**WEST, "Retry-After": "3600"})
    with pytest.raises(AzureError) as caught:
        await rate_limiter.acquire("watch")
    assert caught.value.reason == "Throttled"
    assert caught.value.retry_after == pytest.approx(900)


def test_the_kind_of_a_request() -> None:
    listing = f"https://management.azure.com/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Network/"
    assert kind_of(HttpRequest("GET", f"{listing}networkSecurityGroups?$skipToken=x")) == "watch"
    assert kind_of(HttpRequest("GET", f"https://management.azure.com{NSG.format('web')}?a=b")) == "read"
    assert kind_of(HttpRequest("PUT", f"https://management.azure.com{NSG.format('web')}")) == "write"


async def test_a_429_of_the_gateway_pauses_the_whole_credential(azure: Running, arm: ArmServices) -> None:
    # A listing was throttled; a single read with the same credential must not send a request meanwhile.
    fill(azure, 1)
    azure.emulator.faults.add(throttled(retry_after=300))
    with pytest.raises(AzureError, match="Throttled"):
        await listed(arm)
    responses = azure.emulator.requests.total()
    with pytest.raises(AzureError, match="throttling requests"):
        await arm.reader.get(NSG.format("n0"))
    with pytest.raises(AzureError, match="throttling requests"):
        await arm.writer.put(NSG.format("n0"), document("n0"), "etag")
    assert azure.emulator.requests.total() == responses


async def test_a_busy_nsg_does_not_pause_other_requests(azure: Running, arm: ArmServices) -> None:
    azure.emulator.add_nsg(document("web", securityRules=[rule("a", 100)]))
    live = await arm.reader.get(NSG.format("web"))
    assert live is not None
    azure.emulator.faults.add(busy(retry_after=300))
    with pytest.raises(AzureError, match="AnotherOperationInProgress"):
        await arm.writer.put(NSG.format("web"), document("web"), live["etag"])
    assert await arm.reader.get(NSG.format("web")) == live
    assert arm.rate_limiter.responses["write", 429] == 1
