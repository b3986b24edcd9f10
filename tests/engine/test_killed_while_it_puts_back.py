"""Killed at any moment of putting a rule back, the operator finishes it in its next life, and nobody misses it."""

import signal

import pytest

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import TEAM_NAMESPACE, recorded_nsgs
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.engine.kill_points import SECONDS, Moment, created, resolved, stored, told
from tests.engine.operator_process import IDS, Lives

APPGATE = IDS["appgate"]
RDP = {**OPEN_SSH, "priority": 4001, "destinationPortRange": "3389"}
WRITES_AT_MOST = 2
"""One, and one more by a next life that cannot know of it."""

_NSG, _LONG = r"/networkSecurityGroups/appgate\?", r"/operations/"
_INCIDENTS, _INCIDENT, _STATUS = r"/nsgincidents$", r"/nsgincidents/[^/]+/status$", r"/nsgbaselines/[^/]+/status$"
MOMENTS = (
    Moment("incident not created", "cluster", "POST", _INCIDENTS, acted=False),
    Moment("incident not stored", "cluster", "PATCH", _INCIDENT, acted=False, once=created),
    Moment("incident stored", "cluster", "PATCH", _INCIDENT, acted=True, once=stored(1)),
    Moment("read for the plan", "azure", "GET", _NSG, acted=True, once=stored(1)),
    Moment("not written", "azure", "PUT", _NSG, acted=False),
    Moment("written, not answered", "azure", "PUT", _NSG, acted=True),
    Moment("polled", "azure", "GET", _LONG, acted=True),
    Moment("end not stored", "cluster", "PATCH", _INCIDENT, acted=False, once=told(1)),
    Moment("end stored", "cluster", "PATCH", _INCIDENT, acted=True, once=resolved),
    Moment(
        "end told, not recorded",
        "cluster",
        "PATCH",
        _INCIDENT,
        acted=False,
        once=lambda stage: resolved(stage) and told(1)(stage),
    ),
    Moment("end told and recorded", "cluster", "PATCH", _INCIDENT, acted=True, once=told(2)),
)


@pytest.fixture
async def enforcing(lives: Lives) -> Lives:
    """The scope and the baseline of appgate both say Enforce."""
    api = lives.stage.cluster.api
    api.patch(API_VERSION, "NSGScope", "demo", {"spec": {"maxMode": "Enforce"}})
    api.patch(API_VERSION, "NSGBaseline", "appgate", {"spec": {"mode": "Enforce"}}, TEAM_NAMESPACE)
    await lives.look()
    return lives


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
async def test_a_rule_is_put_back_once_and_told(enforcing: Lives, moment: Moment) -> None:
    # A half-written NSG or a silent repair would be worse than none.
    lives = enforcing
    await lives.stage.rogue.put_rule(APPGATE, "open-rdp", **RDP)
    # From here on a write takes its time, so that there is something to poll.
    lives.stage.azure.emulator.configure(operation_delay=0.2, retry_after=None)
    lives.stage.azure.emulator.requests.reset()
    await lives.die(moment)
    lives.start()
    await lives.stage.until(lambda: resolved(lives.stage))
    await lives.calm()
    (incident,) = lives.incidents()
    assert incident["status"]["state"] == "Resolved"
    assert [change["rule"] for change in incident["status"]["changes"]] == ["open-rdp"]
    assert await rules(lives) == approved()
    writes = [one for one in lives.stage.azure.emulator.requests.records if one.method == "PUT"]
    assert 1 <= len(writes) <= WRITES_AT_MOST
    assert all("open-rdp" in alert["title"] for alert in lives.stage.receiver.alerts)
    assert all(len(repeats) <= WRITES_AT_MOST for repeats in lives.alerts().values())
    assert any(alert["alert"]["event"] == "Resolved" for alert in lives.stage.receiver.alerts)


async def test_what_is_over_before_anybody_could_be_told_is_told_all_the_same(enforcing: Lives) -> None:
    # A channel that is down for ten seconds must not hide that RDP was open to the Internet for one.
    lives, trouble = enforcing, enforcing.stage.cluster.api.interference
    trouble.fail(1000, code=503, path="/secrets/")
    await lives.stage.rogue.put_rule(APPGATE, "open-rdp", **RDP)
    lives.ask()
    await lives.stage.until(lambda: resolved(lives.stage))
    await lives.stage.stop_operator(signal.SIGKILL)
    trouble.stop()
    lives.start()
    alert = await lives.stage.receiver.next("FIXED", "new rule open-rdp", seconds=SECONDS)
    assert "3389" in alert["message"]
    await lives.calm()
    assert len(lives.stage.receiver.alerts) == 1


async def rules(lives: Lives) -> list[str]:
    live = await lives.stage.rogue.get(APPGATE)
    return sorted(rule["name"] for rule in live["properties"]["securityRules"])


def approved() -> list[str]:
    (nsg,) = (one for one in recorded_nsgs() if one["name"] == "appgate")
    return sorted(rule["name"] for rule in nsg["properties"]["securityRules"])
