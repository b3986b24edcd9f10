"""Flapping drift: one incident, few messages."""

from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.engine.operator_process import IDS, OperatorProcess


async def test_flapping_drift_is_one_incident_that_says_so(operator_process: OperatorProcess) -> None:
    # Two controllers that revert each other would otherwise notify on-call twice a minute, all night.
    rogue, appgate = operator_process.environment.rogue, IDS["appgate"]
    for _ in range(6):
        await rogue.put_rule(appgate, "open-ssh", **OPEN_SSH)
        await operator_process.wait_until_delivered()
        await rogue.delete_rule(appgate, "open-ssh")
        await operator_process.wait_until_delivered()
    (incident,) = operator_process.incidents()
    assert incident["status"]["reopenCount"] == 5
    assert incident["status"]["state"] == "Open"
    events = [alert["alert"]["event"] for alert in operator_process.environment.receiver.alerts]
    assert events == ["Opened", "Resolved"] * 3 + ["Opened"]
    assert "Reappeared 3 times within minutes" in operator_process.environment.receiver.alerts[-1]["message"]
