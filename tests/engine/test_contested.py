"""A contested NSG: after three restores within an hour a change is not restored again; both writers are named."""

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import TEAM_NAMESPACE
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.engine.operator_process import IDS, OperatorProcess

APPGATE = IDS["appgate"]


def _stalled(operator_process: OperatorProcess) -> dict[str, str] | None:
    status = operator_process.environment.custom("NSGBaseline", "appgate")["status"]
    return next((condition for condition in status["conditions"] if condition["type"] == "Stalled"), None)


async def test_a_contested_remediation_is_detected_and_blocked(operator_process: OperatorProcess) -> None:
    # A policy and an operator that both write every minute would continue endlessly, and each write could block an
    # administrator.
    api = operator_process.environment.cluster.api
    api.patch(API_VERSION, "NSGScope", "demo", {"spec": {"maxMode": "Enforce"}})
    api.patch(API_VERSION, "NSGBaseline", "appgate", {"spec": {"mode": "Enforce"}}, TEAM_NAMESPACE)
    await operator_process.reconcile()
    operator_process.environment.azure.emulator.requests.reset()
    for _ in range(5):
        await operator_process.environment.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
        await operator_process.wait_until_delivered()
    records = operator_process.environment.azure.emulator.requests.records
    writes = [
        record
        for record in records
        if record.method == "PUT" and record.path.endswith("/networkSecurityGroups/appgate")
    ]
    assert len(writes) == 3
    # The status is stored after the incident, so it can follow the notification.
    await operator_process.environment.until(lambda: _stalled(operator_process) is not None)
    stalled = _stalled(operator_process) or {}
    assert stalled["reason"] == "Contested"
    assert "restored 3 times within an hour" in stalled["message"]
    (incident,) = operator_process.incidents()
    assert incident["status"]["actions"][-1]["reason"] == "Contested"
