"""Leader election with a fake clock: one leader at a time, and no write before it is known to lead."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from typing_extensions import override

from nsg_baseline.engine.leader_election import RENEW_SECONDS, LeaderElection, LostLeaseError
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


async def test_a_leader_that_cannot_renew_works_on_and_may_not_write(server: LeaseServer, clock: Clock) -> None:
    # An outage of the API server must not end the watch of Azure. Writing ends before another replica can start.
    log: list[str] = []
    replica = election(server, "a", clock)
    async with running(replica, log) as task:
        await until(lambda: log == ["a starts"])
        server.away = True
        clock.now = 9.9
        assert replica.is_leader()
        clock.now = 10.0
        assert not replica.is_leader()
        clock.now = 400.0
        assert not await replica.may_save()
        assert not task.done()
        server.away = False
        await until(replica.is_leader)
    assert log == ["a starts", "a stops"]


async def test_a_leader_ends_when_another_replica_has_led(server: LeaseServer, clock: Clock) -> None:
    # Only then: the API server was unreachable for one replica, and the other has taken over.
    log: list[str] = []
    replica = election(server, "a", clock)
    async with running(replica, log) as task:
        await until(lambda: log == ["a starts"])
        assert server.document is not None
        server.document["spec"] |= {"holderIdentity": "b"}
        server.document["metadata"]["resourceVersion"] = "99"
        with pytest.raises(LostLeaseError):
            await ended(task)
    assert log == ["a starts", "a stops"]
    assert not replica.is_leader()
    assert server.document["spec"]["holderIdentity"] == "b"


async def test_after_an_outage_the_old_leader_continues(server: LeaseServer, clock: Clock) -> None:
    # What it did meanwhile is only in its memory. The stand-by must not be faster.
    log: list[str] = []
    first = election(server, "a", clock)
    async with running(first, log):
        await until(lambda: log == ["a starts"])
        async with running(election(server, "b", clock), log):
            server.away = True
            await until(lambda: server.refusals > 3)
            clock.now += 300
            server.away = False
            await until(first.is_leader)
    assert log == ["a starts", "a stops"]


async def test_a_paused_leader_checks_its_lease_before_it_saves(server: LeaseServer, clock: Clock) -> None:
    # Continued after a pause, it does not know yet that another replica leads: its next alert would be a repetition.
    replica = election(server, "a", clock)
    assert not await replica.may_save()
    async with running(replica, []) as task:
        await until(replica.is_leader)
        assert await replica.may_save()
        server.answering.clear()
        clock.now = 20.0
        question = asyncio.create_task(replica.may_save())
        await until(lambda: server.waiting > 0)
        assert not question.done()
        assert server.document is not None
        server.document["spec"] |= {"holderIdentity": "b"}
        server.answering.set()
        assert not await question
        with pytest.raises(LostLeaseError):
            await ended(task)


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


async def test_a_renewal_without_an_answer_is_given_up(clock: Clock) -> None:
    # A connection that hangs must not keep anybody waiting for the answer to `may_save`.
    server, log = SlowServer(clock), list[str]()
    replica = election(server, "a", clock, renew_seconds=0.2)
    async with running(replica, log):
        await until(lambda: log == ["a starts"])
        server.hangs = True
        clock.now = 0.2
        async with asyncio.timeout(60):
            assert not await replica.may_save()


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
