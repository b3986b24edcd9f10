"""Attribution in the running operator: few queries, one notification, and an end after half an hour."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nsg_baseline.api.common import API_VERSION, REQUESTED_AT
from nsg_baseline.cli.demo.environment import DemoEnvironment, demo_environment, objects, recorded_nsgs
from nsg_baseline.cli.demo.scenario import OPEN_SSH

APPGATE = next(str(nsg["id"]) for nsg in recorded_nsgs() if nsg["name"] == "appgate")


@pytest.fixture
async def attributing_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DemoEnvironment]:
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


async def watch(demo: DemoEnvironment) -> None:
    """Start the operator, and wait until it has read the NSG: only of what it saw before it knows what is new.

    The sweep queries the log once at the start.
    """
    await demo.start_operator()
    await demo.until(lambda: _compliant(demo) == "True" and _log_queries(demo) == 1)


def _log_queries(demo: DemoEnvironment) -> int:
    return sum("eventtypes" in record.path for record in demo.azure.emulator.requests.records)


def _compliant(demo: DemoEnvironment) -> str:
    conditions = demo.custom("NSGBaseline", "appgate").get("status", {}).get("conditions", [])
    return next((str(state["status"]) for state in conditions if state["type"] == "Compliant"), "")


def _handled(demo: DemoEnvironment) -> str | None:
    status = demo.cluster.api.get(API_VERSION, "NSGScope", "demo").get("status") or {}
    return status.get("lastHandledReconcileAt")


async def test_the_author_is_added_to_the_incident_after_one_query(attributing_operator: DemoEnvironment) -> None:
    # The alert does not wait for the log. The author is an update of the same incident, to the same receivers.
    await watch(attributing_operator)
    await attributing_operator.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
    await reconcile(attributing_operator, "one")
    await attributing_operator.receiver.next("new rule open-ssh")
    who = await attributing_operator.receiver.next("created rule open-ssh")
    assert "Who: jo@example.com from 203.0.113.7 with the Azure CLI" in who["message"]
    assert _log_queries(attributing_operator) == 2
    (incident,) = attributing_operator.cluster.api.list(API_VERSION, "NSGIncident")
    assert incident["status"]["attribution"] == "Found"
    (caller,) = incident["status"]["changedBy"]
    assert (caller["name"], caller["certain"]) == ("jo@example.com", True)


async def test_a_rule_of_a_declared_caller_is_tolerated_once_the_log_confirms_it(
    attributing_operator: DemoEnvironment,
) -> None:
    # Terraform's identity may write rules under its names. Another identity that uses these names may not.
    # The source is private: what a tolerated rule opens to the Internet is reported in any case.
    private = {**OPEN_SSH, "sourceAddressPrefix": "10.9.0.0/16"}
    tolerate = [{"name": "open-*", "caller": "JO@example.com"}]
    patch = {"spec": {"tolerate": tolerate}}
    attributing_operator.cluster.api.patch(API_VERSION, "NSGBaseline", "appgate", patch, "team-web")
    await watch(attributing_operator)
    await attributing_operator.rogue.put_rule(APPGATE, "open-web", **{**private, "destinationPortRange": "8443"})
    await reconcile(attributing_operator, "one")
    await attributing_operator.receiver.next("new rule open-web")
    await attributing_operator.receiver.next("created rule open-web")
    await reconcile(attributing_operator, "two")
    resolved = await attributing_operator.receiver.next("RESOLVED", "open-web")
    assert "now tolerated" in resolved["title"]
    (incident,) = attributing_operator.cluster.api.list(API_VERSION, "NSGIncident")
    assert incident["status"]["resolution"] == "Tolerated"
    await attributing_operator.until(
        lambda: bool(attributing_operator.custom("NSGBaseline", "appgate")["status"].get("ruleAuthors"))
    )
    (writer,) = attributing_operator.custom("NSGBaseline", "appgate")["status"]["ruleAuthors"]
    assert (writer["rule"], writer["caller"]) == ("open-web", "jo@example.com")
    # The same name with another meaning is anybody's again.
    await attributing_operator.rogue.put_rule(APPGATE, "open-web", **{**private, "destinationPortRange": "8444"})
    await reconcile(attributing_operator, "three")
    await attributing_operator.until(
        lambda: any("8444" in alert["message"] for alert in attributing_operator.receiver.alerts)
    )


async def test_an_acknowledgement_is_notified_without_a_change_in_azure(attributing_operator: DemoEnvironment) -> None:
    # The other engineers need to know that somebody acknowledged the incident.
    await watch(attributing_operator)
    await attributing_operator.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
    await reconcile(attributing_operator, "one")
    await attributing_operator.receiver.next("new rule open-ssh")
    (incident,) = attributing_operator.cluster.api.list(API_VERSION, "NSGIncident")
    patch = {"spec": {"acknowledged": {"by": "mo@example.com", "note": "on it"}}}
    name = incident["metadata"]["name"]
    attributing_operator.cluster.api.patch(API_VERSION, "NSGIncident", name, patch, "team-web")
    await reconcile(attributing_operator, "two")
    alert = await attributing_operator.receiver.next("ACKNOWLEDGED")
    assert "Acknowledged by mo@example.com: on it" in alert["message"]
