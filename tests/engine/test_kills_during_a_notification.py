"""Killed with SIGKILL at any moment and started again, the operator misses no change and opens no second incident.

Nodes die, and a rollout kills processes that do not end in time. Stored state decides what is sent: each change at
least once, each repeat with the same key.
"""

import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from typing_extensions import override

from nsg_baseline.cli.demo.rogue import Rogue
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.engine.kill_points import KillPoint, created, delivered, killed_at, stored
from tests.engine.operator_process import IDS, OperatorProcess

APPGATE, VAULT = IDS["appgate"], IDS["us3-staging-dog-vault"]
MIXED = IDS["nsg-mixed-rules"]
WIDE = {**OPEN_SSH, "protocol": "*", "destinationPortRange": "*"}
BACKDOOR = {
    "location": "westus",
    "properties": {"securityRules": [{"name": "everything", "properties": WIDE}]},
}
ALERTS_AT_MOST = 2
"""One, and its repeat after the restart."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the demo's scenario.

    Attributes:
        name: the change.
        act: makes the change.
        says: words of the alert's title.
        kind: of the incident.
    """

    name: str
    act: Callable[[Rogue], Awaitable[None]]
    says: tuple[str, ...]
    kind: str = "Drift"

    @override
    def __str__(self) -> str:
        return self.name


STEPS = (
    Step(
        "rule created",
        lambda rogue: rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH),
        ("appgate", "new rule open-ssh"),
    ),
    Step(
        "rule updated",
        lambda rogue: rogue.put_rule(VAULT, "us3-staging-dog-vault-ssh", **{**OPEN_SSH, "priority": 1001}),
        ("us3-staging-dog-vault", "changed rule us3-staging-dog-vault-ssh"),
    ),
    Step("rule deleted", lambda rogue: rogue.delete_rule(IDS["c7n-nsg"], "test4"), ("c7n-nsg", "deleted rule test4")),
    Step(
        "NSG created",
        lambda rogue: rogue.put_nsg(MIXED.replace("nsg-mixed-rules", "backdoor"), BACKDOOR),
        ("NSG backdoor", "has no baseline"),
        "Unbaselined",
    ),
    Step("NSG deleted", lambda rogue: rogue.delete_nsg(MIXED), ("nsg-mixed-rules", "deleted NSG")),
)

_INCIDENTS, _INCIDENT, _STATUS = (
    r"/nsgincidents$",
    r"/nsgincidents/[^/]+/status$",
    r"/(nsgbaselines|nsgscopes)/[^/]+/status$",
)
KILL_POINTS = (
    KillPoint("first page requested", "azure", "GET", r"/networkSecurityGroups\?(?!.*skipToken)", handled=True),
    KillPoint("second page requested", "azure", "GET", r"/networkSecurityGroups\?.*skipToken", handled=False),
    KillPoint("incident not created", "cluster", "POST", _INCIDENTS, handled=False),
    KillPoint("incident created", "cluster", "POST", _INCIDENTS, handled=True),
    KillPoint("incident not stored", "cluster", "PATCH", _INCIDENT, handled=False),
    KillPoint("incident stored", "cluster", "PATCH", _INCIDENT, handled=True, once=stored(1)),
    KillPoint("event not posted", "cluster", "POST", "/events$", handled=False, once=created),
    KillPoint("status not stored", "cluster", "PATCH", _STATUS, handled=False, once=stored(1)),
    KillPoint("delivered, not recorded", "cluster", "PATCH", _INCIDENT, handled=False, once=stored(1)),
    KillPoint("delivered and recorded", "cluster", "PATCH", _INCIDENT, handled=True, once=delivered(1)),
)
UNSURE = ("second page requested", "event not posted", "status not stored")
"""Beside these, what else is stored and delivered may have gone ahead."""


@pytest.mark.parametrize("kill_point", KILL_POINTS, ids=str)
@pytest.mark.parametrize("step", STEPS, ids=str)
async def test_a_change_has_one_incident_and_is_notified(
    operator_process: OperatorProcess, step: Step, kill_point: KillPoint
) -> None:
    # Each step is combined with every kill point from Azure's response to the record of the delivery.
    operator_process.environment.azure.emulator.configure(page_size=2)
    await step.act(operator_process.environment.rogue)
    await operator_process.kill_at(kill_point)
    operator_process.start()
    await operator_process.environment.receiver.next(*step.says)
    await operator_process.wait_until_delivered()
    assert_one_incident(operator_process, step)
    (repeats,) = operator_process.alerts().values()
    assert len(repeats) <= ALERTS_AT_MOST
    assert len({alert["title"] for alert in repeats}) == 1


def assert_one_incident(operator_process: OperatorProcess, step: Step) -> None:
    (incident,) = operator_process.incidents()
    assert incident["spec"]["kind"] == step.kind
    assert incident["status"]["state"] == "Open"
    assert len(incident["status"]["changes"]) == 1


async def test_a_crash_loop_ends_in_one_incident(operator_process: OperatorProcess) -> None:
    # Each start of the operator gets one request further than the one before.
    step = STEPS[0]
    operator_process.environment.azure.emulator.configure(page_size=2)
    await step.act(operator_process.environment.rogue)
    await operator_process.kill_at(KILL_POINTS[0])
    for kill_point in (candidate for candidate in KILL_POINTS[1:] if candidate.name not in UNSURE):
        async with killed_at(operator_process.environment, kill_point):
            operator_process.start()
    operator_process.start()
    await operator_process.wait_until_delivered()
    assert_one_incident(operator_process, step)
    (repeats,) = operator_process.alerts().values()
    assert len({alert["title"] for alert in repeats}) == 1


async def test_changes_during_a_downtime_are_notified_after_it(operator_process: OperatorProcess) -> None:
    # A watch that receives only events would miss them.
    await operator_process.environment.stop_operator(signal.SIGKILL)
    for step in STEPS:
        await step.act(operator_process.environment.rogue)
    operator_process.start()
    for step in STEPS:
        await operator_process.environment.receiver.next(*step.says)
    await operator_process.wait_until_delivered()
    assert len(operator_process.incidents()) == len(operator_process.environment.receiver.alerts) == len(STEPS)
