"""A deviation that comes and goes: one incident, few messages."""

from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.engine.operator_process import IDS, Lives


async def test_what_comes_and_goes_is_one_incident_that_says_so(lives: Lives) -> None:
    # Two controllers that fight over a rule would else page somebody twice a minute, all night.
    rogue, appgate = lives.stage.rogue, IDS["appgate"]
    for _ in range(6):
        await rogue.put_rule(appgate, "open-ssh", **OPEN_SSH)
        await lives.calm()
        await rogue.delete_rule(appgate, "open-ssh")
        await lives.calm()
    (incident,) = lives.incidents()
    assert incident["status"]["reopenCount"] == 5
    assert incident["status"]["state"] == "Open"
    events = [alert["alert"]["event"] for alert in lives.stage.receiver.alerts]
    assert events == ["Opened", "Resolved", "Updated", "Resolved", "Updated", "Resolved", "Updated"]
    assert "Reappeared 3 times within minutes" in lives.stage.receiver.alerts[-1]["message"]
