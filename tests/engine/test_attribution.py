"""Who did it, in the running operator: asked seldom, told once, and given up in the end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nsg_baseline.api.common import API_VERSION, REQUESTED_AT
from nsg_baseline.cli.demo.environment import DemoEnvironment, demo_environment, objects, recorded_nsgs
from nsg_baseline.cli.demo.scenario import OPEN_SSH

APPGATE = next(str(nsg["id"]) for nsg in recorded_nsgs() if nsg["name"] == "appgate")


@pytest.fixture
async def curious(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DemoEnvironment]:
    monkeypatch.setenv("NSGB_ATTRIBUTION", "true")
    async with demo_environment(tmp_path) as environment:
        for resource in objects(environment.receiver, interval="24h"):
            environment.cluster.api.apply(resource)
        yield environment


async def reconcile(demo: DemoEnvironment, word: str) -> None:
    """Have a pass made now, and wait until it is over."""
    patch = {"metadata": {"annotations": {REQUESTED_AT: word}}}
    demo.cluster.api.patch(API_VERSION, "NSGScope", "demo", patch)
    await demo.until(lambda: _handled(demo) == word)


def _handled(demo: DemoEnvironment) -> str | None:
    status = demo.cluster.api.get(API_VERSION, "NSGScope", "demo").get("status") or {}
    return status.get("lastHandledReconcileAt")


async def test_who_did_it_follows_the_alert_in_one_query(curious: DemoEnvironment) -> None:
    # The alert does not wait for the log; the answer comes in the same incident, to the same people.
    await curious.start_operator()
    await curious.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
    await reconcile(curious, "one")
    await curious.receiver.next("new rule open-ssh")
    who = await curious.receiver.next("created open-ssh")
    assert "Who: jo@example.com from 203.0.113.7 with the Azure CLI" in who["message"]
    queries = [record for record in curious.azure.emulator.requests.records if "eventtypes" in record.path]
    assert len(queries) == 1
    (incident,) = curious.cluster.api.list(API_VERSION, "NSGIncident")
    assert incident["status"]["attribution"] == "Found"
    assert incident["status"]["changedBy"][0]["name"] == "jo@example.com"


async def test_a_rule_of_a_declared_caller_is_tolerated_once_the_log_has_it(curious: DemoEnvironment) -> None:
    # Terraform's identity may write what it likes under a name; anybody else who takes the name may not.
    tolerate = [{"name": "open-*", "caller": "JO@example.com"}]
    patch = {"spec": {"tolerate": tolerate}}
    curious.cluster.api.patch(API_VERSION, "NSGBaseline", "appgate", patch, "team-web")
    await curious.start_operator()
    await curious.rogue.put_rule(APPGATE, "open-web", **{**OPEN_SSH, "destinationPortRange": "8443"})
    await reconcile(curious, "one")
    await curious.receiver.next("new rule open-web")
    await curious.receiver.next("created open-web")
    await reconcile(curious, "two")
    resolved = await curious.receiver.next("RESOLVED", "open-web")
    assert "Tolerated" in resolved["message"]
    (incident,) = curious.cluster.api.list(API_VERSION, "NSGIncident")
    assert incident["status"]["resolution"] == "Tolerated"
    await curious.until(lambda: bool(curious.custom("NSGBaseline", "appgate")["status"].get("ruleAuthors")))
    (writer,) = curious.custom("NSGBaseline", "appgate")["status"]["ruleAuthors"]
    assert (writer["rule"], writer["caller"]) == ("open-web", "jo@example.com")
    # The same name with another meaning is anybody's again.
    await curious.rogue.put_rule(APPGATE, "open-web", **{**OPEN_SSH, "destinationPortRange": "8444"})
    await reconcile(curious, "three")
    await curious.until(lambda: any("8444" in alert["message"] for alert in curious.receiver.alerts))


async def test_an_acknowledgement_is_told_though_nothing_moves_in_azure(curious: DemoEnvironment) -> None:
    # One person acknowledges; the others need no further message.
    await curious.start_operator()
    await curious.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
    await reconcile(curious, "one")
    await curious.receiver.next("new rule open-ssh")
    (incident,) = curious.cluster.api.list(API_VERSION, "NSGIncident")
    patch = {"spec": {"acknowledged": {"by": "mo@example.com", "note": "on it"}}}
    name = incident["metadata"]["name"]
    curious.cluster.api.patch(API_VERSION, "NSGIncident", name, patch, "team-web")
    await reconcile(curious, "two")
    alert = await curious.receiver.next("ACKNOWLEDGED")
    assert "Acknowledged by mo@example.com: on it" in alert["message"]
