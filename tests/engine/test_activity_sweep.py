"""Drift between two readings: it is found in the Activity Log, reported once, and has its author."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nsg_emulator.arm.faults import unavailable
from tests.chaos.environment import API, TEAM
from tests.engine.attribution_world import LB, RULE, AttributingRun, World, attribution_world


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with attribution_world(tmp_path, monkeypatch) as prepared:
        # The first sweep notes that the baseline matches.
        await prepared.run.sweep()
        yield prepared


def open_for_a_moment(world: World) -> None:
    world.put_rule("mo", LB)
    world.write("mo", "DELETE", RULE)


async def swept(world: World) -> list[dict[str, Any]]:
    world.environment.clock.pass_by(minutes=5)
    await world.run.reconcile()
    await world.run.sweep()
    return [incident["status"] for incident in world.environment.objects("NSGIncident")]


def queries(world: World) -> int:
    return sum("eventtypes" in record.path for record in world.environment.azure.requests.records)


async def test_a_rule_between_two_readings_is_a_closed_incident(world: World) -> None:
    # Someone who opens a port for 30 seconds out of each minute would never be seen.
    open_for_a_moment(world)
    (status,) = await swept(world)
    assert (status["state"], status["resolution"], status["severity"]) == ("Resolved", "Reverted", "info")
    assert status["summary"] == "RuleCreated lb-web, between two readings"
    await world.run.attribute()
    (incident,) = world.environment.objects("NSGIncident")
    assert [caller["name"] for caller in incident["status"]["changedBy"]] == ["mo@example.com"]
    events = world.environment.cluster.list("events.k8s.io/v1", "Event")
    assert [event["note"].partition(",")[0] for event in events if event["reason"] == "DriftBetweenReadings"] == [
        "RuleCreated lb-web"
    ]


async def test_it_is_reported_once(world: World) -> None:
    # The rows stay in the log for the next sweeps, and for another operator.
    open_for_a_moment(world)
    assert len(await swept(world)) == 1
    assert len(await swept(world)) == 1
    world.run = AttributingRun(world.environment)
    await world.run.reconcile()
    assert len(await swept(world)) == 1


async def test_what_a_reading_saw_is_not_reported_again(world: World) -> None:
    world.put_rule("mo", LB)
    await world.run.reconcile()
    world.write("mo", "DELETE", RULE)
    (status,) = await swept(world)
    assert "between two readings" not in status["summary"]


async def test_what_was_approved_before_an_edit_is_no_drift(world: World) -> None:
    # A pipeline wrote what the previous version of the baseline approved.
    open_for_a_moment(world)
    rules = {"spec": {"rolloutGrace": "1h"}}
    world.environment.cluster.patch(API, "NSGBaseline", "web", rules, TEAM)
    assert await swept(world) == []


async def test_each_subscription_is_asked_once(world: World) -> None:
    before = queries(world)
    await swept(world)
    assert queries(world) == before + 1


async def test_a_log_that_cannot_be_read_is_asked_again(world: World) -> None:
    open_for_a_moment(world)
    world.environment.azure.faults.add(unavailable(path="eventtypes", count=None))
    assert await swept(world) == []
    world.environment.clear_faults()
    assert len(await swept(world)) == 1
