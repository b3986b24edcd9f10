"""Moments in the operator's work at which it can be killed: each is a request of its, before or after it is acted upon.

The signal is sent from within the emulator that has the request in its hands. So it is that request and none after it,
and what was acted upon is never answered.
"""

import asyncio
import contextlib
import re
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import DemoEnvironment
from nsg_emulator.arm.faults import Drop, Fault
from nsg_emulator.arm.requests import RequestRecord
from nsg_emulator.kube.request_log import Logged

SECONDS = 60
Once = Callable[[DemoEnvironment], bool]


def always(_: DemoEnvironment) -> bool:
    """No condition."""
    return True


@dataclass(frozen=True, slots=True)
class KillPoint:
    """A request of the operator.

    Attributes:
        name: what is about to happen, or has just happened.
        server: `azure` or `cluster`.
        method, path: regular expressions; the first for the whole method, the second to be found in path and query.
        acted: whether the request is acted upon (but not answered) before the kill.
        once: what must be so already; of a request that is acted upon, what it may have brought about itself.
    """

    name: str
    server: str
    method: str
    path: str
    acted: bool
    once: Once = always

    @override
    def __str__(self) -> str:
        return self.name

    def is_it(self, method: str, target: str) -> bool:
        """Say whether a request is the one, going by its looks."""
        return re.fullmatch(self.method, method) is not None and re.search(self.path, target) is not None


@dataclass(slots=True)
class _KillTrigger:
    """Waits for a moment, and kills."""

    environment: DemoEnvironment
    kill_point: KillPoint
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    armed: bool = False

    def hear(self, method: str, target: str, *, acted: bool) -> None:
        """Take note of a request; `acted` is False for one whose connection is cut instead."""
        if self.sprung.is_set():
            return
        if (
            self.kill_point.acted == acted
            and self.kill_point.is_it(method, target)
            and (self.armed or self.kill_point.once(self.environment))
        ):
            assert self.environment.process is not None
            self.environment.process.send_signal(signal.SIGKILL)
            self.sprung.set()
        elif not self.kill_point.acted:
            self.arm()

    def arm(self) -> None:
        """Have the connection of the awaited request cut, as soon as what must be so is so."""
        if self.armed or not self.kill_point.once(self.environment):
            return
        self.armed = True
        if self.kill_point.server == "azure":
            self.environment.azure.emulator.faults.add(
                Fault(Drop("request"), self.kill_point.method, self.kill_point.path)
            )
        else:
            self.environment.cluster.api.interference.drop(methods=self.kill_point.method, path=self.kill_point.path)

    def hear_azure(self, record: RequestRecord) -> None:
        """Hear of a request to Azure; status 0 is a cut connection."""
        if self.kill_point.server == "azure":
            self.hear(record.method, f"{record.path}?{record.query}", acted=record.status != 0)

    def hear_cluster(self, logged: Logged) -> None:
        """Hear of a request to Kubernetes; status 0 is a cut connection, or a watch."""
        if logged.verb == "watch":
            return
        if self.kill_point.server == "cluster":
            self.hear(logged.method, logged.path, acted=logged.status != 0)
        elif not self.kill_point.acted:
            self.arm()


@contextlib.asynccontextmanager
async def killed_at(environment: DemoEnvironment, kill_point: KillPoint) -> AsyncIterator[None]:
    """Kill the operator when the moment comes that the block brings about; on leaving, it is dead."""
    trap = _KillTrigger(environment, kill_point)
    environment.azure.emulator.requests.listeners.append(trap.hear_azure)
    environment.cluster.api.requests.listeners.append(trap.hear_cluster)
    try:
        if not kill_point.acted:
            trap.arm()
        yield
        async with asyncio.timeout(SECONDS):
            await trap.sprung.wait()
    finally:
        environment.azure.emulator.requests.listeners.remove(trap.hear_azure)
        environment.cluster.api.requests.listeners.remove(trap.hear_cluster)
        environment.azure.emulator.faults.clear()
        environment.cluster.api.interference.stop()
    assert environment.process is not None
    assert await environment.process.wait() == -signal.SIGKILL
    environment.process = None


def incidents(environment: DemoEnvironment, kind: str) -> list[dict[str, Any]]:
    """Return the incidents of a kind."""
    return [
        incident
        for incident in environment.cluster.api.list(API_VERSION, "NSGIncident")
        if incident["spec"]["kind"] == kind
    ]


def status(environment: DemoEnvironment) -> dict[str, Any]:
    """Return the status of the only incident; empty before there is one."""
    incidents = environment.cluster.api.list(API_VERSION, "NSGIncident")
    return incidents[0].get("status") or {} if incidents else {}


def created(environment: DemoEnvironment) -> bool:
    """The incident exists."""
    return bool(environment.cluster.api.list(API_VERSION, "NSGIncident"))


def stored(revision: int) -> Once:
    """The incident's status is stored, in this revision or a later one."""
    return lambda environment: int(status(environment).get("revision") or 0) >= revision


def told(revision: int) -> Once:
    """The route's delivery of this revision or a later one is recorded."""
    return lambda environment: any(
        entry["revision"] >= revision for entry in status(environment).get("deliveries") or ()
    )


def resolved(environment: DemoEnvironment) -> bool:
    """The incident is over, and that is stored."""
    return status(environment).get("state") == "Resolved"
