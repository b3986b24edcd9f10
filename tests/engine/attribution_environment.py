"""An emulated Azure whose NSG several people write, and an operator that reads its Activity Log; one clock for all."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG
from nsg_baseline.engine.activity_sweep import ActivitySweep
from nsg_baseline.engine.attribution import AttributionLoop
from nsg_emulator.arm.messages import ArmRequest
from tests.chaos.environment import (
    API,
    OPERATOR,
    SYSTEM,
    TEAM,
    ChaosEnvironment,
    OperatorRun,
    chaos_environment,
    shorten_pauses,
)
from tests.chaos.objects import BEGINNING, SUBSCRIPTION, Actor, baseline, document
from tests.support.rule_shorthand import arm_rule

WEB = Actor("web", "rg-prod", mode="Alert")
RULE = f"{WEB.id}/securityRules/lb-web"
LB = arm_rule("200 lb-web allow tcp Internet -> *:8080")
WIDER = arm_rule("200 lb-web allow tcp Internet -> *:8000-9000")


@dataclass(slots=True)
class AttributionEnvironment:
    """The operator and the people who write the NSG."""

    chaos: ChaosEnvironment
    run: "AttributingRun"

    def write(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> int:
        """Send a request, and let a second pass; return its HTTP status."""
        azure = self.chaos.azure
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        token = azure.user_token(f"{who}@example.com")
        query = {"api-version": "2024-05-01"}
        fields = {"authorization": f"Bearer {token}", **headers}
        outcome = azure.handle(ArmRequest(method, path, query, fields, content, origin="https://arm.test"))
        self.chaos.clock.advance(seconds=0.2)
        azure.azure.settle()
        self.chaos.clock.advance(seconds=0.8)
        return outcome.response.status

    def put_rule(self, who: str, rule: dict[str, Any], **headers: str) -> int:
        """Write the rule `lb-web`."""
        properties = {key: value for key, value in rule.items() if key != "name"}
        return self.write(who, "PUT", RULE, {"properties": properties}, **headers)

    def put_nsg(self, who: str, *rules: dict[str, Any]) -> int:
        """Write the NSG with the approved rules and these."""
        return self.write(who, "PUT", WEB.id, document(WEB, [*BEGINNING, *rules]))

    async def reconcile_and_attribute(self, *, minutes: float = 1) -> dict[str, Any]:
        """Reconcile after 10 seconds, search the log after some minutes, reconcile again; return the last incident."""
        self.chaos.clock.advance(seconds=10)
        await self.run.reconcile()
        self.chaos.clock.advance(minutes=minutes)
        await self.run.attribute()
        await self.run.reconcile()
        statuses = [incident["status"] for incident in self.chaos.objects("NSGIncident")]
        latest: dict[str, Any] = max(statuses, key=lambda status: str(status["openedAt"]))
        return latest


class AttributingRun(OperatorRun):
    """An operator that also searches the Activity Log."""

    def __init__(self, environment: ChaosEnvironment) -> None:
        super().__init__(environment)
        self._sweep = ActivitySweep(
            self._activity_of, self._records, environment.clock, DEFAULT_SEVERITY_CONFIG, SYSTEM
        )

    async def sweep(self) -> None:
        """Search for drift that no reading saw."""
        await self._sweep.sweep()

    async def attribute(self) -> None:
        """Search for the authors of the changes."""
        await AttributionLoop(self._activity_of, self._records, self._environment.clock).ask()

    def _activity_of(self, _: object) -> Any:
        return self._environment.arm.activity_log, frozenset({OPERATOR})


@asynccontextmanager
async def attribution_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AttributionEnvironment]:
    """Serve an NSG that matches its baseline, which tolerates the rules `lb-*` of `owner`; the operator read it."""
    shorten_pauses(monkeypatch)
    spec = {"subscriptionId": SUBSCRIPTION, "resourceGroups": ["rg-prod"], "interval": "60s"}
    scope = {
        "apiVersion": API,
        "kind": "NSGScope",
        "metadata": {"name": "production"},
        "spec": {**spec, "allowedNamespaces": {"names": [TEAM]}},
    }
    approved = baseline(WEB, BEGINNING)
    approved["spec"]["tolerate"] = [{"name": "lb-*", "caller": "owner@example.com"}]
    async with chaos_environment(tmp_path, monkeypatch, [document(WEB, BEGINNING)], [scope, approved]) as chaos:
        # The rows of the log must have the time of the test's clock.
        chaos.clock.now = datetime.now(UTC)
        chaos.azure.azure.clock = chaos.clock
        environment = AttributionEnvironment(chaos, AttributingRun(chaos))
        await environment.run.reconcile()
        chaos.clock.advance(minutes=1)
        yield environment
