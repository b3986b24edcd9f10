"""What is not compared is reported once: a new guid, a failed operation, an unknown property, lost flow logs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.core.decisions import Decision, RemediationAttempt, Snapshot, decide
from nsg_baseline.core.nsg import LiveNSG, parse_live
from nsg_baseline.core.remediation import Blocked
from tests.support.decisions import SSH, WEB, carry_out, snapshot
from tests.support.nsgs import NOW, nsg

LOGS = {"flowLogs": [{"id": "/flow/log"}]}
MINUTE = timedelta(minutes=1)


def seen(**properties: Any) -> LiveNSG:
    """Return an NSG with these properties, with `rules`, and with `rule_fields` in the first of them."""
    rules, rule_fields = properties.pop("rules", (WEB,)), properties.pop("rule_fields", None)
    document = nsg(rules, properties=properties)
    document["properties"]["securityRules"][0]["properties"] |= rule_fields or {}
    return parse_live(document)


def after(before: Snapshot, live: LiveNSG | None, **fields: Any) -> tuple[Snapshot, Decision]:
    """Return the next reading, a minute later, and what is decided about it."""
    current = replace(before, live=live, now=before.now + MINUTE, **fields)
    decision = decide(current)
    return carry_out(current, decision), decision


def told(decision: Decision) -> str | None:
    """Return the report of a decision; it is info, and over at once."""
    if decision.noted is None:
        return None
    status = decision.noted.status
    assert (status.state, status.severity, status.resolution, status.revision) == ("Resolved", "info", "Noted", 1)
    assert [notice.message for notice in decision.noted.notices] == [status.summary]
    return status.summary


@pytest.mark.parametrize(
    ("first", "then", "report"),
    [
        (seen(), seen(resourceGuid="other"), "NSG web was deleted and created again"),
        (seen(**LOGS), seen(), "NSG web has no flow logs any more"),
        (
            seen(),
            seen(provisioningState="Failed"),
            "the last operation on NSG web failed, so Azure may not apply all of its rules",
        ),
        (
            seen(),
            seen(rule_fields={"provisioningState": "Failed"}),
            "the last operation on rule web failed, so Azure may not apply all of its rules",
        ),
        (
            seen(),
            seen(newFeature=True),
            "NSG web has the property newFeature, which the operator does not know and does not compare",
        ),
        (
            seen(),
            seen(rule_fields={"sourceService": "x"}),
            "rule web has the property sourceService, which the operator does not know and does not compare",
        ),
        (
            seen(**LOGS),
            seen(resourceGuid="other"),
            "NSG web was deleted and created again; NSG web has no flow logs any more",
        ),
    ],
)
def test_what_is_not_compared_is_reported_once(first: LiveNSG, then: LiveNSG, report: str) -> None:
    before, decision = after(snapshot(), first)
    assert told(decision) is None
    before, decision = after(before, then)
    assert told(decision) == report
    # It is not drift, and the next reading reports nothing.
    assert decision.verdict.compliant
    assert told(after(before, then)[1]) is None


@pytest.mark.parametrize(
    "then", [seen(**LOGS), seen(resourceGuid=None), seen(rules=(WEB, SSH), flushConnection=True), None]
)
def test_what_is_no_loss_is_not_reported(then: LiveNSG | None) -> None:
    before, _ = after(snapshot(), seen())
    assert told(after(before, then)[1]) is None


def test_the_first_reading_reports_what_is_wrong_already() -> None:
    # No other report says that the approved rules may not be applied.
    decision = after(snapshot(), seen(provisioningState="Failed", newFeature=1))[1]
    assert (told(decision) or "").count("; ") == 1


def test_rules_of_others_are_not_looked_at() -> None:
    # A co-owner's rule is not approved, and a new one is drift already.
    live = seen(rules=(SSH, WEB), rule_fields={"x": 1, "provisioningState": "Failed"})
    assert told(after(snapshot(), live)[1]) is None


def test_a_property_that_comes_and_goes_is_reported_once() -> None:
    before, _ = after(snapshot(), seen())
    reports = []
    for live in (seen(newFeature=1), seen(), seen(newFeature=2), seen(newFeature=1, other=1)):
        before, decision = after(before, live)
        reports.append(told(decision))
    assert [report is None for report in reports] == [False, True, True, False]
    assert "other" in str(reports[-1])
    assert "newFeature" not in str(reports[-1])


def test_an_operation_that_fails_again_is_reported_again() -> None:
    # But not an operation that is tried again and again, nor one that is in progress.
    before, _ = after(snapshot(), seen())
    reports = []
    for state in ("Failed", "Updating", "Failed", "Succeeded", "Failed"):
        before, decision = after(before, seen(provisioningState=state))
        reports.append(told(decision) is not None)
    assert reports == [True, False, False, False, True]


def test_a_recreated_nsg_is_reported_although_it_was_absent_in_between() -> None:
    before, _ = after(snapshot(), seen())
    before, decision = after(before, None)
    assert told(decision) is None
    assert [change.kind for change in decision.verdict.changes] == ["NSGDeleted"]
    assert told(after(before, seen(resourceGuid="other"))[1]) == "NSG web was deleted and created again"


def test_the_response_to_a_write_says_nothing_about_flow_logs() -> None:
    # The request cannot contain them, so the response may not either.
    before, _ = after(snapshot(), seen(**LOGS))
    before, decision = after(before, seen(), attempt=RemediationAttempt(written=True))
    assert told(decision) is None
    assert told(after(before, seen(**LOGS))[1]) is None


def test_a_write_that_is_blocked_does_not_repeat_a_report() -> None:
    # The decision after the attempt is the one whose status is stored.
    before, _ = after(snapshot(), seen())
    attempt = RemediationAttempt(blocked=Blocked("ScopeLocked", "a lock"))
    before, decision = after(before, seen(resourceGuid="other"), attempt=attempt)
    assert told(decision) == "NSG web was deleted and created again"
    before, decision = after(before, seen(resourceGuid="other", newFeature=1), attempt=attempt)
    assert "created again" not in (told(decision) or "created again")


def test_a_report_that_was_stored_without_the_status_is_not_repeated() -> None:
    # The operator was killed in between.
    before, _ = after(snapshot(), seen())
    stored, decision = after(before, seen(resourceGuid="other"))
    assert decision.noted is not None
    repeated = replace(before, incidents=stored.incidents)
    again, decision = after(repeated, seen(resourceGuid="other"))
    assert decision.noted is None
    assert again.baseline.status.last_seen != before.baseline.status.last_seen


def test_a_report_waits_for_an_incident_that_opens_in_the_same_second() -> None:
    # Both would have one name, and the one would replace the other.
    before, _ = after(snapshot(), seen())
    drifted = seen(rules=(WEB, SSH), resourceGuid="other")
    before, decision = after(before, drifted)
    assert decision.incident is not None
    assert (decision.noted, decision.due) == (None, NOW + 2 * MINUTE + timedelta(seconds=1))
    before, decision = after(before, drifted)
    assert told(decision) == "NSG web was deleted and created again"
    assert before.open_incident is not None
    assert len(before.incidents) == 2


def test_a_report_does_not_end_the_history_of_drift() -> None:
    # Drift that reappears within minutes continues its incident, although a report came in between.
    before, _ = after(snapshot(), seen())
    before, _ = after(before, seen(rules=(WEB, SSH)))
    for _ in range(15):
        before, _ = after(before, seen())
    (ended,) = before.incidents
    assert ended.status.resolution == "Reverted"
    before, _ = after(before, seen(resourceGuid="other"))
    assert before.last_resolved is not None
    assert before.last_resolved.metadata.name == ended.metadata.name


def test_long_lists_are_cut() -> None:
    # A status has room for so much.
    many = {f"p{number:03}": 1 for number in range(80)}
    before, decision = after(snapshot(), seen(**many))
    assert before.baseline.status.last_seen is not None
    assert len(before.baseline.status.last_seen.unknown_properties) == 50
    assert len(told(decision) or "") <= 1024
    assert told(after(before, seen(**many))[1]) is None


def test_a_long_name_is_cut() -> None:
    before, _ = after(snapshot(), seen(**{"n" * 300: 1}))
    assert before.baseline.status.last_seen is not None
    assert before.baseline.status.last_seen.unknown_properties == ("n" * 200,)
