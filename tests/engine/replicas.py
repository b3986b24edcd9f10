"""Replicas of the operator as processes, each with its own log and its own identity in Azure."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import OPERATOR_NAMESPACE, DemoEnvironment, operator_environment
from tests.engine.process_forker import ForkedProcess, ProcessForker

LEASE = "coordination.k8s.io/v1", "Lease", "nsg-baseline-operator", OPERATOR_NAMESPACE


@dataclass(slots=True)
class Replica:
    """One process of the operator. `client_id` is the application with which it asks Azure."""

    client_id: str
    process: ForkedProcess
    log: Path

    async def logged(self, text: str) -> None:
        """Wait until the replica has logged a text."""
        async with asyncio.timeout(120):
            while not self.log.exists() or text not in self.log.read_text():  # noqa: ASYNC110 - a file of another process has no event
                await asyncio.sleep(0.1)


@dataclass(slots=True)
class Replicas:
    """The replicas over one environment."""

    environment: DemoEnvironment
    process_forker: ProcessForker
    started: list[Replica]

    def start(self) -> Replica:
        """Start another replica."""
        environment, number = self.environment, len(self.started)
        variables = operator_environment(
            environment.folder, environment.azure, environment.kubeconfig, OPERATOR_NAMESPACE
        )
        client_id = f"{number:08}-2222-2222-2222-222222222222"
        log = environment.folder / f"operator-{number}.log"
        process = self.process_forker.start({**variables, "AZURE_CLIENT_ID": client_id}, log)
        self.started.append(Replica(client_id, process, log))
        return self.started[-1]

    def holder(self) -> str:
        """Return the holder of the Lease; empty without one."""
        leases = self.environment.cluster.api.list(*LEASE[:2], OPERATOR_NAMESPACE)
        return str(leases[0]["spec"].get("holderIdentity") or "") if leases else ""

    def incidents(self) -> list[dict[str, Any]]:
        """Return all incidents that the API server has stored."""
        return self.environment.cluster.api.list(API_VERSION, "NSGIncident")

    def keys(self) -> Counter[str]:
        """Return how many alerts of each key arrived."""
        return Counter(str(alert["key"]) for alert in self.environment.receiver.alerts)

    def writes(self, replica: Replica) -> list[str]:
        """Return the paths in Azure that a replica has tried to write."""
        records = self.environment.azure.emulator.requests.records
        changes = [record for record in records if record.method in ("PUT", "PATCH", "DELETE")]
        return [record.path for record in changes if record.caller == replica.client_id]


@asynccontextmanager
async def running_replicas(environment: DemoEnvironment, process_forker: ProcessForker) -> AsyncIterator[Replicas]:
    """Yield replicas to start; all are killed at the end."""
    replicas = Replicas(environment, process_forker, [])
    try:
        yield replicas
    finally:
        for replica in replicas.started:
            # A stopped process dies of this signal too.
            replica.process.send_signal(signal.SIGKILL)
            await replica.process.wait()
