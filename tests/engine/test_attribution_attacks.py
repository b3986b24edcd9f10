"""An attacker `mo` who wants a rule to look like one of `owner`, whose rules the baseline tolerates.

Azure, its Activity Log and the cluster are emulated over HTTP; the clock is the test's own.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.attribution_environment import (
    LB,
    RULE,
    WIDER,
    AttributingRun,
    AttributionEnvironment,
    attribution_environment,
)


@pytest.fixture
async def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AttributionEnvironment]:
    async with attribution_environment(tmp_path, monkeypatch) as prepared:
        yield prepared


def authors(status: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(caller["name"].partition("@")[0], caller["certain"]) for caller in status.get("changedBy", ())]


async def test_the_owners_new_rule_is_tolerated_at_once(environment: AttributionEnvironment) -> None:
    # Otherwise the other tests would prove nothing.
    environment.put_rule("owner", LB)
    status = await environment.reconcile_and_attribute()
    assert (status["resolution"], authors(status)) == ("Tolerated", [("owner", True)])


async def test_the_owners_changed_rule_is_tolerated_when_the_log_is_complete(
    environment: AttributionEnvironment,
) -> None:
    environment.put_rule("owner", LB)
    await environment.reconcile_and_attribute()
    environment.put_nsg("owner", WIDER)
    status = await environment.reconcile_and_attribute()
    assert (status["state"], authors(status)[0]) == ("Open", ("owner", False))
    status = await environment.reconcile_and_attribute(minutes=21)
    assert (status["resolution"], status["attribution"]) == ("Tolerated", "Found")


async def test_a_pipeline_that_copies_a_rule_is_not_its_author(environment: AttributionEnvironment) -> None:
    environment.put_rule("mo", LB)
    environment.put_nsg("owner", LB)
    status = await environment.reconcile_and_attribute(minutes=21)
    assert (status["state"], authors(status)) == ("Open", [("mo", True)])


async def test_a_pipeline_that_copies_a_rule_of_an_nsg_write_is_not_its_author(
    environment: AttributionEnvironment,
) -> None:
    environment.put_nsg("mo", LB)
    environment.put_nsg("owner", LB)
    assert authors(await environment.reconcile_and_attribute()) == [("mo", False)]
    status = await environment.reconcile_and_attribute(minutes=21)
    assert (status["state"], authors(status)) == ("Open", [("mo", True)])


@pytest.mark.parametrize("limit", [0, 200])
async def test_bodies_that_do_not_show_the_rule_prove_nothing(environment: AttributionEnvironment, limit: int) -> None:
    environment.chaos.azure.configure(activity_body_limit=limit)
    environment.put_nsg("mo", LB)
    environment.put_nsg("owner", LB)
    status = await environment.reconcile_and_attribute(minutes=31)
    assert (status["state"], status["attribution"]) == ("Open", "Uncertain")
    assert authors(status) == [("owner", False), ("mo", False)]


async def test_a_refused_write_makes_no_author(environment: AttributionEnvironment) -> None:
    assert environment.put_rule("owner", {**LB, "priority": 9999}) == 400
    environment.put_nsg("mo", LB)
    status = await environment.reconcile_and_attribute(minutes=21)
    assert (status["state"], authors(status)) == ("Open", [("mo", True)])


async def test_who_creates_a_deleted_rule_again_is_its_author(environment: AttributionEnvironment) -> None:
    environment.put_rule("owner", LB)
    environment.write("mo", "DELETE", RULE)
    environment.put_rule("mo", LB)
    status = await environment.reconcile_and_attribute()
    assert (status["state"], authors(status)) == ("Open", [("mo", True)])


async def test_a_refused_request_under_the_same_id_hides_no_write(environment: AttributionEnvironment) -> None:
    # The client chooses the correlation id that joins the rows of a request.
    headers = {"x-ms-correlation-request-id": "11111111-0000-4000-8000-000000000001"}
    assert environment.put_rule("mo", LB, **headers) == 201
    assert environment.put_rule("mo", {**LB, "priority": 9999}, **headers) == 400
    environment.put_nsg("owner", LB)
    status = await environment.reconcile_and_attribute(minutes=31)
    assert status["state"] == "Open"
    assert ("owner", True) not in authors(status)


async def test_an_ambiguous_body_proves_nothing(environment: AttributionEnvironment) -> None:
    # The operator would read a harmless rule, and Azure the other one.
    rule, harmless = ({key: value for key, value in document.items() if key != "name"} for document in (LB, WIDER))
    body = f'{{"properties": {json.dumps(harmless)}, "properties": {json.dumps(rule)}}}'
    assert environment.write("mo", "PUT", RULE, body.encode()) == 201
    environment.put_nsg("owner", LB)
    status = await environment.reconcile_and_attribute(minutes=31)
    assert status["state"] == "Open"
    assert ("owner", True) not in authors(status)


async def test_a_copy_of_content_from_before_a_restart_proves_nothing(environment: AttributionEnvironment) -> None:
    # The new operator does not know since when the rule is there, and the rule's own write is older than the log.
    environment.put_nsg("mo", LB)
    environment.chaos.clock.advance(minutes=70)
    await environment.chaos.connect()
    environment.put_nsg("owner", LB)
    environment.run = AttributingRun(environment.chaos)
    status = await environment.reconcile_and_attribute(minutes=31)
    assert (status["state"], authors(status)) == ("Open", [("owner", False)])


async def test_a_changed_rule_is_not_tolerated_for_the_author_of_its_first_content(
    environment: AttributionEnvironment,
) -> None:
    environment.put_rule("owner", LB)
    await environment.reconcile_and_attribute()
    environment.put_rule("mo", WIDER)
    status = await environment.reconcile_and_attribute(minutes=21)
    assert (status["state"], authors(status)[0]) == ("Open", ("mo", True))
