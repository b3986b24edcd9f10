"""After a kill at any moment after the first notification, the operator continues in the same incident."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from typing_extensions import override

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import TEAM_NAMESPACE
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.engine.kill_points import KillPoint, delivered, stored
from tests.engine.operator_process import IDS, OperatorProcess

APPGATE = IDS["appgate"]
RDP = {**OPEN_SSH, "priority": 4001, "destinationPortRange": "3389"}
REPEATS_AT_MOST = 2

_INCIDENT, _STATUS = r"/nsgincidents/[^/]+/status$", r"/nsgbaselines/[^/]+/status$"
KILL_POINTS = (
    KillPoint("not stored", "cluster", "PATCH", _INCIDENT, handled=False, once=delivered(1)),
    KillPoint("stored", "cluster", "PATCH", _INCIDENT, handled=True, once=stored(2)),
    KillPoint("status not stored", "cluster", "PATCH", _STATUS, handled=False, once=stored(2)),
    KillPoint("delivered, not recorded", "cluster", "PATCH", _INCIDENT, handled=False, once=stored(2)),
    KillPoint("delivered and recorded", "cluster", "PATCH", _INCIDENT, handled=True, once=delivered(2)),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A change after SSH was opened and notified, words of its alert, and the resulting incident."""

    name: str
    act: Callable[[OperatorProcess], Awaitable[None]]
    says: tuple[str, ...]
    state: str
    resolution: str | None = None

    @override
    def __str__(self) -> str:
        return self.name


async def approve(operator_process: OperatorProcess) -> None:
    spec = operator_process.environment.custom("NSGBaseline", "appgate")["spec"]
    patch = {"spec": {"rules": [*spec["rules"], {"name": "open-ssh", **OPEN_SSH}]}}
    operator_process.environment.cluster.api.patch(API_VERSION, "NSGBaseline", "appgate", patch, TEAM_NAMESPACE)


STEPS = (
    Step(
        "a second rule",
        lambda operator_process: operator_process.environment.rogue.put_rule(APPGATE, "open-rdp", **RDP),
        ("now also", "appgate", "open-rdp"),
        "Open",
    ),
    Step(
        "reverted",
        lambda operator_process: operator_process.environment.rogue.delete_rule(APPGATE, "open-ssh"),
        ("RESOLVED", "appgate", "open-ssh"),
        "Resolved",
        "Reverted",
    ),
    Step("approved", approve, ("RESOLVED", "appgate", "open-ssh"), "Resolved", "Approved"),
)


@pytest.mark.parametrize("kill_point", KILL_POINTS, ids=str)
@pytest.mark.parametrize("step", STEPS, ids=str)
async def test_an_update_after_a_kill_belongs_to_the_same_incident(
    operator_process: OperatorProcess, step: Step, kill_point: KillPoint
) -> None:
    # On-call waits for the end of the incident. A second incident would leave the first one open.
    await operator_process.environment.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
    await operator_process.wait_until_delivered()
    await step.act(operator_process)
    await operator_process.kill_at(kill_point)
    operator_process.start()
    await operator_process.environment.receiver.next(*step.says)
    await operator_process.wait_until_delivered()
    (incident,) = operator_process.incidents()
    assert incident["status"]["state"] == step.state
    assert incident["status"].get("resolution") == step.resolution
    assert [len(repeats) <= REPEATS_AT_MOST for repeats in operator_process.alerts().values()] == [True, True]
