"""Leader election under random outages, pauses and slow answers: at no moment may two replicas write."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from nsg_baseline.engine.leader_election import LeaderElection, LostLeaseError
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.lease import Lease
from tests.support.leases import LeaseServer
from tests.support.seed import Seed

STEPS = 3000
REPLICAS = 3


@dataclass(slots=True)
class Clock:
    """A clock that the test moves; all replicas read it."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Link:
    """The connection of one replica. It can be cut; a request or its answer can be late, as in a paused process."""

    server: LeaseServer
    is_cut: bool = False
    requests: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    confirmations: asyncio.Event = field(default_factory=asyncio.Event)

    async def lease(self, namespace: str, name: str) -> dict[str, Any] | None:
        await self._pass(self.requests)
        document = await self.server.lease(namespace, name)
        await self._pass(self.answers)
        return document

    async def save_lease(self, namespace: str, document: dict[str, Any]) -> None:
        await self._pass(self.requests)
        await self.server.save_lease(namespace, document)
        await self._pass(self.confirmations)

    async def _pass(self, gate: asyncio.Event) -> None:
        await gate.wait()
        if self.is_cut:
            raise KubeError("Unreachable", "the connection is cut")


@dataclass(slots=True)
class Replica:
    """A process that is restarted as a stand-by replica whenever it ends."""

    clock: Clock
    link: Link
    starts: int = 0
    election: LeaderElection | None = None

    async def run(self, name: str) -> None:
        while True:
            self.starts += 1
            lease = Lease(self.link, "system", "nsgb", f"{name}-{self.starts}", 15, self.clock)
            self.election = LeaderElection(lease, self.clock, retry_seconds=0.0)
            try:
                await self.election.lead(_work)
            except LostLeaseError:
                continue

    def may_write(self) -> bool:
        return self.election is not None and self.election.is_leader()


async def _work() -> None:
    await asyncio.Event().wait()


def _disturb(seed: Seed, link: Link) -> None:
    link.is_cut = seed.rng.random() < 0.1
    for gate, open_share in ((link.requests, 0.9), (link.answers, 0.9), (link.confirmations, 0.5)):
        if seed.rng.random() < open_share:
            gate.set()
        else:
            gate.clear()


async def test_at_no_moment_may_two_replicas_write() -> None:
    # Two writers would undo each other's work in Azure for ever.
    seed, clock, server = Seed.from_environment(), Clock(), LeaseServer()
    replicas = [Replica(clock, Link(server)) for _ in range(REPLICAS)]
    tasks = [asyncio.create_task(replica.run(f"replica-{number}")) for number, replica in enumerate(replicas)]
    writers: list[int] = []
    try:
        for step in range(STEPS):
            _disturb(seed, seed.rng.choice(replicas).link)
            server.away = step % 200 > 190
            clock.now += seed.rng.choice((0.0, 0.1, 1.0, 3.0, 9.0))
            for _ in range(seed.rng.randrange(1, 12)):
                await asyncio.sleep(0)
                writing = [number for number, replica in enumerate(replicas) if replica.may_write()]
                assert len(writing) <= 1, f"at step {step}; {seed}"
                writers += [number for number in writing if writers[-1:] != [number]]
    finally:
        for task in tasks:
            task.cancel()
        for replica in replicas:
            replica.link.requests.set()
            replica.link.answers.set()
            replica.link.confirmations.set()
        await asyncio.gather(*tasks, return_exceptions=True)
    # Without a change of the leader this would prove nothing; and each end is that of a replica that was replaced.
    assert len(writers) > 5, seed
    assert sum(replica.starts for replica in replicas) > REPLICAS, seed
