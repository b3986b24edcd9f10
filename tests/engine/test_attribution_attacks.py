"""An attacker `mo` who wants a rule to look like one of `owner`, whose rules the baseline tolerates.

Azure, its Activity Log and the cluster are emulated over HTTP; the clock is the test's own.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.engine.attribution import AttributionLoop
from nsg_emulator.arm.messages import ArmRequest
from tests.chaos.environment import (
    API,
    OPERATOR,
    TEAM,
    ChaosEnvironment,
    OperatorRun,
    chaos_environment,
    shorten_pauses,
)
from tests.chaos.objects import BEGINNING, SUBSCRIPTION, Actor, baseline, document
from tests.support.rule_shorthand import terse

WEB = Actor("web", "rg-prod", mode="Alert")
RULE = f"{WEB.id}/securityRules/lb-web"
LB = terse("200 lb-web allow tcp Internet -> *:8080")
WIDER = terse("200 lb-web allow tcp Internet -> *:8000-9000")


@dataclass(slots=True)
class World:
    """The operator and everybody else who writes the NSG."""

    environment: ChaosEnvironment
    run: "AttributingRun"

    def write(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> int:
        """Send a request, and let a second pass; return its HTTP status."""
        azure = self.environment.azure
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        token = azure.user_token(f"{who}@example.com")
        query = {"api-version": "2024-05-01"}
        fields = {"authorization": f"Bearer {token}", **headers}
        outcome = azure.handle(ArmRequest(method, path, query, fields, content, origin="https://arm.test"))
        self.environment.clock.pass_by(seconds=0.2)
        azure.azure.settle()
        self.environment.clock.pass_by(seconds=0.8)
        return outcome.response.status

    def put_rule(self, who: str, rule: dict[str, Any], **headers: str) -> int:
        properties = {key: value for key, value in rule.items() if key != "name"}
        return self.write(who, "PUT", RULE, {"properties": properties}, **headers)

    def put_nsg(self, who: str, *rules: dict[str, Any]) -> int:
        return self.write(who, "PUT", WEB.id, document(WEB, [*BEGINNING, *rules]))

    async def look(self, *, minutes: float = 1) -> dict[str, Any]:
        """Reconcile after 10 seconds, search the log after some minutes, reconcile again; return the last incident."""
        self.environment.clock.pass_by(seconds=10)
        await self.run.reconcile()
        self.environment.clock.pass_by(minutes=minutes)
        await self.run.attribute()
        await self.run.reconcile()
        statuses = [incident["status"] for incident in self.environment.objects("NSGIncident")]
        latest: dict[str, Any] = max(statuses, key=lambda status: str(status["openedAt"]))
        return latest


class AttributingRun(OperatorRun):
    """An operator that also searches the Activity Log."""

    async def attribute(self) -> None:
        def activity_of(_: object) -> Any:
            return self._environment.arm.activity_log, frozenset({OPERATOR})

        await AttributionLoop(activity_of, self._records, self._environment.clock).ask()


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
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
    async with chaos_environment(tmp_path, monkeypatch, [document(WEB, BEGINNING)], [scope, approved]) as environment:
        # The rows of the log must have the time of the test's clock.
        environment.clock.now = datetime.now(UTC)
        environment.azure.azure.clock = environment.clock
        world = World(environment, AttributingRun(environment))
        await world.run.reconcile()
        environment.clock.pass_by(minutes=1)
        yield world


def authors(status: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(caller["name"].partition("@")[0], caller["certain"]) for caller in status.get("changedBy", ())]


async def test_the_owners_new_rule_is_tolerated_at_once(world: World) -> None:
    # Otherwise the other tests would prove nothing.
    world.put_rule("owner", LB)
    status = await world.look()
    assert (status["resolution"], authors(status)) == ("Tolerated", [("owner", True)])


async def test_the_owners_changed_rule_is_tolerated_when_the_log_is_complete(world: World) -> None:
    world.put_rule("owner", LB)
    await world.look()
    world.put_nsg("owner", WIDER)
    status = await world.look()
    assert (status["state"], authors(status)[0]) == ("Open", ("owner", False))
    status = await world.look(minutes=21)
    assert (status["resolution"], status["attribution"]) == ("Tolerated", "Found")


async def test_a_pipeline_that_copies_a_rule_is_not_its_author(world: World) -> None:
    world.put_rule("mo", LB)
    world.put_nsg("owner", LB)
    status = await world.look(minutes=21)
    assert (status["state"], authors(status)) == ("Open", [("mo", True)])


async def test_a_pipeline_that_copies_a_rule_of_an_nsg_write_is_not_its_author(world: World) -> None:
    world.put_nsg("mo", LB)
    world.put_nsg("owner", LB)
    assert authors(await world.look()) == [("mo", False)]
    status = await world.look(minutes=21)
    assert (status["state"], authors(status)) == ("Open", [("mo", True)])


@pytest.mark.parametrize("limit", [0, 200])
async def test_bodies_that_do_not_show_the_rule_prove_nothing(world: World, limit: int) -> None:
    world.environment.azure.configure(activity_body_limit=limit)
    world.put_nsg("mo", LB)
    world.put_nsg("owner", LB)
    status = await world.look(minutes=31)
    assert (status["state"], status["attribution"]) == ("Open", "Uncertain")
    assert authors(status) == [("owner", False), ("mo", False)]


async def test_a_refused_write_makes_no_author(world: World) -> None:
    assert world.put_rule("owner", {**LB, "priority": 9999}) == 400
    world.put_nsg("mo", LB)
    status = await world.look(minutes=21)
    assert (status["state"], authors(status)) == ("Open", [("mo", True)])


async def test_who_creates_a_deleted_rule_again_is_its_author(world: World) -> None:
    world.put_rule("owner", LB)
    world.write("mo", "DELETE", RULE)
    world.put_rule("mo", LB)
    status = await world.look()
    assert (status["state"], authors(status)) == ("Open", [("mo", True)])


async def test_a_refused_request_under_the_same_id_hides_no_write(world: World) -> None:
    # The client chooses the correlation id that joins the rows of a request.
    headers = {"x-ms-correlation-request-id": "11111111-0000-4000-8000-000000000001"}
    assert world.put_rule("mo", LB, **headers) == 201
    assert world.put_rule("mo", {**LB, "priority": 9999}, **headers) == 400
    world.put_nsg("owner", LB)
    status = await world.look(minutes=31)
    assert status["state"] == "Open"
    assert ("owner", True) not in authors(status)


async def test_an_ambiguous_body_proves_nothing(world: World) -> None:
    # The operator would read a harmless rule, and Azure the other one.
    rule, harmless = ({key: value for key, value in document.items() if key != "name"} for document in (LB, WIDER))
    body = f'{{"properties": {json.dumps(harmless)}, "properties": {json.dumps(rule)}}}'
    assert world.write("mo", "PUT", RULE, body.encode()) == 201
    world.put_nsg("owner", LB)
    status = await world.look(minutes=31)
    assert status["state"] == "Open"
    assert ("owner", True) not in authors(status)


async def test_a_copy_of_content_from_before_a_restart_proves_nothing(world: World) -> None:
    # The new operator does not know since when the rule is there, and the rule's own write is older than the log.
    world.put_nsg("mo", LB)
    world.environment.clock.pass_by(minutes=70)
    await world.environment.connect()
    world.put_nsg("owner", LB)
    world.run = AttributingRun(world.environment)
    status = await world.look(minutes=31)
    assert (status["state"], authors(status)) == ("Open", [("owner", False)])


async def test_a_changed_rule_is_not_tolerated_for_the_author_of_its_first_content(world: World) -> None:
    world.put_rule("owner", LB)
    await world.look()
    world.put_rule("mo", WIDER)
    status = await world.look(minutes=21)
    assert (status["state"], authors(status)[0]) == ("Open", ("mo", True))
