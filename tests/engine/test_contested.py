"""A fight: what is put back and comes again three times within an hour is left alone, and both sides are named."""

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import TEAM_NAMESPACE
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.engine.operator_process import IDS, Lives

APPGATE = IDS["appgate"]


async def test_a_fight_is_detected_and_stopped(lives: Lives) -> None:
    # A policy that writes every minute and an operator that does too: endless, and each a lock-out away.
    api = lives.stage.cluster.api
    api.patch(API_VERSION, "NSGScope", "demo", {"spec": {"maxMode": "Enforce"}})
    api.patch(API_VERSION, "NSGBaseline", "appgate", {"spec": {"mode": "Enforce"}}, TEAM_NAMESPACE)
    await lives.look()
    lives.stage.azure.emulator.requests.reset()
    for _ in range(5):
        await lives.stage.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
        await lives.calm()
    asked = lives.stage.azure.emulator.requests.records
    ours = [one for one in asked if one.method == "PUT" and one.path.endswith("/networkSecurityGroups/appgate")]
    assert len(ours) == 3
    status = lives.stage.custom("NSGBaseline", "appgate")["status"]
    stalled = next(one for one in status["conditions"] if one["type"] == "Stalled")
    assert stalled["reason"] == "Contested"
    assert "restored 3 times within an hour" in stalled["message"]
    (incident,) = lives.incidents()
    assert incident["status"]["actions"][-1]["reason"] == "Contested"
