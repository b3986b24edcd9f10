"""Killed at any moment of what comes after an incident was told, the operator tells that too, in the same incident."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from typing_extensions import override

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import TEAM_NAMESPACE
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.engine.kill_points import Moment, stored, told
from tests.engine.operator_process import IDS, Lives

APPGATE = IDS["appgate"]
RDP = {**OPEN_SSH, "priority": 4001, "destinationPortRange": "3389"}
REPEATS_AT_MOST = 2

_INCIDENT, _STATUS = r"/nsgincidents/[^/]+/status$", r"/nsgbaselines/[^/]+/status$"
MOMENTS = (
    Moment("not stored", "cluster", "PATCH", _INCIDENT, acted=False, once=told(1)),
    Moment("stored", "cluster", "PATCH", _INCIDENT, acted=True, once=stored(2)),
    Moment("status not stored", "cluster", "PATCH", _STATUS, acted=False, once=stored(2)),
    Moment("told, not recorded", "cluster", "PATCH", _INCIDENT, acted=False, once=stored(2)),
    Moment("told and recorded", "cluster", "PATCH", _INCIDENT, acted=True, once=told(2)),
)


@dataclass(frozen=True, slots=True)
class Step:
    """What comes after SSH was opened and told: what somebody does, the alert's words, and how the incident stands."""

    name: str
    act: Callable[[Lives], Awaitable[None]]
    says: tuple[str, ...]
    state: str
    resolution: str | None = None

    @override
    def __str__(self) -> str:
        return self.name


async def approve(lives: Lives) -> None:
    spec = lives.stage.custom("NSGBaseline", "appgate")["spec"]
    patch = {"spec": {"rules": [*spec["rules"], {"name": "open-ssh", **OPEN_SSH}]}}
    lives.stage.cluster.api.patch(API_VERSION, "NSGBaseline", "appgate", patch, TEAM_NAMESPACE)


STEPS = (
    Step(
        "a second rule",
        lambda lives: lives.stage.rogue.put_rule(APPGATE, "open-rdp", **RDP),
        ("UPDATE", "NSG appgate", "open-rdp"),
        "Open",
    ),
    Step(
        "taken back",
        lambda lives: lives.stage.rogue.delete_rule(APPGATE, "open-ssh"),
        ("RESOLVED", "NSG appgate", "open-ssh"),
        "Resolved",
        "Reverted",
    ),
    Step("approved", approve, ("RESOLVED", "NSG appgate", "open-ssh"), "Resolved", "Approved"),
)


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
@pytest.mark.parametrize("step", STEPS, ids=str)
async def test_it_is_told_in_the_same_incident(lives: Lives, step: Step, moment: Moment) -> None:
    # On-call waits for the end of what it was woken by; a second incident would never end for it.
    await lives.stage.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
    await lives.calm()
    await step.act(lives)
    await lives.die(moment)
    lives.start()
    await lives.stage.receiver.next(*step.says)
    await lives.calm()
    (incident,) = lives.incidents()
    assert incident["status"]["state"] == step.state
    assert incident["status"].get("resolution") == step.resolution
    assert [len(repeats) <= REPEATS_AT_MOST for repeats in lives.alerts().values()] == [True, True]
