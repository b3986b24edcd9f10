"""The end of a replica's work: the Lease is kept until then, and released or left alone afterwards."""

import asyncio
import contextlib
import gc

import pytest

from nsg_baseline.engine.leader_election import LostLeaseError
from tests.support.leases import Clock, LoggingServer, replica


@pytest.fixture
def server() -> LoggingServer:
    return LoggingServer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_the_lease_is_released_after_the_work_has_ended(server: LoggingServer, clock: Clock) -> None:
    # Otherwise the next replica starts while this one still writes.
    holders: list[str] = []
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            assert server.document is not None
            holders.append(server.document["spec"]["holderIdentity"])

    leading = asyncio.create_task(replica(server, clock).lead(work))
    async with asyncio.timeout(60):
        await started.wait()
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
    assert holders == ["a"]
    assert server.document is not None
    assert server.document["spec"]["holderIdentity"] == ""


async def test_work_that_takes_its_time_to_end_keeps_the_lease(server: LoggingServer, clock: Clock) -> None:
    # A message under way may take longer than the Lease lasts; the next replica would send it again.
    renewed = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            saves = server.requests.count(("save", "system"))
            while server.requests.count(("save", "system")) < saves + 3:  # noqa: ASYNC110 - requests have no event
                await asyncio.sleep(0.01)
            renewed.set()

    leading = asyncio.create_task(replica(server, clock).lead(work))
    async with asyncio.timeout(60):
        while not server.requests:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
    assert renewed.is_set()
    assert server.document is not None
    assert server.document["spec"]["holderIdentity"] == ""


async def test_a_replica_that_lost_the_lease_does_not_ask_for_it_while_its_work_ends(
    server: LoggingServer, clock: Clock
) -> None:
    # It could take the Lease back from its successor.
    after: list[int] = []

    async def work() -> None:
        assert server.document is not None
        server.document["spec"]["holderIdentity"] = "b"
        try:
            await asyncio.Event().wait()
        finally:
            before = len(server.requests)
            await asyncio.sleep(0.1)
            after.append(len(server.requests) - before)

    with pytest.raises(LostLeaseError):
        async with asyncio.timeout(60):
            await replica(server, clock).lead(work)
    assert after == [0]


async def test_an_error_at_the_end_of_the_work_is_no_surprise_for_the_loop(server: LoggingServer, clock: Clock) -> None:
    # asyncio reports an exception that nobody reads when the task is deleted, as an error in the log of the pod.
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("broken at the end")

    leading = asyncio.create_task(replica(server, clock).lead(work))
    async with asyncio.timeout(60):
        await started.wait()
        leading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leading
    del leading
    gc.collect()
    assert reported == []
