"""Killed at any moment of a remediation, the operator completes it after its restart, and notifies it."""

import signal

import pytest

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import TEAM_NAMESPACE, recorded_nsgs
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.engine.kill_points import SECONDS, KillPoint, created, delivered, resolved, stored
from tests.engine.operator_process import IDS, OperatorProcess

APPGATE = IDS["appgate"]
RDP = {**OPEN_SSH, "priority": 4001, "destinationPortRange": "3389"}
WRITES_AT_MOST = 2
"""One, and another after the restart if the first was not recorded."""

_NSG, _LONG = r"/networkSecurityGroups/appgate\?", r"/operations/"
_INCIDENTS, _INCIDENT, _STATUS = r"/nsgincidents$", r"/nsgincidents/[^/]+/status$", r"/nsgbaselines/[^/]+/status$"
KILL_POINTS = (
    KillPoint("incident not created", "cluster", "POST", _INCIDENTS, handled=False),
    KillPoint("incident not stored", "cluster", "PATCH", _INCIDENT, handled=False, once=created),
    KillPoint("incident stored", "cluster", "PATCH", _INCIDENT, handled=True, once=stored(1)),
    KillPoint("read for the plan", "azure", "GET", _NSG, handled=True, once=stored(1)),
    KillPoint("not written", "azure", "PUT", _NSG, handled=False),
    KillPoint("written, not answered", "azure", "PUT", _NSG, handled=True),
    KillPoint("polled", "azure", "GET", _LONG, handled=True),
    KillPoint("end not stored", "cluster", "PATCH", _INCIDENT, handled=False, once=delivered(1)),
    KillPoint("end stored", "cluster", "PATCH", _INCIDENT, handled=True, once=resolved),
    KillPoint(
        "end delivered, not recorded",
        "cluster",
        "PATCH",
        _INCIDENT,
        handled=False,
        once=lambda environment: resolved(environment) and delivered(1)(environment),
    ),
    KillPoint("end delivered and recorded", "cluster", "PATCH", _INCIDENT, handled=True, once=delivered(2)),
)


@pytest.fixture
async def enforcing(operator_process: OperatorProcess) -> OperatorProcess:
    """The scope and the baseline of appgate both say Enforce."""
    api = operator_process.environment.cluster.api
    api.patch(API_VERSION, "NSGScope", "demo", {"spec": {"maxMode": "Enforce"}})
    api.patch(API_VERSION, "NSGBaseline", "appgate", {"spec": {"mode": "Enforce"}}, TEAM_NAMESPACE)
    await operator_process.reconcile()
    return operator_process


@pytest.mark.parametrize("kill_point", KILL_POINTS, ids=str)
async def test_a_rule_is_restored_once_and_notified(enforcing: OperatorProcess, kill_point: KillPoint) -> None:
    # A half-written NSG or a remediation without a notification would be worse than none.
    operator_process = enforcing
    await operator_process.environment.rogue.put_rule(APPGATE, "open-rdp", **RDP)
    # From here on a write takes its time, so that there is something to poll.
    operator_process.environment.azure.emulator.configure(operation_delay=0.2, retry_after=None)
    operator_process.environment.azure.emulator.requests.reset()
    await operator_process.kill_at(kill_point)
    operator_process.start()
    await operator_process.environment.until(lambda: resolved(operator_process.environment))
    await operator_process.wait_until_delivered()
    (incident,) = operator_process.incidents()
    assert incident["status"]["state"] == "Resolved"
    assert [change["rule"] for change in incident["status"]["changes"]] == ["open-rdp"]
    assert await live_rules(operator_process) == approved_rules()
    writes = [
        record for record in operator_process.environment.azure.emulator.requests.records if record.method == "PUT"
    ]
    assert 1 <= len(writes) <= WRITES_AT_MOST
    assert all("open-rdp" in alert["title"] for alert in operator_process.environment.receiver.alerts)
    assert all(len(repeats) <= WRITES_AT_MOST for repeats in operator_process.alerts().values())
    assert any(alert["alert"]["event"] == "Resolved" for alert in operator_process.environment.receiver.alerts)


async def test_drift_that_ended_before_its_notification_is_notified(enforcing: OperatorProcess) -> None:
    # A channel that is down for ten seconds must not hide that RDP was open to the Internet for one.
    # A refusal, not an outage: in an outage, the operator notifies with the Secret in memory.
    operator_process, trouble = enforcing, enforcing.environment.cluster.api.interference
    trouble.fail(1000, code=403, path="/secrets/")
    await operator_process.environment.rogue.put_rule(APPGATE, "open-rdp", **RDP)
    operator_process.request_reconcile()
    await operator_process.environment.until(lambda: resolved(operator_process.environment))
    await operator_process.environment.stop_operator(signal.SIGKILL)
    trouble.stop()
    operator_process.start()
    alert = await operator_process.environment.receiver.next("FIXED", "new rule open-rdp", seconds=SECONDS)
    assert "3389" in alert["message"]
    await operator_process.wait_until_delivered()
    assert len(operator_process.environment.receiver.alerts) == 1


async def live_rules(operator_process: OperatorProcess) -> list[str]:
    live = await operator_process.environment.rogue.get(APPGATE)
    return sorted(rule["name"] for rule in live["properties"]["securityRules"])


def approved_rules() -> list[str]:
    (nsg,) = (document for document in recorded_nsgs() if document["name"] == "appgate")
    return sorted(rule["name"] for rule in nsg["properties"]["securityRules"])
