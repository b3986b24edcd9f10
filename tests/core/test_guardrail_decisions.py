"""What is stored about guardrails: their incidents, and their own status."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nsg_baseline.api.guardrail import GuardrailSpec
from nsg_baseline.api.guardrail_status import GuardrailStatus, ViolationStatus
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.guardrail_decisions import (
    GuardrailObservation,
    GuardrailResult,
    NSGViolation,
    decide_guardrails,
    guardrail_status,
    invalid_guardrail_status,
    violating_nsgs,
)
from nsg_baseline.core.guardrails import compiled, violations
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.incident_steps import IncidentStep
from nsg_baseline.core.rules import normalise
from tests.support.decisions import API, scope
from tests.support.nsgs import NOW, NSG
from tests.support.rule_shorthand import arm_rule

OPERATOR = "nsg-baseline-system"
SSH = {"direction": "Inbound", "protocols": ["Tcp"], "source": "Internet", "ports": ["22"]}
PROBES = {"direction": "Inbound", "protocols": ["Tcp"], "source": "AzureLoadBalancer", "ports": ["80"]}
OPEN = "100 ssh allow tcp Internet -> *:22"
WEB, API_NSG, SHOP = (NSG.replace("/web", f"/{name}") for name in ("web", "api", "shop"))
TRAFFIC = "inbound TCP 22 from Internet to any"


def violated(nsg: str, *rules: str, kind: str = "never", name: str = "no-ssh") -> tuple[NSGViolation, ...]:
    """Return how an NSG with these rules violates a guardrail."""
    clause = SSH if kind == "never" else PROBES
    guardrail = compiled(name, GuardrailSpec.model_validate({kind: [clause], "severity": "critical"}))
    entries = violations([guardrail], [normalise(arm_rule(rule)) for rule in rules or (OPEN,)])
    return tuple(NSGViolation(NSGId.parse(nsg), violation) for violation in entries)


def result(*entries: NSGViolation, **fields: Any) -> GuardrailResult:
    return GuardrailResult(violations=entries, **fields)


def observation(results: dict[str, GuardrailResult], **fields: Any) -> GuardrailObservation:
    return GuardrailObservation(
        **{"now": NOW, "namespace": OPERATOR, "scope": scope(), "is_complete": True, "results": results, **fields}
    )


def stored(step: IncidentStep) -> NSGIncident:
    """Return the incident that a step stores."""
    document = {
        "apiVersion": API,
        "kind": "NSGIncident",
        "metadata": {"name": step.name, "namespace": OPERATOR},
        "spec": step.subject.spec().model_dump(by_alias=True, exclude_none=True),
    }
    return NSGIncident.model_validate(document).model_copy(update={"status": step.status})


def incident(*entries: NSGViolation, name: str = "no-ssh") -> NSGIncident:
    (step,) = decide_guardrails(observation({name: result(*entries)}))
    return stored(step)


def test_an_incident_says_which_nsg_violates_what_and_why_it_matters() -> None:
    # This is all that the on-call engineer of the platform gets about a guardrail.
    three = result(*violated(API_NSG), *violated(WEB), *violated(SHOP), description="the audit asks for it", nsgs=3)
    (step,) = decide_guardrails(observation({"no-ssh": three}))
    subject = step.subject
    assert (subject.kind, subject.namespace, subject.scope, subject.guardrail) == (
        "Guardrail",
        OPERATOR,
        "production",
        "no-ssh",
    )
    status = step.status
    assert (status.state, status.severity, status.event) == ("Open", "critical", "Opened")
    assert status.severity_reason == "guardrail no-ssh forbids it: the audit asks for it"
    text = f"guardrail no-ssh is violated: NSG api (rg-web): rule ssh allows {TRAFFIC} (and 2 more violations)"
    assert status.summary == text
    assert [(notice.reason, notice.message) for notice in step.notices] == [("GuardrailOpened", text)]
    assert [(change.kind, change.nsg, change.rule, change.severity) for change in status.changes] == [
        ("GuardrailViolated", nsg, "ssh", "critical") for nsg in (API_NSG, WEB, SHOP)
    ]
    assert {change.live for change in status.changes} == {"100 Inbound Allow Tcp from Internet to * port 22"}


def test_a_single_violation_of_a_required_clause_is_explained_as_such() -> None:
    # "forbids" would send the reader to the wrong half of the guardrail.
    entries = violated(WEB, "100 no deny * * -> *:*", kind="always", name="probes")
    (step,) = decide_guardrails(observation({"probes": result(*entries)}))
    assert step.status.severity_reason == "guardrail probes requires it"
    assert step.status.summary == (
        "guardrail probes is violated: NSG web (rg-web): rule no blocks inbound TCP 80 from AzureLoadBalancer to any"
    )


def test_each_violation_has_a_fingerprint_that_stays_the_same() -> None:
    # Incidents store fingerprints: if two violations shared one, the second would never be notified, and if they
    # changed with a version, everybody would be notified of all of them again.
    narrow = "100 ssh allow tcp 203.0.113.7 -> *:22"
    groups = (
        violated(WEB),
        violated(API_NSG),
        violated(WEB, OPEN.replace("100 ssh", "100 other")),
        violated(WEB, narrow),
        violated(WEB, OPEN, name="never-ssh"),
        violated(WEB, "100 no deny * * -> *:*", kind="always"),
    )
    fingerprints = [
        str(change.fingerprint)
        for entries in groups
        for change in incident(*entries, name=entries[0].violation.guardrail).status.changes
    ]
    assert fingerprints == [
        "46218833f369ea2a69aee2ce",
        "8d175fcc1b014fbb54fd4d32",
        "08f5b44aa3317f5557440bb1",
        "30c7cfe9a24998cdec986852",
        "cf1a8a671aecffc9d5ecb646",
        "bb8973e481b3549c199e3576",
    ]
    assert len(set(fingerprints)) == len(groups)
    # The case of an id differs between Azure's responses.
    assert incident(*violated(WEB.upper())).status.fingerprints == incident(*violated(WEB)).status.fingerprints
    second = replace(violated(WEB)[0], violation=replace(violated(WEB)[0].violation, clause="never[1]"))
    assert incident(second).status.fingerprints != incident(*violated(WEB)).status.fingerprints


@pytest.mark.parametrize(
    ("results", "resolution"),
    [
        ({}, "TargetRemoved"),
        ({"no-ssh": result(nsgs=2)}, "Reverted"),
        ({"no-ssh": result(nsgs=2, excepted=frozenset({WEB.lower()}))}, "Reverted"),
        ({"no-ssh": result(nsgs=2, excepted=frozenset({WEB.lower(), API_NSG.lower()}))}, "Approved"),
    ],
)
def test_an_incident_ends_for_the_right_reason(results: dict[str, GuardrailResult], resolution: str) -> None:
    # "Approved" for an NSG that somebody corrected, or the reverse, is a false record for an audit.
    before = incident(*violated(WEB), *violated(API_NSG))
    (step,) = decide_guardrails(observation(results, incidents=(before,)))
    assert (step.stored, step.status.state, step.status.resolution) == (before, "Resolved", resolution)


def test_an_incomplete_reading_neither_resolves_nor_removes() -> None:
    # What was not read may violate the guardrail as before; what was read is reported at once.
    before = incident(*violated(WEB))
    for results in ({}, {"no-ssh": result()}, {"no-ssh": result(*violated(API_NSG))}):
        assert decide_guardrails(observation(results, incidents=(before,), is_complete=False)) == ()
    assert decide_guardrails(observation({"no-ssh": result()}, is_complete=False)) == ()
    (opened,) = decide_guardrails(observation({"no-ssh": result(*violated(WEB))}, is_complete=False))
    assert opened.status.state == "Open"
    more = {"no-ssh": result(*violated(API_NSG), *violated(WEB))}
    (updated,) = decide_guardrails(observation(more, incidents=(before,), is_complete=False))
    assert (updated.stored, len(updated.status.changes)) == (before, 2)


def test_nothing_is_written_while_nothing_changes() -> None:
    # A scope is read every minute; each write would also be a notice. An incomplete reading that shows what is stored
    # is as good as a complete one.
    before = incident(*violated(WEB))
    for is_complete in (True, False):
        same = observation({"no-ssh": result(*violated(WEB))}, incidents=(before,), is_complete=is_complete)
        later = replace(same, now=NOW + timedelta(minutes=1))
        assert decide_guardrails(later) == ()


def test_each_guardrail_has_its_own_incident() -> None:
    # Incidents of other kinds and of other guardrails, and resolved ones, are left alone.
    mine, other = incident(*violated(WEB)), incident(*violated(WEB, name="a"), name="a")
    ended = mine.model_copy(update={"status": mine.status.model_copy(update={"state": "Resolved"})})
    drift = mine.model_copy(update={"spec": mine.spec.model_copy(update={"guardrail": None})})
    results = {"no-ssh": result(*violated(WEB)), "b": result(*violated(WEB, name="b"))}
    steps = decide_guardrails(observation(results, incidents=(drift, mine, other)))
    assert [(step.subject.guardrail, step.stored, step.status.state) for step in steps] == [
        ("a", other, "Resolved"),
        ("b", None, "Open"),
    ]
    (again,) = decide_guardrails(observation({"no-ssh": result(*violated(WEB))}, incidents=(drift, ended)))
    assert (again.stored, again.status.state) == (None, "Open")


def test_which_nsgs_violate_which_guardrails() -> None:
    # An incident of a baseline names the guardrails that its NSG violates now.
    first, second = incident(*violated(WEB), *violated(API_NSG)), incident(*violated(WEB, name="b"), name="b")
    ended = second.model_copy(update={"status": second.status.model_copy(update={"state": "Resolved"})})
    drift = second.model_copy(update={"spec": second.spec.model_copy(update={"guardrail": None})})
    assert violating_nsgs([drift, first, second]) == {
        WEB.lower(): frozenset({"no-ssh", "b"}),
        API_NSG.lower(): frozenset({"no-ssh"}),
    }
    assert violating_nsgs([ended, drift]) == {}
    assert violating_nsgs([ended, first])[WEB.lower()] == frozenset({"no-ssh"})


def test_the_status_of_a_guardrail_counts_all_scopes() -> None:
    # The printer columns are taken from it.
    long = "n" * 200
    results = [
        result(*violated(WEB), nsgs=5, excepted=frozenset({"x", "y"})),
        result(*violated(SHOP), *violated(API_NSG, OPEN.replace("100 ssh", f"100 {long}")), nsgs=2),
        result(*violated(WEB, OPEN.replace("100 ssh", "100 more")), nsgs=1, excepted=frozenset({"z"})),
    ]
    status = guardrail_status(GuardrailStatus(), results, 7, NOW)
    assert (status.observed_generation, status.nsgs, status.violating, status.excepted) == (7, 8, 3, 3)
    assert [(state.type, state.status, state.message) for state in status.conditions] == [
        ("Ready", "True", "checked 8 NSGs in 3 scopes")
    ]
    assert [state.observed_generation for state in status.conditions] == [7]
    assert status.violations == tuple(
        ViolationStatus(nsg=nsg, clause="never[0]", effect="Allowed", rule=rule, text=TRAFFIC)
        for nsg, rule in ((API_NSG, f"{'n' * 127}…"), (SHOP, "ssh"), (WEB, "ssh"), (WEB, "more"))
    )
    again = guardrail_status(status, results, 7, NOW + timedelta(minutes=1))
    assert again == status, "an unchanged status is not written"


def test_a_violation_of_the_platform_has_no_rule() -> None:
    # The platform allows its DNS whatever the rules say.
    dns = {"direction": "Outbound", "protocols": ["Udp"], "destination": "AzurePlatformDNS", "ports": ["53"]}
    guardrail = compiled("dns", GuardrailSpec.model_validate({"never": [dns]}))
    (violation,) = violations([guardrail], [])
    entry = NSGViolation(NSGId.parse(WEB), violation)
    (shown,) = guardrail_status(GuardrailStatus(), [result(entry, nsgs=1)], 1, NOW).violations
    assert (shown.rule, shown.text) == (None, "outbound UDP 53 from any to AzurePlatformDNS")
    (change,) = incident(entry, name="dns").status.changes
    assert (change.rule, change.live) == (None, None)


def test_an_invalid_guardrail_is_not_ready_and_forgets_what_it_counted() -> None:
    # Old figures beside a spec that is not checked would look like a result.
    before = guardrail_status(GuardrailStatus(), [result(*violated(WEB), nsgs=4, excepted=frozenset({"x"}))], 1, NOW)
    later = datetime(2026, 12, 1, tzinfo=UTC)
    status = invalid_guardrail_status(before, "spec.never[0]: name a port", 2, later)
    (ready,) = status.conditions
    assert (ready.type, ready.status, ready.reason, ready.message, ready.observed_generation) == (
        "Ready",
        "False",
        "InvalidSpec",
        "spec.never[0]: name a port",
        2,
    )
    assert status == GuardrailStatus(observed_generation=2, conditions=(ready,))
