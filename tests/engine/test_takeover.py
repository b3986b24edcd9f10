"""A waiting baseline of another namespace becomes the owner of an NSG, although nobody edited an approval."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.environment import (
    API,
    STRANGERS,
    TEAM,
    ChaosEnvironment,
    OperatorRun,
    chaos_environment,
    shorten_pauses,
)
from tests.chaos.objects import BEGINNING, SUBSCRIPTION, Actor, baseline, document

WEB = Actor("web", "rg-prod", STRANGERS, mode="Alert")


@pytest.fixture
async def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ChaosEnvironment]:
    shorten_pauses(monkeypatch)
    scope = {
        "apiVersion": API,
        "kind": "NSGScope",
        "metadata": {"name": "production"},
        "spec": {"subscriptionId": SUBSCRIPTION, "interval": "60s", "allowedNamespaces": {"all": True}},
    }
    objects = [scope, baseline(WEB, BEGINNING)]
    async with chaos_environment(tmp_path, monkeypatch, [document(WEB, BEGINNING)], objects) as started:
        yield started


def add_waiting(environment: ChaosEnvironment, namespace: str) -> None:
    """Add a baseline whose key sorts after the owner's, so that it waits even if both have the same age."""
    waiting = baseline(WEB, BEGINNING)
    waiting["metadata"] = {"name": "zz-web", "namespace": namespace}
    environment.cluster.apply(waiting)


async def delete_owner(environment: ChaosEnvironment, operator: OperatorRun) -> None:
    await operator.reconcile()
    environment.cluster.delete(API, "NSGBaseline", "web", STRANGERS)
    environment.clock.advance(minutes=1)


def reported(environment: ChaosEnvironment) -> list[dict[str, Any]]:
    statuses = [incident["status"] for incident in environment.objects("NSGIncident")]
    return [status for status in statuses if status.get("resolution") == "TakenOver"]


async def test_a_takeover_is_an_event_and_an_incident(environment: ChaosEnvironment) -> None:
    add_waiting(environment, TEAM)
    await delete_owner(environment, OperatorRun(environment))
    # The status names the owner before, so a restart in between loses nothing.
    await OperatorRun(environment).reconcile()
    (status,) = reported(environment)
    assert status["summary"] == f"NSG web is now managed by baseline {TEAM}/zz-web, and no longer by {STRANGERS}/web"
    assert (status["severity"], status["revision"], status["state"]) == ("high", 1, "Resolved")
    events = environment.cluster.list("events.k8s.io/v1", "Event")
    assert [event["regarding"]["name"] for event in events if event["reason"] == "NSGTakenOver"] == ["zz-web"]


async def test_a_takeover_is_reported_once(environment: ChaosEnvironment) -> None:
    add_waiting(environment, TEAM)
    operator = OperatorRun(environment)
    await delete_owner(environment, operator)
    for _ in range(3):
        await operator.reconcile()
        environment.clock.advance(minutes=1)
    assert len(reported(environment)) == 1


async def test_a_takeover_within_a_namespace_is_not_reported(environment: ChaosEnvironment) -> None:
    # The same team approves the rules.
    add_waiting(environment, STRANGERS)
    operator = OperatorRun(environment)
    await delete_owner(environment, operator)
    await operator.reconcile()
    assert reported(environment) == []
