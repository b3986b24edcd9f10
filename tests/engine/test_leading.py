"""Several replicas: one works, another takes over, and no two are ever at work."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.cli.demo.environment import (
    OPERATOR_NAMESPACE,
    DemoEnvironment,
    demo_environment,
    objects,
    recorded_nsgs,
    start_operator,
)
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from nsg_baseline.engine.leader_election import Fenced, LeaderElection, LostLeaseError
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.lease import Lease

APPGATE = next(str(nsg["id"]) for nsg in recorded_nsgs() if nsg["name"] == "appgate")


class OneLease:
    """An API server with one Lease; while `away` it does not answer."""

    def __init__(self) -> None:
        self.document: dict[str, Any] | None = None
        self.away = False

    async def lease(self, namespace: str, name: str) -> dict[str, Any] | None:
        del namespace, name
        self._reach()
        return None if self.document is None else {**self.document, "spec": dict(self.document["spec"])}

    async def save_lease(self, namespace: str, document: dict[str, Any]) -> None:
        del namespace
        self._reach()
        now = int(self.document["metadata"]["resourceVersion"]) if self.document else 0
        if int(document["metadata"].get("resourceVersion") or 0) != now:
            raise KubeError("Conflict", "somebody was faster", 409)
        self.document = {**document, "metadata": {**document["metadata"], "resourceVersion": str(now + 1)}}

    def _reach(self) -> None:
        if self.away:
            raise KubeError("Unreachable", "the API server is away")


def leading(server: OneLease, who: str, clock: Callable[[], float]) -> LeaderElection:
    return LeaderElection(Lease(server, "ns", "nsgb", who, 15, clock), clock, retry_seconds=0.01)


@contextlib.asynccontextmanager
async def at_work(one: LeaderElection, log: list[str]) -> AsyncIterator["asyncio.Task[None]"]:
    async def work() -> None:
        log.append(f"{one.lease.identity} begins")
        try:
            await asyncio.Event().wait()
        finally:
            log.append(f"{one.lease.identity} ends")

    task = asyncio.create_task(one.lead(work))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - the work of another task, which has no event to tell
            await asyncio.sleep(0.01)


async def test_one_works_and_the_next_begins_when_it_stops() -> None:
    # A rollout: the old replica lets go, and the new one need not wait for anything to run out.
    server, log, now = OneLease(), list[str](), 0.0
    a, b = (leading(server, who, lambda: now) for who in "ab")
    async with at_work(a, log) as first:
        await until(lambda: log == ["a begins"])
        async with at_work(b, log):
            await asyncio.sleep(0.1)
            assert log == ["a begins"]
            first.cancel()
            await until(lambda: len(log) == 3)
    assert log == ["a begins", "a ends", "b begins", "b ends"]


async def test_a_holder_that_died_is_followed_when_its_lease_ran_out() -> None:
    server, log, now = OneLease(), list[str](), 0.0
    assert await leading(server, "dead", lambda: now).lease.hold()
    async with at_work(leading(server, "b", lambda: now), log):
        await asyncio.sleep(0.05)
        now = 14.9
        await asyncio.sleep(0.05)
        assert log == []
        now = 15.1
        await until(lambda: log == ["b begins"])


async def test_a_holder_that_cannot_renew_stops_before_another_can_begin() -> None:
    # The API server away for one of them alone: two at work would tell and write everything twice.
    server, log, now = OneLease(), list[str](), 0.0
    one = leading(server, "a", lambda: now)
    async with at_work(one, log) as task:
        await until(lambda: log == ["a begins"])
        server.away = True
        now = 9.9
        await asyncio.sleep(0.05)
        assert one.holds()
        now = 10.1
        with pytest.raises(LostLeaseError):
            await task
    assert log == ["a begins", "a ends"]
    assert not one.holds()
    server.away = False
    assert not await leading(server, "b", lambda: now).lease.hold()


async def test_nothing_is_written_once_the_lease_may_be_anothers() -> None:
    # The fence: between two renewals a process may sleep, and wake up as yesterday's leader.
    class RuleAuthor:
        async def put(self, nsg_id: str, document: Any, etag: str) -> dict[str, Any]:
            del document, etag
            return {"id": nsg_id}

    held = True
    fenced = Fenced(RuleAuthor(), lambda: held)
    assert await fenced.put("x", {}, "e") == {"id": "x"}
    held = False
    with pytest.raises(AzureError, match="NotLeading"):
        await fenced.put("x", {}, "e")


@pytest.fixture
async def elected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DemoEnvironment]:
    monkeypatch.setenv("NSGB_LEADER_ELECTION", "true")
    async with demo_environment(tmp_path) as found:
        for one in objects(found.receiver):
            found.cluster.api.apply(one)
        yield found


async def test_a_killed_leader_is_followed_and_nothing_is_told_twice(elected: DemoEnvironment) -> None:
    # Two replicas, and a node that dies.
    await elected.start_operator()
    first = elected.process
    assert first is not None
    await elected.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
    await elected.receiver.next("new rule open-ssh")
    # Killed between sending and noting it, a message is repeated; that is another test's matter.
    await elected.until(lambda: _is_noted(elected))
    second = await start_operator(elected.folder, elected.azure, elected.kubeconfig, OPERATOR_NAMESPACE)
    try:
        holder = _holder(elected)
        await elected.rogue.delete_rule(APPGATE, "open-ssh")
        first.send_signal(signal.SIGKILL)
        await first.wait()
        elected.process = second
        await elected.receiver.next("RESOLVED", "open-ssh")
        assert _holder(elected) != holder
        assert [alert["alert"]["event"] for alert in elected.receiver.alerts] == ["Opened", "Resolved"]
    finally:
        elected.process = second


def _is_noted(staged: DemoEnvironment) -> bool:
    (incident,) = staged.cluster.api.list("nsg-baseline.io/v1alpha1", "NSGIncident")
    return bool((incident.get("status") or {}).get("deliveries"))


def _holder(staged: DemoEnvironment) -> str:
    found = staged.cluster.api.get("coordination.k8s.io/v1", "Lease", "nsg-baseline-operator", OPERATOR_NAMESPACE)
    return str(found["spec"]["holderIdentity"])
