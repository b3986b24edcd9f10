"""Drift between two readings: it is found in the Activity Log, reported once, and has its author."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nsg_emulator.arm.faults import unavailable
from tests.chaos.environment import API, TEAM
from tests.chaos.objects import BEGINNING, document
from tests.engine.attribution_environment import (
    LB,
    RULE,
    WEB,
    WIDER,
    AttributingRun,
    AttributionEnvironment,
    attribution_environment,
)
from tests.support.rule_shorthand import arm_rule

SSH = arm_rule("300 ssh allow tcp Internet -> *:22")


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


async def test_repeated_drift_is_one_incident(environment: AttributionEnvironment) -> None:
    # Somebody who opens a port 40 times an hour must not bury the incident of somebody else under hundreds of others.
    for _ in range(4):
        open_for_a_moment(environment)
        environment.put_rule("mo", WIDER)
        environment.write("mo", "DELETE", RULE)
        await swept(environment)
    (incident,) = environment.chaos.objects("NSGIncident")
    assert incident["status"]["state"] == "Resolved"
    assert incident["status"]["reopenCount"] == 3


async def test_an_nsg_that_is_deleted_and_created_again(environment: AttributionEnvironment) -> None:
    # It filtered nothing in between, and looks the same afterwards but for its GUID.
    assert environment.write("mo", "DELETE", WEB.id) < 300
    assert environment.write("mo", "PUT", WEB.id, document(WEB, BEGINNING)) < 300
    statuses = {status["severity"]: status for status in await swept(environment)}
    assert {severity: status["summary"] for severity, status in statuses.items()} == {
        "high": "NSGDeleted, between two readings",
        "info": "NSG web was deleted and created again",
    }
    assert {status["state"] for status in statuses.values()} == {"Resolved"}


async def test_an_unbaselined_nsg_that_is_created_and_deleted(environment: AttributionEnvironment) -> None:
    # Nobody but the log ever sees it, and it may have opened a network interface for a minute.
    stray = replace(WEB, name="stray")
    assert environment.write("mo", "PUT", stray.id, document(stray, [SSH])) < 300
    assert environment.write("mo", "DELETE", stray.id) < 300
    (status,) = await swept(environment)
    assert (status["state"], status["severity"]) == ("Resolved", "critical")
    assert status["summary"] == "NSGCreated stray, between two readings"
    assert len(await swept(environment)) == 1
    (incident,) = environment.chaos.objects("NSGIncident")
    assert (incident["spec"]["kind"], incident["spec"]["scope"]) == ("Unbaselined", "production")
    await environment.run.attribute()
    (incident,) = environment.chaos.objects("NSGIncident")
    assert [caller["name"] for caller in incident["status"]["changedBy"]] == ["mo@example.com"]


async def test_an_unbaselined_nsg_that_is_opened_and_closed(environment: AttributionEnvironment) -> None:
    # The readings know the NSG, but not what it opened for a moment.
    stray = replace(WEB, name="stray")
    environment.write("al", "PUT", stray.id, document(stray, BEGINNING))
    before = await swept(environment)
    properties = {key: value for key, value in SSH.items() if key != "name"}
    environment.write("mo", "PUT", f"{stray.id}/securityRules/ssh", {"properties": properties})
    environment.write("mo", "DELETE", f"{stray.id}/securityRules/ssh")
    added = [status for status in await swept(environment) if status not in before]
    assert [(status["state"], status["severity"]) for status in added] == [("Resolved", "critical")]
    assert len(await swept(environment)) == len(before) + 1


async def test_an_ignored_nsg_is_not_reported(environment: AttributionEnvironment) -> None:
    environment.chaos.cluster.patch(
        API, "NSGScope", "production", {"spec": {"unbaselined": {"ignoreNames": ["stray*"]}}}
    )
    await environment.run.reconcile()
    stray = replace(WEB, name="stray-1")
    environment.write("mo", "PUT", stray.id, document(stray, [SSH]))
    environment.write("mo", "DELETE", stray.id)
    assert await swept(environment) == []
