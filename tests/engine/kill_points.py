"""Moments of the operator's work at which a test can kill it: each is a request, before or after it is handled.

The emulator sends the signal while it processes the request. So the operator sends no later request, and a request that
is handled gets no response.
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
        handled: whether the request is handled (but not answered) before the kill.
        once: a condition that must hold; a handled request may have caused it itself.
    """

    name: str
    server: str
    method: str
    path: str
    handled: bool
    once: Once = always

    @override
    def __str__(self) -> str:
        return self.name

    def matches(self, method: str, target: str) -> bool:
        """Say whether a request has the method and the path of the kill point."""
        return re.fullmatch(self.method, method) is not None and re.search(self.path, target) is not None


@dataclass(slots=True)
class _KillTrigger:
    """Kills the operator at its kill point."""

    environment: DemoEnvironment
    kill_point: KillPoint
    killed: asyncio.Event = field(default_factory=asyncio.Event)
    armed: bool = False

    def observe(self, method: str, target: str, *, handled: bool) -> None:
        """Kill the operator if the request is the kill point; `handled` is False if its connection is cut."""
        if self.killed.is_set():
            return
        if (
            self.kill_point.handled == handled
            and self.kill_point.matches(method, target)
            and (self.armed or self.kill_point.once(self.environment))
        ):
            assert self.environment.process is not None
            self.environment.process.send_signal(signal.SIGKILL)
            self.killed.set()
        elif not self.kill_point.handled:
            self.arm()

    def arm(self) -> None:
        """Cut the connection of the expected request, once its condition holds."""
        if self.armed or not self.kill_point.once(self.environment):
            return
        self.armed = True
        if self.kill_point.server == "azure":
            self.environment.azure.emulator.faults.add(
                Fault(Drop("request"), self.kill_point.method, self.kill_point.path)
            )
        else:
            self.environment.cluster.api.interference.drop(methods=self.kill_point.method, path=self.kill_point.path)

    def observe_azure(self, record: RequestRecord) -> None:
        """Observe a request to Azure; status 0 is a cut connection."""
        if self.kill_point.server == "azure":
            self.observe(record.method, f"{record.path}?{record.query}", handled=record.status != 0)

    def observe_cluster(self, logged: Logged) -> None:
        """Observe a request to Kubernetes; status 0 is a cut connection, or a watch."""
        if logged.verb == "watch":
            return
        if self.kill_point.server == "cluster":
            self.observe(logged.method, logged.path, handled=logged.status != 0)
        elif not self.kill_point.handled:
            self.arm()


@contextlib.asynccontextmanager
async def killed_at(environment: DemoEnvironment, kill_point: KillPoint) -> AsyncIterator[None]:
    """Kill the operator at a moment that the block causes, and wait until it has ended."""
    trigger = _KillTrigger(environment, kill_point)
    environment.azure.emulator.requests.listeners.append(trigger.observe_azure)
    environment.cluster.api.requests.listeners.append(trigger.observe_cluster)
    try:
        if not kill_point.handled:
            trigger.arm()
        yield
        async with asyncio.timeout(SECONDS):
            await trigger.killed.wait()
    finally:
        environment.azure.emulator.requests.listeners.remove(trigger.observe_azure)
        environment.cluster.api.requests.listeners.remove(trigger.observe_cluster)
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


def delivered(revision: int) -> Once:
    """The route's delivery of this revision or a later one is recorded."""
    return lambda environment: any(
        entry["revision"] >= revision for entry in status(environment).get("deliveries") or ()
    )


def resolved(environment: DemoEnvironment) -> bool:
    """The incident is resolved, and that is stored."""
    return status(environment).get("state") == "Resolved"
