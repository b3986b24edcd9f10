"""Drift between two readings: it is found in the Activity Log, reported once, and has its author."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nsg_emulator.arm.faults import unavailable
from tests.chaos.environment import API, TEAM
from tests.engine.attribution_environment import (
    LB,
    RULE,
    AttributingRun,
    AttributionEnvironment,
    attribution_environment,
)


@pytest.fixture
async def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AttributionEnvironment]:
    async with attribution_environment(tmp_path, monkeypatch) as prepared:
        # The first sweep notes that the baseline matches.
        await prepared.run.sweep()
        yield prepared


def open_for_a_moment(environment: AttributionEnvironment) -> None:
    environment.put_rule("mo", LB)
    environment.write("mo", "DELETE", RULE)


async def swept(environment: AttributionEnvironment) -> list[dict[str, Any]]:
    environment.chaos.clock.advance(minutes=5)
    await environment.run.reconcile()
    await environment.run.sweep()
    return [incident["status"] for incident in environment.chaos.objects("NSGIncident")]


def queries(environment: AttributionEnvironment) -> int:
    return sum("eventtypes" in record.path for record in environment.chaos.azure.requests.records)


async def test_a_rule_between_two_readings_is_a_closed_incident(environment: AttributionEnvironment) -> None:
    # Someone who opens a port for 30 seconds out of each minute would never be seen.
    open_for_a_moment(environment)
    (status,) = await swept(environment)
    assert (status["state"], status["resolution"], status["severity"]) == ("Resolved", "Reverted", "info")
    assert status["summary"] == "RuleCreated lb-web, between two readings"
    await environment.run.attribute()
    (incident,) = environment.chaos.objects("NSGIncident")
    assert [caller["name"] for caller in incident["status"]["changedBy"]] == ["mo@example.com"]
    events = environment.chaos.cluster.list("events.k8s.io/v1", "Event")
    assert [event["note"].partition(",")[0] for event in events if event["reason"] == "DriftBetweenReadings"] == [
        "RuleCreated lb-web"
    ]


async def test_it_is_reported_once(environment: AttributionEnvironment) -> None:
    # The rows stay in the log for the next sweeps, and for another operator.
    open_for_a_moment(environment)
    assert len(await swept(environment)) == 1
    assert len(await swept(environment)) == 1
    environment.run = AttributingRun(environment.chaos)
    await environment.run.reconcile()
    assert len(await swept(environment)) == 1


async def test_what_a_reading_saw_is_not_reported_again(environment: AttributionEnvironment) -> None:
    environment.put_rule("mo", LB)
    await environment.run.reconcile()
    environment.write("mo", "DELETE", RULE)
    (status,) = await swept(environment)
    assert "between two readings" not in status["summary"]


async def test_what_was_approved_before_an_edit_is_no_drift(environment: AttributionEnvironment) -> None:
    # A pipeline wrote what the previous version of the baseline approved.
    open_for_a_moment(environment)
    rules = {"spec": {"rolloutGrace": "1h"}}
    environment.chaos.cluster.patch(API, "NSGBaseline", "web", rules, TEAM)
    assert await swept(environment) == []


async def test_each_subscription_is_asked_once(environment: AttributionEnvironment) -> None:
    before = queries(environment)
    await swept(environment)
    assert queries(environment) == before + 1


async def test_a_log_that_cannot_be_read_is_asked_again(environment: AttributionEnvironment) -> None:
    open_for_a_moment(environment)
    environment.chaos.azure.faults.add(unavailable(path="eventtypes", count=None))
    assert await swept(environment) == []
    environment.chaos.clear_faults()
    assert len(await swept(environment)) == 1
