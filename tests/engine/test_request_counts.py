"""The number of requests to Azure and of writes, as counted by the emulator."""

from pathlib import Path
from typing import Any

import pytest

from tests.chaos.environment import API, OPERATOR, TEAM, ChaosEnvironment, OperatorRun, chaos_environment
from tests.chaos.objects import Actor, baseline, document
from tests.support.rule_shorthand import arm_rule

WEB = Actor("web", "rg-prod")
APPROVED = [
    arm_rule(f"{100 + number} rule-{number} allow tcp 10.0.0.0/8 -> *:{1000 + number}") for number in range(200)
]
PASSES = 1000


def _objects(**enforcement: Any) -> list[dict[str, Any]]:
    scope = {"subscriptionId": "11111111-1111-1111-1111-111111111111", "interval": "60s", "maxMode": "Enforce"}
    spec = {**scope, "allowedNamespaces": {"names": [TEAM]}}
    web = baseline(WEB, APPROVED)
    web["spec"]["enforcement"] |= enforcement
    return [{"apiVersion": API, "kind": "NSGScope", "metadata": {"name": "production"}, "spec": spec}, web]


def _methods(environment: ChaosEnvironment) -> list[str]:
    return [record.method for record in environment.azure.requests.records if record.caller == OPERATOR]


async def test_two_hundred_changed_rules_are_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # One write for each rule would create 200 intermediate states with different traffic, and conflicts of priorities.
    live = [{**rule, "priority": 299 - number, "access": "Deny"} for number, rule in enumerate(APPROVED)]
    async with chaos_environment(
        tmp_path, monkeypatch, [document(WEB, live)], _objects(maxChanges=1000)
    ) as environment:
        operator_run = OperatorRun(environment)
        await operator_run.reconcile()
        assert [method for method in _methods(environment) if method != "GET"] == ["PUT"]
        (baseline,) = environment.objects("NSGBaseline")
        assert baseline["status"]["changeCount"] == 0


@pytest.mark.slow
async def test_an_unchanged_nsg_is_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A write in each reconcile would fill audit logs and overwrite other people's changes.
    async with chaos_environment(tmp_path, monkeypatch, [document(WEB, APPROVED)], _objects()) as environment:
        operator_run = OperatorRun(environment)
        await operator_run.reconcile()
        environment.cluster.requests.reset()
        for _ in range(PASSES):
            environment.clock.advance(minutes=1)
            await operator_run.reconcile()
        assert set(_methods(environment)) == {"GET"}
        assert len(_methods(environment)) >= PASSES
        assert environment.cluster.requests.writes == 0
