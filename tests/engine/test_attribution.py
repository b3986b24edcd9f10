"""Who did it, in the running operator: asked seldom, told once, and given up in the end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nsg_baseline.cli.demo.stage import Stage, objects, recorded_nsgs, stage
from nsg_baseline.cli.demo.story import OPEN_SSH

APPGATE = next(str(nsg["id"]) for nsg in recorded_nsgs() if nsg["name"] == "appgate")


@pytest.fixture
async def curious(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setenv("NSGB_ATTRIBUTION", "true")
    async with stage(tmp_path) as found:
        for one in objects(found.receiver):
            found.cluster.api.apply(one)
        yield found


async def test_who_did_it_follows_the_alert_in_one_query(curious: Stage) -> None:
    # The alert does not wait for the log; the answer comes in the same incident, to the same people.
    await curious.start_operator()
    await curious.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
    await curious.receiver.next("RuleCreated open-ssh")
    who = await curious.receiver.next("WHO", "open-ssh")
    assert "by jo@example.com from 203.0.113.7 with the Azure CLI" in who["message"]
    asked = [one for one in curious.azure.emulator.requests.records if "eventtypes" in one.path]
    assert len(asked) == 1
    (incident,) = curious.cluster.api.list("nsg-baseline.io/v1alpha1", "NSGIncident")
    assert incident["status"]["attribution"] == "Found"
    assert incident["status"]["changedBy"][0]["name"] == "jo@example.com"
