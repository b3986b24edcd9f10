"""Leader election with a fake clock: one leader at a time, and it stops before another replica can take over."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from typing_extensions import override

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.engine.leader_election import RENEW_SECONDS, FencedWriter, LeaderElection, LostLeaseError
from nsg_baseline.kube.lease import Lease
from tests.support.leases import LeaseServer

pytestmark = pytest.mark.timeout(120)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class SlowServer(LeaseServer):
    """Needs `seconds` of a clock for each write, or never answers."""

    def __init__(self, clock: Clock, seconds: float = 0.0) -> None:
        super().__init__()
        self.clock = clock
        self.seconds = seconds
        self.hangs = False

    @override
    async def save_lease(self, namespace: str, document: dict[str, Any]) -> None:
        await super().save_lease(namespace, document)
        self.clock.now += self.seconds
        if self.hangs:
            await asyncio.Event().wait()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> LeaseServer:
    return LeaseServer()


def election(server: LeaseServer, identity: str, clock: Clock, renew_seconds: float = RENEW_SECONDS) -> LeaderElection:
    lease = Lease(server, "system", "nsgb", identity, 15, clock)
    return LeaderElection(lease, clock, retry_seconds=0.01, renew_seconds=renew_seconds)


@contextlib.asynccontextmanager
async def running(replica: LeaderElection, log: list[str]) -> AsyncIterator["asyncio.Task[None]"]:
    """Run a replica whose work logs its start and its end."""

    async def work() -> None:
        log.append(f"{replica.lease.identity} starts")
        try:
            await asyncio.Event().wait()
        finally:
            log.append(f"{replica.lease.identity} stops")

    task = asyncio.create_task(replica.lead(work))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the work of another task, without an event to wait for
            await asyncio.sleep(0.01)


async def ended(task: "asyncio.Task[None]") -> None:
    """Wait for a replica's end. A replica that never loses its Lease fails the test and does not hang it."""
    async with asyncio.timeout(60):
        await task


async def test_the_next_replica_starts_when_the_leader_stops(server: LeaseServer, clock: Clock) -> None:
    # A rollout: the old replica releases the Lease, and the new one does not wait for it to expire.
    log: list[str] = []
    async with running(election(server, "a", clock), log) as first:
        await until(lambda: log == ["a starts"])
        async with running(election(server, "b", clock), log):
            await asyncio.sleep(0.1)
            assert log == ["a starts"]
            first.cancel()
            await until(lambda: len(log) == 3)
    assert log[:3] == ["a starts", "a stops", "b starts"]


async def test_a_dead_leader_is_replaced_when_its_lease_expires(server: LeaseServer, clock: Clock) -> None:
    log: list[str] = []
    assert await election(server, "dead", clock).lease.acquire()
    async with running(election(server, "b", clock), log):
        await asyncio.sleep(0.05)
        clock.now = 14.9
        await asyncio.sleep(0.05)
        assert log == []
        clock.now = 15.1
        await until(lambda: log == ["b starts"])


async def test_a_leader_that_cannot_renew_stops_before_another_can_start(server: LeaseServer, clock: Clock) -> None:
    # The API server is unreachable for one replica only. Two leaders would notify and write everything twice.
    log: list[str] = []
    replica = election(server, "a", clock)
    async with running(replica, log) as task:
        await until(lambda: log == ["a starts"])
        server.away = True
        clock.now = 9.9
        await asyncio.sleep(0.05)
        assert replica.is_leader()
        clock.now = 10.0
        assert not replica.is_leader()
        with pytest.raises(LostLeaseError):
            await ended(task)
    assert log == ["a starts", "a stops"]
    assert not replica.is_leader()
    server.away = False
    assert not await election(server, "b", clock).lease.acquire()


async def test_renewals_keep_the_leader(server: LeaseServer, clock: Clock) -> None:
    # Without them every leader would restart after ten seconds.
    log: list[str] = []
    replica = election(server, "a", clock)
    async with running(replica, log):
        await until(lambda: log == ["a starts"])
        for _ in range(5):
            clock.now += 9
            await asyncio.sleep(0.05)
            assert replica.is_leader()
    assert log == ["a starts", "a stops"]


async def test_a_lease_counts_from_before_the_request(clock: Clock) -> None:
    # A slow write: another replica may observe the Lease at its start, and take over 15 s after it. A leader that
    # counts from the response would overlap with it.
    server = SlowServer(clock, seconds=8)
    replica = election(server, "a", clock)
    async with running(replica, []):
        await until(lambda: clock.now >= 8)
        server.seconds, server.away = 0.0, True
        clock.now = 9.9
        assert replica.is_leader()
        clock.now = 10.0
        assert not replica.is_leader()


async def test_a_renewal_without_an_answer_does_not_delay_the_end(clock: Clock) -> None:
    # A connection that hangs must not keep the leader working after its Lease.
    server, log = SlowServer(clock), list[str]()
    replica = election(server, "a", clock, renew_seconds=0.2)
    async with running(replica, log) as task:
        await until(lambda: log == ["a starts"])
        server.hangs = True
        clock.now = 0.2
        with pytest.raises(LostLeaseError):
            await ended(task)
    assert log == ["a starts", "a stops"]


async def test_a_lease_taken_by_another_is_not_counted_as_renewed(server: LeaseServer, clock: Clock) -> None:
    # Somebody edited the Lease: the leader stops at its deadline although the API server answers.
    log: list[str] = []
    replica = election(server, "a", clock)
    async with running(replica, log) as task:
        await until(lambda: log == ["a starts"])
        assert server.document is not None
        server.document["spec"] |= {"holderIdentity": "b"}
        server.document["metadata"]["resourceVersion"] = "99"
        await asyncio.sleep(0.05)
        clock.now = 10.0
        with pytest.raises(LostLeaseError):
            await ended(task)
    assert server.document["spec"]["holderIdentity"] == "b"


async def test_work_that_ends_releases_the_lease(server: LeaseServer, clock: Clock) -> None:
    async def work() -> None:
        return

    replica = election(server, "a", clock)
    async with asyncio.timeout(60):
        await replica.lead(work)
    assert not replica.is_leader()
    assert server.document is not None
    assert server.document["spec"]["holderIdentity"] == ""


async def test_an_error_of_the_work_is_raised_and_releases_the_lease(server: LeaseServer, clock: Clock) -> None:
    # The process must exit with the error, and the next replica must not wait.
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        async with asyncio.timeout(60):
            await election(server, "a", clock).lead(work)
    assert server.document is not None
    assert server.document["spec"]["holderIdentity"] == ""


async def test_a_failed_release_hides_nothing(server: LeaseServer, clock: Clock) -> None:
    async def work() -> None:
        server.away = True
        raise ValueError("broken")

    replica = election(server, "a", clock)
    with pytest.raises(ValueError, match="broken"):
        async with asyncio.timeout(60):
            await replica.lead(work)
    assert not replica.is_leader()


async def test_nothing_is_written_when_another_replica_may_lead() -> None:
    # Between two renewals a process may be suspended, and continue after its Lease has expired.
    class Writer:
        async def put(self, nsg_id: str, document: Mapping[str, Any], etag: str) -> dict[str, Any]:
            return {"id": nsg_id, "document": document, "etag": etag}

    leads = True
    fenced = FencedWriter(Writer(), lambda: leads)
    assert await fenced.put("x", {"a": 1}, "e") == {"id": "x", "document": {"a": 1}, "etag": "e"}
    leads = False
    with pytest.raises(AzureError, match="NotLeading"):
        await fenced.put("x", {}, "e")
