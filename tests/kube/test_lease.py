"""A Lease: acquired by compare and set, and expired by the local clock only."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.lease import Lease
from tests.support.leases import LeaseServer


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> LeaseServer:
    return LeaseServer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lease(server: LeaseServer, identity: str, clock: Clock) -> Lease:
    return Lease(server, "system", "nsgb", identity, 15, clock)


def spec(server: LeaseServer) -> dict[str, Any]:
    assert server.document is not None
    lease_spec: dict[str, Any] = server.document["spec"]
    return lease_spec


async def test_a_new_lease_names_its_holder(server: LeaseServer, clock: Clock) -> None:
    # kubectl get lease must show the leader, and other clients read these fields.
    assert await lease(server, "a", clock).acquire()
    assert server.document is not None
    assert server.document["metadata"] == {"name": "nsgb", "namespace": "system", "resourceVersion": "1"}
    assert (server.document["apiVersion"], server.document["kind"]) == ("coordination.k8s.io/v1", "Lease")
    assert spec(server)["holderIdentity"] == "a"
    assert spec(server)["leaseDurationSeconds"] == 15
    assert spec(server)["leaseTransitions"] == 1
    assert spec(server)["acquireTime"] == spec(server)["renewTime"]


async def test_a_renewal_is_not_a_transition(server: LeaseServer, clock: Clock) -> None:
    # Transitions count leaders; acquireTime says since when the current one leads.
    holder = lease(server, "a", clock)
    assert await holder.acquire()
    spec(server)["acquireTime"] = "then"
    assert await holder.acquire()
    assert (spec(server)["leaseTransitions"], spec(server)["acquireTime"]) == (1, "then")
    assert spec(server)["renewTime"] != "then"


async def test_a_held_lease_expires_only_after_its_duration_without_a_renewal(
    server: LeaseServer, clock: Clock
) -> None:
    # Counted from the moment when the last renewal was observed.
    holder, successor = lease(server, "a", clock), lease(server, "b", clock)
    assert await holder.acquire()
    assert not await successor.acquire()
    clock.now += 14
    assert await holder.acquire()
    assert not await successor.acquire()
    clock.now += 14.9
    assert not await successor.acquire()
    clock.now += 0.1
    assert await successor.acquire()
    assert spec(server)["leaseTransitions"] == 2


async def test_a_lease_first_seen_late_is_not_expired(server: LeaseServer, clock: Clock) -> None:
    # The renewTime in it is from another clock and decides nothing.
    assert await lease(server, "a", clock).acquire()
    spec(server)["renewTime"] = "2001-01-01T00:00:00.000000Z"
    clock.now += 1000
    successor = lease(server, "b", clock)
    assert not await successor.acquire()
    clock.now += 15
    assert await successor.acquire()


async def test_the_duration_is_the_holders(server: LeaseServer, clock: Clock) -> None:
    # A rollout may change the duration; the holder relies on its own.
    assert await lease(server, "a", clock).acquire()
    spec(server)["leaseDurationSeconds"] = 40
    successor = lease(server, "b", clock)
    assert not await successor.acquire()
    clock.now += 39
    assert not await successor.acquire()
    clock.now += 1
    assert await successor.acquire()


async def test_a_released_lease_is_free_at_once(server: LeaseServer, clock: Clock) -> None:
    # A rollout must not wait for the Lease to expire.
    holder = lease(server, "a", clock)
    assert await holder.acquire()
    await holder.release()
    assert (spec(server)["holderIdentity"], spec(server)["leaseDurationSeconds"]) == ("", 1)
    assert await lease(server, "b", clock).acquire()
    assert spec(server)["leaseTransitions"] == 2


async def test_only_the_holder_releases(server: LeaseServer, clock: Clock) -> None:
    # A stand-by that stops must not release the leader's Lease.
    await lease(server, "b", clock).release()
    assert server.document is None
    assert await lease(server, "a", clock).acquire()
    await lease(server, "b", clock).release()
    assert spec(server)["holderIdentity"] == "a"


async def test_the_second_of_two_writers_does_not_acquire(server: LeaseServer, clock: Clock) -> None:
    # Compare and set: both read a free Lease, and one write wins.
    server.conflicts = 1
    assert not await lease(server, "a", clock).acquire()
    assert await lease(server, "a", clock).acquire()


async def test_any_other_error_is_raised(server: LeaseServer, clock: Clock) -> None:
    # An unknown holder is not the same as another holder.
    server.refused = KubeError("Forbidden", "no right", 403)
    with pytest.raises(KubeError):
        await lease(server, "a", clock).acquire()


async def test_an_outage_of_the_api_server_does_not_count_as_time_without_a_renewal(
    server: LeaseServer, clock: Clock
) -> None:
    # The holder could not renew either. If a stand-by took over first, what the holder did meanwhile would be lost.
    holder, successor = lease(server, "a", clock), lease(server, "b", clock)
    assert await holder.acquire()
    assert not await successor.acquire()
    clock.now += 5
    assert not await successor.acquire()
    server.away = True
    with pytest.raises(KubeError):
        await successor.acquire()
    clock.now += 300
    server.away = False
    assert not await successor.acquire()
    clock.now += 9.5
    assert not await successor.acquire()
    # A holder that died during the outage is replaced.
    clock.now += 1
    assert await successor.acquire()


@pytest.mark.parametrize("ends", ["the successor works", "the successor stopped"])
async def test_a_holder_does_not_renew_a_lease_that_another_process_has_held(
    server: LeaseServer, clock: Clock, ends: str
) -> None:
    # Also if nobody holds it now: the successor may have opened incidents of which the old holder does not know.
    holder, successor = lease(server, "a", clock), lease(server, "b", clock)
    assert await holder.acquire()
    assert not await successor.acquire()
    clock.now += 15
    assert await successor.acquire()
    if ends == "the successor stopped":
        await successor.release()
    assert not await holder.renew()
    assert spec(server)["holderIdentity"] != "a"


async def test_a_deleted_lease_is_created_by_its_holder(server: LeaseServer, clock: Clock) -> None:
    # Somebody deleted it by hand: no other process has held it.
    holder = lease(server, "a", clock)
    assert await holder.acquire()
    server.document = None
    assert await holder.renew()
    assert spec(server)["holderIdentity"] == "a"


async def test_a_conflicting_renewal_does_not_show_the_holder(server: LeaseServer, clock: Clock) -> None:
    # An annotation by a user is such a write. The holder reads again and does not give up its work.
    holder = lease(server, "a", clock)
    assert await holder.acquire()
    server.conflicts = 1
    with pytest.raises(KubeError) as error:
        await holder.renew()
    expected = KubeError("Conflict", "another client changed the Lease at the same time", 409)
    assert (str(error.value), error.value.status) == (str(expected), 409)
    assert await holder.renew()


async def test_a_new_holder_has_the_whole_duration_whatever_its_clock_says(server: LeaseServer, clock: Clock) -> None:
    # Its renewal may have the time of the one before: clocks of nodes differ, and Kubernetes rounds.
    assert await lease(server, "a", clock).acquire()
    successor = lease(server, "b", clock)
    assert not await successor.acquire()
    clock.now += 14
    spec(server)["holderIdentity"] = "c"
    assert not await successor.acquire()
    clock.now += 14
    assert not await successor.acquire()
    clock.now += 1
    assert await successor.acquire()


async def test_times_are_in_utc(server: LeaseServer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    # A container may have another time zone; other clients compare these times with theirs.
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert await lease(server, "a", clock).acquire()
    time.tzset()
    renewed = datetime.strptime(spec(server)["renewTime"], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert abs(datetime.now(UTC) - renewed) < timedelta(hours=1)
