"""Exceptions in the running operator: listed while they are active, and an incident when they end."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import TEAM_NAMESPACE, DemoEnvironment, demo_environment, objects, recorded_nsgs
from nsg_baseline.cli.demo.scenario import OPEN_SSH

APPGATE = next(str(nsg["id"]) for nsg in recorded_nsgs() if nsg["name"] == "appgate")


@pytest.fixture
async def daily_operator(tmp_path: Path) -> AsyncIterator[DemoEnvironment]:
    """An operator that looks again after a day, unless there is a reason."""
    async with demo_environment(tmp_path) as environment:
        for resource in objects(environment.receiver, interval="24h"):
            environment.cluster.api.apply(resource)
        yield environment


async def test_an_exception_is_listed_while_active_and_its_rule_is_reported_at_its_end(
    daily_operator: DemoEnvironment,
) -> None:
    # Without a report, an exception would approve its rule permanently. With the interval of a day, the report would be
    # late.
    demo = daily_operator
    await demo.start_operator()
    await demo.until(lambda: _status(demo).get("changeCount") == 0)
    await demo.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
    _except_ssh(demo, datetime.now(UTC) + timedelta(hours=1))
    await demo.until(lambda: bool(_status(demo).get("exceptions")))
    (listed,) = _status(demo)["exceptions"]
    assert (listed["rule"], listed["inUse"], listed["reason"]) == ("open-ssh", True, "INC-42")
    assert listed["approvedBy"] == "jo@example.com"
    assert _status(demo)["changeCount"] == 0
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5)
    _except_ssh(demo, end)
    alert = await demo.receiver.next("new rule open-ssh")
    assert datetime.now(UTC) >= end
    assert "CRITICAL" in alert["title"]
    await demo.until(lambda: _status(demo).get("exceptions") == [])


def _except_ssh(demo: DemoEnvironment, until: datetime) -> None:
    """Except the rule open-ssh until a moment."""
    excepted = {
        "rule": {"name": "open-ssh", **OPEN_SSH},
        "until": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": "INC-42",
        "approvedBy": "jo@example.com",
    }
    patch = {"spec": {"exceptions": [excepted]}}
    demo.cluster.api.patch(API_VERSION, "NSGBaseline", "appgate", patch, TEAM_NAMESPACE)


def _status(demo: DemoEnvironment) -> dict[str, Any]:
    status: dict[str, Any] = demo.custom("NSGBaseline", "appgate").get("status") or {}
    return status
