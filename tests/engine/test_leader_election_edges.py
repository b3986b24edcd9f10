"""Leader election: its limits, its logs, and the requests to the Lease, as an operator of the cluster sees them."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from nsg_baseline.engine.leader_election import (
    LEASE_NAME,
    RENEW_SECONDS,
    RETRY_SECONDS,
    LeaderElection,
    LostLeaseError,
)
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.lease import Lease, boot_time
from tests.support.leases import Clock, LoggingServer, replica


@pytest.fixture
def server() -> LoggingServer:
    return LoggingServer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def no_work() -> None:
    return


def test_the_limits_are_those_of_the_documentation(server: LoggingServer) -> None:
    # A replica stops five seconds before its Lease expires. The chart's rights name the Lease.
    lease = Lease(server, "system", LEASE_NAME, "a")
    election = LeaderElection(lease)
    assert (LEASE_NAME, RETRY_SECONDS, RENEW_SECONDS, lease.seconds) == ("nsg-baseline-operator", 2.0, 10.0, 15)
    assert (election.retry_seconds, election.renew_seconds) == (RETRY_SECONDS, RENEW_SECONDS)
    assert election.clock is lease.clock is boot_time
    assert not election.is_leader()


async def test_the_lease_is_read_and_written_in_its_namespace(server: LoggingServer, clock: Clock) -> None:
    # The operator has rights on that Lease only.
    await replica(server, clock).lead(no_work)
    requests = [("get", "system", "nsgb"), ("save", "system")]
    assert server.requests == [*requests, *requests]


async def test_the_start_is_logged(server: LoggingServer, clock: Clock) -> None:
    # With the identity, so that the logs of three replicas tell which of them leads.
    with capture_logs() as logs:
        await replica(server, clock).lead(no_work)
    assert logs == [{"event": "leading", "identity": "a", "log_level": "info"}]


async def test_a_failed_renewal_is_logged_with_its_reason(server: LoggingServer, clock: Clock) -> None:
    # It is the first sign of an outage, and each attempt repeats it.
    error = KubeError("Forbidden", "no right", 403)

    async def work() -> None:
        server.refused = error
        while len(logs) < 3:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.01)

    with capture_logs() as logs:
        async with asyncio.timeout(60):
            await replica(server, clock).lead(work)
    assert logs[0] == {"event": "leading", "identity": "a", "log_level": "info"}
    assert logs[1] == {"event": "lease not renewed", "error": str(error), "log_level": "warning"}
    assert logs[-1] == {"event": "lease not released; it expires", "error": str(error), "log_level": "warning"}


async def test_the_end_of_the_lease_is_logged_once(server: LoggingServer, clock: Clock) -> None:
    # The clock passes the end during a request, so that the replica was the leader before it.
    class SlowServer(LoggingServer):
        @override
        async def lease(self, namespace: str, name: str) -> dict[str, Any] | None:
            clock.now += 6.0
            return await super().lease(namespace, name)

    slow = SlowServer()

    async def work() -> None:
        slow.away = True
        while slow.refusals < 4:  # noqa: ASYNC110 - the work of another task, without an event to wait for
            await asyncio.sleep(0.01)

    with capture_logs() as logs:
        async with asyncio.timeout(60):
            await replica(slow, clock).lead(work)
    expired = "the Lease may have expired; no writes to Azure until it is renewed"
    assert [entry for entry in logs if "may have expired" in entry["event"]] == [
        {"event": expired, "log_level": "warning"}
    ]


async def test_a_replica_reports_why_it_ends(server: LoggingServer, clock: Clock) -> None:
    # It is the last line of the pod's log.
    async def work() -> None:
        assert server.document is not None
        server.document["spec"]["holderIdentity"] = "b"
        await asyncio.Event().wait()

    leader = replica(server, clock)
    message = "another replica has held the Lease; this replica stops working"
    with pytest.raises(LostLeaseError) as lost, capture_logs() as logs:
        async with asyncio.timeout(60):
            await leader.lead(work)
    assert str(lost.value) == message
    assert logs[-1] == {"event": message, "identity": "a", "log_level": "error"}
    assert not leader.is_leader()


class HangingServer(LoggingServer):
    """Does not answer writes after the first ones."""

    def __init__(self, answers: int) -> None:
        super().__init__()
        self.answers = answers

    @override
    async def save_lease(self, namespace: str, document: dict[str, Any]) -> None:
        self.answers -= 1
        if self.answers < 0:
            await asyncio.Event().wait()
        await super().save_lease(namespace, document)


async def test_a_request_that_hangs_is_logged_as_a_timeout(clock: Clock) -> None:
    # An empty reason would say nothing.
    async def work() -> None:
        while not any(entry["event"] == "lease not renewed" for entry in logs):  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.01)

    with capture_logs() as logs:
        async with asyncio.timeout(60):
            await replica(HangingServer(1), clock, renew_seconds=0.1).lead(work)
    warnings = [(entry["event"], entry["error"]) for entry in logs if entry["log_level"] == "warning"]
    assert warnings[0] == ("lease not renewed", "request timed out")
    assert warnings[-1] == ("lease not released; it expires", "request timed out")


async def test_a_request_has_half_of_the_time(
    server: LoggingServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two attempts fit into the time for which the Lease counts.
    delays: list[float | None] = []
    timeout = asyncio.timeout

    def logged(delay: float | None) -> asyncio.Timeout:
        delays.append(delay)
        return timeout(60)

    monkeypatch.setattr(asyncio, "timeout", logged)
    await replica(server, clock, renew_seconds=30.0).lead(no_work)
    assert delays == [15.0, 15.0]


async def test_a_lease_has_the_fields_that_kubectl_shows(server: LoggingServer, clock: Clock) -> None:
    # Times in the form of Kubernetes' MicroTime; fields of other clients stay.
    lease = Lease(server, "system", "nsgb", "a", 15, clock)
    assert await lease.acquire()
    assert server.document is not None
    spec = server.document["spec"]
    renewed = datetime.strptime(spec["renewTime"], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert abs(datetime.now(renewed.tzinfo) - renewed) < timedelta(hours=1)
    spec |= {"strategy": "x", "leaseTransitions": 7, "holderIdentity": ""}
    assert await Lease(server, "system", "nsgb", "b", 15, clock).acquire()
    after = server.document["spec"]
    assert (after["strategy"], after["leaseTransitions"], after["holderIdentity"]) == ("x", 8, "b")
    assert list(server.document) == ["apiVersion", "kind", "metadata", "spec"]


async def test_a_lease_without_a_duration_has_the_operators(server: LoggingServer, clock: Clock) -> None:
    # Another client may have created it without one.
    first, second = (Lease(server, "system", "nsgb", name, 20, clock) for name in ("a", "b"))
    assert await first.acquire()
    assert server.document is not None
    del server.document["spec"]["leaseDurationSeconds"]
    assert not await second.acquire()
    clock.now += 19.9
    assert not await second.acquire()
    clock.now += 0.1
    assert await second.acquire()


async def test_an_empty_lease_is_free(server: LoggingServer, clock: Clock) -> None:
    # kubectl create lease makes one without a spec.
    server.document = {"metadata": {"name": "nsgb", "namespace": "system", "resourceVersion": "5"}, "spec": {}}
    assert await Lease(server, "system", "nsgb", "a", 15, clock).acquire()
    assert server.document["metadata"]["resourceVersion"] == "6"
    assert server.document["spec"]["leaseTransitions"] == 1


async def test_a_released_lease_keeps_its_history(server: LoggingServer, clock: Clock) -> None:
    # Transitions count on.
    lease = Lease(server, "system", "nsgb", "a", 15, clock)
    assert await lease.acquire()
    assert server.document is not None
    before = dict(server.document["spec"])
    await lease.release()
    assert server.document["spec"] == {**before, "holderIdentity": "", "leaseDurationSeconds": 1}
