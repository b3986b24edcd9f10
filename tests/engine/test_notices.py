"""What the comparison does not cover is reported once, through Azure's and the API server's interfaces."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.environment import API, TEAM, ChaosEnvironment, OperatorRun, chaos_environment, shorten_pauses
from tests.chaos.objects import BEGINNING, SUBSCRIPTION, Actor, baseline, document

WEB = Actor("web", "rg-prod", TEAM, mode="Alert")


@pytest.fixture
async def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ChaosEnvironment]:
    shorten_pauses(monkeypatch)
    spec = {"subscriptionId": SUBSCRIPTION, "interval": "60s", "allowedNamespaces": {"all": True}}
    scope = {"apiVersion": API, "kind": "NSGScope", "metadata": {"name": "production"}, "spec": spec}
    objects = [scope, baseline(WEB, BEGINNING)]
    async with chaos_environment(tmp_path, monkeypatch, [document(WEB, BEGINNING)], objects) as started:
        yield started


async def test_an_nsg_that_is_created_again_is_reported_once(environment: ChaosEnvironment) -> None:
    # Between two readings, and with the same rules, so that there is no drift. A restart repeats nothing.
    await OperatorRun(environment).reconcile()
    store = environment.azure.store
    store.put(replace(store.nsgs[WEB.id.lower()], resource_guid=store.new_id(), etag=store.new_etag()))
    for _ in range(3):
        environment.clock.advance(minutes=1)
        operator = OperatorRun(environment)
        await operator.reconcile()
        await operator.reconcile()
    (incident,) = environment.objects("NSGIncident")
    assert incident["status"]["summary"] == "NSG web was deleted and created again"
    assert incident["status"]["resolution"] == "Noted"
    events = environment.cluster.list("events.k8s.io/v1", "Event")
    assert [(event["type"], event["reason"]) for event in events] == [("Normal", "NSGNoted")]
