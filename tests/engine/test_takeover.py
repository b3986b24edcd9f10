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


def reported(environment: ChaosEnvironment) -> dict[str, dict[str, Any]]:
    """Return the statuses of the incidents about takeovers by namespace, at most one in each."""
    incidents = [
        incident
        for incident in environment.objects("NSGIncident")
        if incident["status"].get("resolution") == "TakenOver"
    ]
    statuses = {incident["metadata"]["namespace"]: incident["status"] for incident in incidents}
    assert len(statuses) == len(incidents)
    return statuses


async def test_a_takeover_is_an_event_and_an_incident(environment: ChaosEnvironment) -> None:
    add_waiting(environment, TEAM)
    await delete_owner(environment, OperatorRun(environment))
    # The status names the owner before, so a restart in between loses nothing.
    await OperatorRun(environment).reconcile()
    status = reported(environment)[TEAM]
    assert status["summary"] == f"NSG web is now managed by baseline {TEAM}/zz-web, and no longer by {STRANGERS}/web"
    assert (status["severity"], status["revision"], status["state"]) == ("high", 1, "Resolved")
    events = environment.cluster.list("events.k8s.io/v1", "Event")
    regarding = [event["regarding"] for event in events if event["reason"] == "NSGTakenOver"]
    places = [(item["namespace"], item["name"]) for item in regarding]
    assert sorted(places) == sorted([(TEAM, "zz-web"), (STRANGERS, "web")])
    # The previous owner is deleted; an incident in its namespace reports it there.
    assert reported(environment)[STRANGERS]["summary"] == status["summary"]


async def test_a_takeover_is_reported_once(environment: ChaosEnvironment) -> None:
    add_waiting(environment, TEAM)
    operator = OperatorRun(environment)
    await delete_owner(environment, operator)
    for _ in range(3):
        await operator.reconcile()
        environment.clock.advance(minutes=1)
    assert reported(environment).keys() == {TEAM, STRANGERS}


async def test_a_takeover_within_a_namespace_is_not_reported(environment: ChaosEnvironment) -> None:
    # The same team approves the rules.
    add_waiting(environment, STRANGERS)
    operator = OperatorRun(environment)
    await delete_owner(environment, operator)
    await operator.reconcile()
    assert reported(environment) == {}


def rank(environment: ChaosEnvironment, *namespaces: str) -> None:
    names = {"all": None, "names": list(namespaces)}
    environment.cluster.patch(API, "NSGScope", "production", {"spec": {"allowedNamespaces": names}})


async def test_an_earlier_namespace_of_the_scope_takes_over_from_a_later_one(environment: ChaosEnvironment) -> None:
    # Otherwise the first baseline decides what is approved.
    rank(environment, TEAM, STRANGERS)
    operator = OperatorRun(environment)
    await operator.reconcile()
    environment.clock.advance(minutes=1)
    add_waiting(environment, TEAM)
    for _ in range(3):
        await operator.reconcile()
        environment.clock.advance(minutes=1)
    (loser,) = (item for item in environment.objects("NSGBaseline") if item["metadata"]["name"] == "web")
    assert loser["status"]["managedBy"] == {"namespace": TEAM, "name": "zz-web"}
    assert reported(environment).keys() == {STRANGERS}, "the new owner never waited"
    assert f"now managed by baseline {TEAM}/zz-web" in reported(environment)[STRANGERS]["summary"]


async def test_each_namespace_is_notified_once_when_the_precedence_is_edited(environment: ChaosEnvironment) -> None:
    rank(environment, STRANGERS, TEAM)
    operator = OperatorRun(environment)
    await operator.reconcile()
    environment.clock.advance(minutes=1)
    add_waiting(environment, TEAM)
    await operator.reconcile()
    environment.clock.advance(minutes=1)
    rank(environment, TEAM, STRANGERS)
    for _ in range(3):
        await operator.reconcile()
        environment.clock.advance(minutes=1)
    assert reported(environment).keys() == {TEAM, STRANGERS}


async def test_a_deleted_namespace_does_not_keep_the_nsg_from_its_new_owner(environment: ChaosEnvironment) -> None:
    add_waiting(environment, TEAM)
    operator = OperatorRun(environment)
    await delete_owner(environment, operator)
    environment.cluster.delete("v1", "Namespace", STRANGERS)
    await operator.reconcile()
    (winner,) = (item for item in environment.objects("NSGBaseline") if item["metadata"]["name"] == "zz-web")
    assert "managedBy" not in winner["status"]
    assert TEAM in reported(environment)
