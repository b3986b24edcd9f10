"""A Kubernetes API server with one Lease, for tests of leader election."""

import asyncio
from typing import Any

from typing_extensions import override

from nsg_baseline.engine.leader_election import RENEW_SECONDS, LeaderElection
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.lease import Lease


class LeaseServer:
    """Stores one Lease by compare and set.

    Attributes:
        away: no request is answered.
        conflicts: how many of the next writes fail because another client wrote first.
        refused: the error of every write.
        refusals: how many requests were not answered.
        answering: while it is not set, reads wait. `waiting` counts them.
    """

    def __init__(self) -> None:
        self.document: dict[str, Any] | None = None
        self.away = False
        self.conflicts = 0
        self.refused: KubeError | None = None
        self.refusals = 0
        self.answering = asyncio.Event()
        self.answering.set()
        self.waiting = 0

    async def lease(self, namespace: str, name: str) -> dict[str, Any] | None:
        del namespace, name
        self.waiting += not self.answering.is_set()
        await self.answering.wait()
        self._reach()
        return None if self.document is None else {**self.document, "spec": dict(self.document["spec"])}

    async def save_lease(self, namespace: str, document: dict[str, Any]) -> None:
        del namespace
        self._reach()
        if self.refused is not None:
            raise self.refused
        version = int(self.document["metadata"]["resourceVersion"]) if self.document else 0
        if self.conflicts or int(document["metadata"].get("resourceVersion") or 0) != version:
            self.conflicts = max(0, self.conflicts - 1)
            raise KubeError("Conflict", "another client wrote first", 409)
        self.document = {**document, "metadata": {**document["metadata"], "resourceVersion": str(version + 1)}}

    def _reach(self) -> None:
        if self.away:
            self.refusals += 1
            raise KubeError("Unreachable", "the API server is away")


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class LoggingServer(LeaseServer):
    """Logs the names of its requests."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[str, ...]] = []

    @override
    async def lease(self, namespace: str, name: str) -> dict[str, Any] | None:
        self.requests.append(("get", namespace, name))
        return await super().lease(namespace, name)

    @override
    async def save_lease(self, namespace: str, document: dict[str, Any]) -> None:
        self.requests.append(("save", namespace))
        await super().save_lease(namespace, document)


def replica(server: LeaseServer, clock: Clock, renew_seconds: float = RENEW_SECONDS) -> LeaderElection:
    """Return a replica that tries again at once."""
    lease = Lease(server, "system", "nsgb", "a", 15, clock)
    return LeaderElection(lease, clock, retry_seconds=0.01, renew_seconds=renew_seconds)
