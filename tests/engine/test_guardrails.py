"""Guardrails in the operator: incidents, statuses, baselines that are not accepted, and what is not checked again."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from nsg_baseline.alerts.message import alert_message
from nsg_baseline.alerts.pending import pending_deliveries
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.guardrail_status import GuardrailStatus
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.cli.evidence.report import Report
from nsg_baseline.cli.render.report import FORMS
from nsg_baseline.core.conditions import find_condition
from nsg_baseline.kube.store import resource
from tests.support.alerts import OPERATOR
from tests.support.guardrails import guardrail_document
from tests.support.in_process_operator import API, PREFIX, InProcessOperator, in_process_operator
from tests.support.report_story import evidence
from tests.support.rule_shorthand import arm_rule

WEB, SSH = arm_rule("100 web allow tcp Internet -> *:443"), arm_rule("200 ssh allow tcp Internet -> *:22")


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[InProcessOperator]:
    """One NSG with a baseline, and a guardrail against SSH from the Internet."""
    async with in_process_operator(tmp_path, {"web": [WEB]}, "json://127.0.0.1:1") as running:
        running.api.apply(guardrail_document())
        await running.refresh()
        yield running


def incidents(operator: InProcessOperator, kind: str = "Guardrail") -> list[NSGIncident]:
    return [incident for incident in operator.records.incidents.all() if incident.spec.kind == kind]


def status(operator: InProcessOperator, name: str = "no-ssh") -> GuardrailStatus:
    stored = operator.records.store.find(NSGGuardrail, ObjectKey("", name))
    assert stored is not None
    return resource(NSGGuardrail, stored).status


def requests(operator: InProcessOperator) -> int:
    return sum(stored.version for kind in (NSGGuardrail, NSGIncident) for stored in operator.records.store.stored(kind))


def accepted(operator: InProcessOperator) -> str | None:
    condition = find_condition(operator.baseline("web").status.conditions, "Accepted")
    return condition.reason if condition is not None else None


def refusals(operator: InProcessOperator) -> list[str]:
    events = operator.api.list("events.k8s.io/v1", "Event")
    return [event["note"] for event in events if event["reason"] == "GuardrailViolated"]


async def test_a_violation_is_an_incident_with_and_without_a_baseline(operator: InProcessOperator) -> None:
    # An approval of a baseline does not change what a guardrail forbids.
    operator.azure.nsgs |= {"web": [WEB, SSH], "db": [SSH]}
    await operator.reconcile()
    (incident,) = incidents(operator)
    assert (incident.metadata.namespace, incident.spec.guardrail, incident.spec.scope) == (
        OPERATOR,
        "no-ssh",
        "production",
    )
    assert incident.status.severity == "critical"
    assert {change.nsg for change in incident.status.changes} == {PREFIX + "web", PREFIX + "db"}
    assert incident.status.summary == (
        "guardrail no-ssh is violated: NSG db (rg-web): rule ssh allows inbound TCP 22 from Internet to any "
        "(and 1 more violation)"
    )
    assert (status(operator).nsgs, status(operator).violating) == (2, 2)
    assert [violation.nsg for violation in status(operator).violations] == [PREFIX + "db", PREFIX + "web"]
    events = [event["reason"] for event in operator.api.list("v1", "Event", "default")]
    assert "GuardrailOpened" in events


async def test_the_incident_ends_with_the_last_violation(operator: InProcessOperator) -> None:
    operator.azure.nsgs |= {"web": [WEB, SSH], "db": [SSH]}
    await operator.reconcile()
    operator.azure.nsgs["web"] = [WEB]
    await operator.reconcile()
    (incident,) = incidents(operator)
    assert (incident.status.state, incident.status.change_count) == ("Open", 1)
    operator.azure.nsgs["db"] = []
    await operator.reconcile()
    (incident,) = incidents(operator)
    assert (incident.status.state, incident.status.resolution) == ("Resolved", "Reverted")
    assert status(operator).violating == 0


async def test_another_nsg_that_violates_notifies_again(operator: InProcessOperator) -> None:
    # The on-call engineer who has seen one violation has not seen the next one.
    operator.azure.nsgs["web"] = [WEB, SSH]
    await operator.reconcile()
    operator.azure.nsgs["db"] = [SSH]
    await operator.reconcile()
    (incident,) = incidents(operator)
    assert (incident.status.event, incident.status.revision) == ("Updated", 2)


async def test_a_wider_violation_by_the_same_rule_notifies_again(operator: InProcessOperator) -> None:
    # An attacker may widen a rule that was accepted as known.
    operator.azure.nsgs["web"] = [WEB, arm_rule("200 ssh allow tcp 203.0.113.7 -> *:22")]
    await operator.reconcile()
    operator.azure.nsgs["web"] = [WEB, SSH]
    await operator.reconcile()
    (incident,) = incidents(operator)
    assert incident.status.revision > 1


async def test_an_unchanged_reconcile_checks_nothing_and_writes_nothing(operator: InProcessOperator) -> None:
    # 5,000 NSGs are listed every minute.
    operator.azure.nsgs |= {"web": [WEB, SSH], "db": [SSH]}
    await operator.reconcile()
    await operator.reconcile()
    performed, written = operator.checks.performed, requests(operator)
    await operator.reconcile()
    assert (operator.checks.performed, requests(operator)) == (performed, written)
    assert performed == 2


async def test_an_edit_of_a_guardrail_checks_all_nsgs_again(operator: InProcessOperator) -> None:
    operator.azure.nsgs |= {"web": [WEB], "db": [WEB]}
    await operator.reconcile()
    forbidden = {"direction": "Inbound", "protocols": ["Tcp"], "source": "Internet", "ports": ["443"]}
    await operator.edit("NSGGuardrail", "no-ssh", {"never": [forbidden]})
    await operator.reconcile()
    assert status(operator).violating == 2
    assert accepted(operator) == "GuardrailViolated"


async def test_a_baseline_that_violates_a_guardrail_is_not_accepted(operator: InProcessOperator) -> None:
    # A team must see in its own namespace why the operator does not enforce its approval.
    await operator.edit("NSGBaseline", "web", {"rules": [WEB, SSH], "mode": "Enforce"}, "team-web")
    operator.azure.nsgs["web"] = [WEB, SSH]
    await operator.reconcile()
    baseline = operator.baseline("web")
    condition = find_condition(baseline.status.conditions, "Accepted")
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", "GuardrailViolated")
    assert condition.message == "guardrail no-ssh (never[0]): rule ssh allows inbound TCP 22 from Internet to any"
    assert not incidents(operator, "Drift")
    # One event, however often the baseline is compared.
    operator.azure.nsgs["web"] = [SSH, WEB]
    await operator.reconcile()
    assert refusals(operator) == [condition.message]
    await operator.edit("NSGBaseline", "web", {"rules": [WEB]}, "team-web")
    operator.azure.nsgs["web"] = [WEB]
    await operator.reconcile()
    assert accepted(operator) is None


async def test_a_baseline_that_violates_a_guardrail_is_not_enforced(operator: InProcessOperator) -> None:
    # The operator must not open by itself what no NSG may allow.
    await operator.edit("NSGScope", "production", {"maxMode": "Enforce"})
    await operator.edit(
        "NSGBaseline", "web", {"rules": [WEB, SSH], "mode": "Enforce", "rolloutGrace": "0s"}, "team-web"
    )
    operator.azure.writable = True
    await operator.reconcile()
    assert operator.azure.written == []
    baseline = operator.baseline("web")
    stalled = find_condition(baseline.status.conditions, "Stalled")
    assert stalled is not None
    assert stalled.reason == "GuardrailViolated"
    assert baseline.status.effective_mode == "Alert"
    (incident,) = incidents(operator, "Drift")
    assert incident.status.actions[-1].reason == "GuardrailViolated"


async def test_an_exception_ends(operator: InProcessOperator) -> None:
    # While it lasts, neither an incident nor a refused baseline; afterwards both, although nothing was edited.
    until = operator.clock() + timedelta(minutes=10)
    exception = {
        "resourceId": PREFIX + "web",
        "until": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": "INC-42",
        "approvedBy": "jo@example.com",
    }
    await operator.edit("NSGGuardrail", "no-ssh", {"exceptions": [exception]})
    await operator.edit("NSGBaseline", "web", {"rules": [WEB, SSH]}, "team-web")
    operator.azure.nsgs["web"] = [WEB, SSH]
    await operator.reconcile()
    assert (incidents(operator), accepted(operator), status(operator).excepted) == ([], None, 1)
    operator.clock.now = until
    await operator.reconcile()
    assert (len(incidents(operator)), accepted(operator), status(operator).excepted) == (1, "GuardrailViolated", 0)


async def test_an_exception_resolves_the_incident_as_approved(operator: InProcessOperator) -> None:
    operator.azure.nsgs["web"] = [WEB, SSH]
    await operator.reconcile()
    exception = {
        "resourceId": PREFIX + "web",
        "until": "2099-01-01T00:00:00Z",
        "reason": "INC-42",
        "approvedBy": "jo@example.com",
    }
    await operator.edit("NSGGuardrail", "no-ssh", {"exceptions": [exception]})
    await operator.reconcile()
    (incident,) = incidents(operator)
    assert incident.status.resolution == "Approved"


async def test_removing_the_tag_does_not_end_a_violation(operator: InProcessOperator) -> None:
    # An attacker with rights on the NSG would remove the tag that the guardrail matches.
    await operator.edit("NSGGuardrail", "no-ssh", {"match": {"tags": {"env": "prod"}}})
    operator.azure.nsgs["db"] = [SSH]
    await operator.reconcile()
    assert incidents(operator) == []
    operator.azure.tags["db"] = {"env": "prod"}
    await operator.reconcile()
    operator.azure.tags.clear()
    await operator.reconcile()
    await operator.reconcile()
    (incident,) = incidents(operator)
    assert incident.status.state == "Open"
    operator.azure.nsgs["db"] = []
    await operator.reconcile()
    (incident,) = incidents(operator)
    assert incident.status.state == "Resolved"


async def test_the_incident_of_a_deleted_guardrail_is_resolved(operator: InProcessOperator) -> None:
    operator.azure.nsgs["web"] = [WEB, SSH]
    await operator.reconcile()
    operator.api.delete(API, "NSGGuardrail", "no-ssh")
    await operator.refresh()
    await operator.reconcile()
    (incident,) = incidents(operator)
    assert (incident.status.state, incident.status.resolution) == ("Resolved", "TargetRemoved")


async def test_a_listing_that_breaks_off_ends_no_violation(operator: InProcessOperator) -> None:
    # An NSG on a page that was not read may violate the guardrail as before.
    operator.azure.nsgs["db"] = [SSH]
    await operator.reconcile()
    del operator.azure.nsgs["db"]
    operator.azure.breaks_off = AzureError("Unreachable", "gone")
    operator.checks.keep_only(())
    await operator.reconcile()
    (incident,) = incidents(operator)
    assert (incident.status.state, incident.status.change_count) == ("Open", 1)
    operator.azure.nsgs |= {"db": [SSH], "web": [WEB, SSH]}
    await operator.reconcile()
    (incident,) = incidents(operator)
    assert incident.status.change_count == 2


async def test_an_nsg_that_cannot_be_read_ends_no_violation(operator: InProcessOperator) -> None:
    operator.azure.nsgs["db"] = [SSH]
    await operator.reconcile()
    operator.azure.nsgs["db"] = [{**SSH, "priority": "high"}]
    await operator.reconcile()
    (incident,) = incidents(operator)
    assert incident.status.state == "Open"


async def test_an_invalid_guardrail_says_so_and_affects_no_other(operator: InProcessOperator) -> None:
    # An object from before an upgrade of the CRD may be invalid.
    broken = guardrail_document("broken", never=[])
    operator.records.store.put(NSGGuardrail, {**broken, "metadata": {**broken["metadata"], "uid": "1"}})
    operator.azure.nsgs["web"] = [WEB, SSH]
    assert [stored.key.name for stored, _ in operator.catalog.invalid()] == ["broken"]
    assert [guardrail.name for guardrail in operator.catalog.current().guardrails] == ["no-ssh"]


async def test_the_message_names_guardrail_nsg_rule_and_traffic(operator: InProcessOperator) -> None:
    # The engineer on call reads the title on a phone.
    operator.azure.nsgs["web"] = [WEB, SSH]
    await operator.reconcile()
    operator.clock.advance(minutes=1)
    route = next(iter(operator.outbox.routes()))
    (message,) = [
        alert_message(delivery)
        for delivery in pending_deliveries(route, operator.outbox.incidents(), OPERATOR, operator.clock())
        if delivery.incident.spec.kind == "Guardrail"
    ]
    assert message.title == (
        "[CRITICAL] guardrail no-ssh: NSG web (rg-web): rule ssh allows inbound TCP 22 from Internet to any"
    )
    assert [change.summary for change in message.changes] == ["violation by rule ssh in NSG web (rg-web)"]
    assert message.payload["incidents"][0]["guardrail"] == "no-ssh"
    assert any("kubectl get nsgguardrail no-ssh" in step.text for step in message.next_steps)
    assert not any(fact.startswith("Who:") for fact in message.facts)


async def test_the_report_names_the_guardrail_and_the_nsg(operator: InProcessOperator) -> None:
    # The auditor asks which NSGs violated which guardrail, and when.
    operator.azure.nsgs["web"] = [WEB, SSH]
    await operator.reconcile()
    now = operator.clock()
    report = Report(tuple(incidents(operator)), now - timedelta(days=1), now, now, evidence())
    text = FORMS["markdown"](report)
    assert "guardrail no-ssh in scope production" in text.replace("\\", "")
    assert "changed by" not in text
