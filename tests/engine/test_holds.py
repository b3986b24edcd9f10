"""What holds a remedy back that both sides want: nothing is written, and everybody can see why, until it is over."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.azure.errors import AzureError
from tests.support.in_process_operator import Home, home
from tests.support.rule_shorthand import terse

WEB = [terse("100 web allow tcp Internet -> *:443")]
SSH = terse("200 open-ssh allow tcp Internet -> *:22")
MANY = [terse(f"{300 + number} rogue-{number} allow tcp Internet -> *:{number}") for number in range(1, 12)]
Step = Callable[[Home], Awaitable[None]]


async def _suspend(ours: Home) -> None:
    await ours.edit("NSGScope", "production", {"suspendEnforcement": True})


async def _go_on(ours: Home) -> None:
    await ours.edit("NSGScope", "production", {"suspendEnforcement": False})


async def _delay(ours: Home) -> None:
    await ours.edit("NSGBaseline", "web", {"enforcement": {"delay": "5m"}}, "team-web")


async def _wait(ours: Home) -> None:
    ours.clock.pass_by(minutes=5)


async def _break_off(ours: Home) -> None:
    ours.azure.breaks_off = AzureError("Unreachable", "the connection was cut")


async def _mend(ours: Home) -> None:
    ours.azure.breaks_off = None


async def _change_much(ours: Home) -> None:
    ours.azure.nsgs["web"] += MANY


async def _change_little(ours: Home) -> None:
    ours.azure.nsgs["web"] = [*WEB, SSH]


def _become(state: str) -> Step:
    async def step(ours: Home) -> None:
        ours.azure.state = state

    return step


HOLDS = {
    "EnforcementSuspended": (_suspend, _go_on),
    "Delayed": (_delay, _wait),
    "IncompleteReading": (_break_off, _mend),
    "TooManyChanges": (_change_much, _change_little),
    "Updating": (_become("Updating"), _become("Succeeded")),
    "Deleting": (_become("Deleting"), _become("Succeeded")),
    "Failed": (_become("Failed"), _become("Succeeded")),
}


@pytest.fixture
async def ours(tmp_path: Path) -> AsyncIterator[Home]:
    """An NSG that is put back, as approved so far."""
    async with home(tmp_path, {"web": WEB}, "json://127.0.0.1:1") as found:
        found.azure.writable = True
        await found.edit("NSGScope", "production", {"maxMode": "Enforce"})
        await found.edit("NSGBaseline", "web", {"mode": "Enforce"}, "team-web")
        await found.look()
        yield found


def _stalled(ours: Home) -> list[str]:
    return [one.reason for one in ours.baseline("web").status.conditions if one.type == "Stalled"]


def _events(ours: Home) -> list[dict[str, Any]]:
    return [one for one in ours.api.list("events.k8s.io/v1", "Event") if one["reason"] == "EnforcementBlocked"]


@pytest.mark.parametrize("reason", HOLDS)
async def test_nothing_is_written_and_everybody_can_see_why(ours: Home, reason: str) -> None:
    # A remedy that silently does not come looks like one that failed; a write in spite of it is an outage.
    begin, end = HOLDS[reason]
    ours.azure.nsgs["web"] = [*WEB, SSH]
    await begin(ours)
    for _ in range(3):
        await ours.look()
    assert ours.azure.written == []
    assert _stalled(ours) == [reason]
    (incident,) = ours.records.incidents.all()
    assert [(one.kind, one.reason) for one in incident.status.actions] == [("Blocked", reason)]
    (event,) = _events(ours)
    assert reason in event["note"]
    await end(ours)
    await ours.look()
    assert ours.azure.written == ["web"]
    assert _stalled(ours) == []
    (incident,) = ours.records.incidents.all()
    assert (incident.status.state, incident.status.resolution) == ("Resolved", "Remediated")


async def test_one_page_is_not_put_back_before_the_next_was_read(ours: Home) -> None:
    # Half a listing is half the truth: what is judged from it is told, and not acted upon.
    ours.azure.nsgs["web"] = [*WEB, SSH]
    ours.azure.breaks_off = AzureError("Unreachable", "the connection was cut")
    await ours.look()
    (incident,) = ours.records.incidents.all()
    assert incident.status.state == "Open"
    assert ours.azure.written == []


async def test_azure_at_work_is_asked_again_within_seconds(ours: Home) -> None:
    # The door stands open meanwhile; an interval of an hour would leave it so.
    ours.azure.nsgs["web"] = [*WEB, SSH]
    ours.azure.state = "Updating"
    await ours.look()
    (seen,) = ours.memory.values()
    assert seen.due is not None
    assert 0 < (seen.due - ours.clock()).total_seconds() <= 30
