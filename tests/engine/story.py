"""A story of one route and its six receivers: people change NSGs, acknowledge and approve, while the operator dies.

Each step makes one thing happen and waits until every receiver has what the step sends.
"""

import asyncio
import base64
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import OPERATOR_NAMESPACE, TEAM_NAMESPACE, demo_environment, objects
from tests.cluster.alertmanager import alert_key
from tests.engine.kill_points import KillPoint
from tests.engine.operator_process import OperatorProcess, delivered_routes
from tests.engine.process_forker import SENDER_COMMAND, ProcessForker
from tests.engine.story_receivers import Receivers, receiving_all
from tests.engine.story_transcript import Transcript

ROUTE = f"{OPERATOR_NAMESPACE}/chat"
Act = Callable[["Story"], Awaitable[None]]
STATUS = r"/nsgincidents/[^/]+/status$"


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        title: what happens, for the transcript.
        act: makes it happen.
        holds: what the cluster shows when it has; a reconcile shows what changed in Azure without that.
        repeats: the number of kills: each may repeat what was sent before it.
        lacking: the number of receivers that do not get it.
    """

    title: str
    act: Act
    holds: Callable[["Story"], bool] = lambda _: True
    repeats: int = 0
    lacking: int = 0


@dataclass(slots=True)
class Story:
    """The running story."""

    operator: OperatorProcess
    receivers: Receivers
    transcript: Transcript = field(init=False)
    text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.transcript = Transcript(self.receivers, self.subject_of)

    async def play(self, step: Step) -> None:
        """Make a step happen, wait for its end, and add it to the transcript."""
        number = len(self.text) + 1
        title = f"{number:2}. {step.title}"
        try:
            await step.act(self)
            await self.operator.environment.until(lambda: step.holds(self))
            await self.settle(step.lacking)
        finally:
            self.text.append(self.transcript.step(title, repeats=step.repeats))

    async def settle(self, lacking: int = 0) -> None:
        """Wait until a reconcile is over, everything is sent, and Alertmanager has told it."""
        await self.operator.reconcile()
        await self.operator.environment.until(lambda: self._all_sent(lacking))
        active = await asyncio.to_thread(self.receivers.alertmanager.active)
        expected = {alert_key(alert) for alert in active}
        await self.receivers.hook.until_holds(lambda: self.receivers.hook.firing() == expected)

    def incident(self, subject: str) -> dict[str, Any]:
        """Return the last incident of a subject; empty before there is one."""
        mine = [item for item in self.operator.incidents() if self.subject_of(item["metadata"]["name"]) == subject]
        return mine[-1] if mine else {}

    def status(self, subject: str) -> dict[str, Any]:
        """Return the status of the last incident of a subject."""
        return self.incident(subject).get("status") or {}

    def subject_of(self, name: str) -> str:
        """Return what an incident is about."""
        specs = (item["spec"] for item in self.operator.incidents() if item["metadata"]["name"] == name)
        spec: dict[str, Any] = next(specs, {})
        if spec.get("guardrail"):
            return f"guardrail {spec['guardrail']}"
        return str(spec.get("baseline") or f"scope {spec.get('scope', name)}")

    def patch(self, kind: str, name: str, patch: dict[str, Any], namespace: str = "") -> None:
        """Change an object."""
        self.operator.environment.cluster.api.patch(API_VERSION, kind, name, patch, namespace)

    def baseline(self, name: str, **spec: Any) -> None:
        """Change the spec of a baseline."""
        self.patch("NSGBaseline", name, {"spec": spec}, TEAM_NAMESPACE)

    def acknowledge(self, subject: str, note: str) -> None:
        """Acknowledge an incident."""
        meta = self.incident(subject)["metadata"]
        spec = {"acknowledged": {"by": "kim", "note": note}}
        self.patch("NSGIncident", meta["name"], {"spec": spec}, meta["namespace"])

    async def restart(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the operator and start it again."""
        await self.operator.environment.stop_operator(how)
        self.operator.start()

    async def killed_at(self, kill_point: KillPoint) -> None:
        """Kill the operator at a moment of a reconcile and start it again."""
        await self.operator.kill_at(kill_point)
        self.operator.start()

    async def stopped_as_json_receives(self) -> None:
        """Stop the operator while the JSON receiver gets a message, and start it again."""
        receiving = asyncio.Event()
        self.receivers.on_json = receiving.set
        self.operator.request_reconcile()
        async with asyncio.timeout(60):
            await receiving.wait()
        await self.restart()

    def _all_sent(self, lacking: int) -> bool:
        # The route does not send what is only worth knowing, such as an NSG that was created again.
        incidents = [item for item in self.operator.incidents() if item.get("status", {}).get("severity") != "info"]
        behind = [item for item in incidents if ROUTE not in delivered_routes(item)]
        if not lacking:
            return not behind
        deliveries = [entry for item in behind for entry in item["status"].get("deliveries") or ()]
        return [len(entry.get("pendingChannels") or ()) for entry in deliveries] == [lacking] * len(behind)


@asynccontextmanager
async def story(
    folder: Path, process_forker: ProcessForker, alertmanager_port: int, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Story]:
    """Start everything; all baselines are compliant."""
    async with receiving_all(folder, alertmanager_port) as receivers, demo_environment(folder) as environment:
        monkeypatch.setenv(SENDER_COMMAND, receivers.sender_command)
        monkeypatch.setenv("PYTHONPATH", os.fspath(Path(__file__).parents[2]))
        for resource in objects(environment.receiver, interval="24h"):
            if resource["kind"] == "Secret":
                resource["data"]["urls"] = base64.b64encode(receivers.urls.encode()).decode()
            if resource["kind"] == "NSGAlertRoute":
                resource["spec"]["maxMessagesPerHour"] = 1000
            environment.cluster.api.apply(resource)
        operator = OperatorProcess(environment, process_forker)
        operator.start()
        await operator.wait_until_compliant()
        yield Story(operator, receivers)
        await environment.stop_operator(signal.SIGKILL)
