"""Blocked remediations: nothing is written, and the reason is visible, until its cause ends."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.core.incidents import PASSING
from tests.support.in_process_operator import InProcessOperator, in_process_operator
from tests.support.rule_shorthand import arm_rule

WEB = [arm_rule("100 web allow tcp Internet -> *:443")]
SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")
MANY = [arm_rule(f"{300 + number} rogue-{number} allow tcp Internet -> *:{number}") for number in range(1, 12)]
Step = Callable[[InProcessOperator], Awaitable[None]]


async def _suspend(operator: InProcessOperator) -> None:
    await operator.edit("NSGScope", "production", {"suspendEnforcement": True})


async def _resume(operator: InProcessOperator) -> None:
    await operator.edit("NSGScope", "production", {"suspendEnforcement": False})


async def _delay(operator: InProcessOperator) -> None:
    await operator.edit("NSGBaseline", "web", {"enforcement": {"delay": "5m"}}, "team-web")


async def _wait(operator: InProcessOperator) -> None:
    operator.clock.advance(minutes=5)


async def _interrupt_listing(operator: InProcessOperator) -> None:
    operator.azure.breaks_off = AzureError("Unreachable", "the connection was cut")


async def _complete_listing(operator: InProcessOperator) -> None:
    operator.azure.breaks_off = None


async def _change_many_rules(operator: InProcessOperator) -> None:
    # None of these is critical: a critical opening is restored in spite of the limit.
    operator.azure.nsgs["web"] = [*WEB, *MANY]


async def _change_one_rule(operator: InProcessOperator) -> None:
    operator.azure.nsgs["web"] = [*WEB, SSH]


def _set_provisioning_state(state: str) -> Step:
    async def step(operator: InProcessOperator) -> None:
        operator.azure.state = state

    return step


BLOCKERS = {
    "EnforcementSuspended": (_suspend, _resume),
    "Delayed": (_delay, _wait),
    "IncompleteReading": (_interrupt_listing, _complete_listing),
    "TooManyChanges": (_change_many_rules, _change_one_rule),
    "Updating": (_set_provisioning_state("Updating"), _set_provisioning_state("Succeeded")),
    "Deleting": (_set_provisioning_state("Deleting"), _set_provisioning_state("Succeeded")),
}


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[InProcessOperator]:
    """A compliant NSG in enforce mode."""
    async with in_process_operator(tmp_path, {"web": WEB}, "json://127.0.0.1:1") as started:
        started.azure.writable = True
        await started.edit("NSGScope", "production", {"maxMode": "Enforce"})
        await started.edit("NSGBaseline", "web", {"mode": "Enforce"}, "team-web")
        await started.reconcile()
        yield started


def _stalled(operator: InProcessOperator) -> list[str]:
    return [condition.reason for condition in operator.baseline("web").status.conditions if condition.type == "Stalled"]


def _events(operator: InProcessOperator) -> list[dict[str, Any]]:
    return [
        event for event in operator.api.list("events.k8s.io/v1", "Event") if event["reason"] == "EnforcementBlocked"
    ]


@pytest.mark.parametrize("reason", BLOCKERS)
async def test_a_blocked_remediation_writes_nothing_and_shows_its_reason(
    operator: InProcessOperator, reason: str
) -> None:
    # A remediation that does not happen without a reason looks like a failure, and a write in spite of the reason is an
    # outage.
    begin, end = BLOCKERS[reason]
    operator.azure.nsgs["web"] = [*WEB, SSH]
    await begin(operator)
    for _ in range(3):
        await operator.reconcile()
    assert operator.azure.written == []
    assert _stalled(operator) == [reason]
    if reason in PASSING:
        # It usually passes within a few reconciles, and must not notify each time.
        assert _events(operator) == []
        operator.clock.advance(minutes=5)
        await operator.reconcile()
    (incident,) = (item for item in operator.records.incidents.all() if item.spec.kind == "Drift")
    assert [(action.kind, action.reason) for action in incident.status.actions] == [("Blocked", reason)]
    (event,) = _events(operator)
    assert reason in event["note"]
    await end(operator)
    await operator.reconcile()
    assert operator.azure.written == ["web"]
    assert _stalled(operator) == []
    (incident,) = (item for item in operator.records.incidents.all() if item.spec.kind == "Drift")
    assert (incident.status.state, incident.status.resolution) == ("Resolved", "Remediated")


async def test_nothing_is_written_from_an_incomplete_listing(operator: InProcessOperator) -> None:
    # The drift is reported anyway.
    operator.azure.nsgs["web"] = [*WEB, SSH]
    operator.azure.breaks_off = AzureError("Unreachable", "the connection was cut")
    await operator.reconcile()
    (incident,) = (item for item in operator.records.incidents.all() if item.spec.kind == "Drift")
    assert incident.status.state == "Open"
    assert operator.azure.written == []


async def test_an_updating_nsg_is_read_again_within_seconds(operator: InProcessOperator) -> None:
    # The unapproved rule is in effect meanwhile. The interval of the scope may be an hour.
    operator.azure.nsgs["web"] = [*WEB, SSH]
    operator.azure.state = "Updating"
    await operator.reconcile()
    (observation,) = operator.memory.values()
    assert observation.due is not None
    assert 0 < (observation.due - operator.clock()).total_seconds() <= 30


async def test_a_critical_opening_is_restored_beside_what_is_left_out(operator: InProcessOperator) -> None:
    # Eleven trivial edits must not keep SSH open, and what is not restored must not look as if it were.
    operator.azure.nsgs["web"] = [*WEB, SSH, *MANY]
    await operator.reconcile()
    assert operator.azure.written == ["web"]
    assert "open-ssh" not in {live["name"] for live in operator.azure.nsgs["web"]}
    assert _stalled(operator) == ["TooManyChanges"]
    await operator.reconcile()
    assert operator.azure.written == ["web"]
    (incident,) = (item for item in operator.records.incidents.all() if item.spec.kind == "Drift")
    assert incident.status.state == "Open"
    actions = [(action.kind, action.reason) for action in incident.status.actions]
    assert actions == [("Remediated", "Restored"), ("Blocked", "TooManyChanges")]
    assert all("11 changes" in action.message or "12 changes" in action.message for action in incident.status.actions)
