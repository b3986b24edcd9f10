"""Titles: on a phone, the title is all that an on-call engineer reads before the decision to get up."""

from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.alerts.headline import title
from nsg_baseline.alerts.message import alert_message
from nsg_baseline.alerts.pending import PendingDelivery
from tests.support.alert_scenarios import DELETED, LATER, OPEN, SSH, WIDENED
from tests.support.alerts import incident

SSH_RULE: dict[str, Any] = {"kind": "RuleCreated", "rule": "open-ssh", "severity": "critical"}
WEB_RULE: dict[str, Any] = WIDENED["changes"][0]
LOG_RULE: dict[str, Any] = {"kind": "RuleDeleted", "rule": "log", "severity": "low"}


def opened(**status: Any) -> str:
    return title(incident("web-1", **status), "Opened")


def test_two_changes_are_both_named() -> None:
    # "and 1 more change" hides what a name of the same length says.
    text = opened(**{**OPEN, "changes": [SSH_RULE, LOG_RULE], "changeCount": 2})
    assert text == (
        "[CRITICAL] web (rg-web): new rule open-ssh (and deleted rule log) allows inbound TCP 22 from Internet to any"
    )


def test_more_changes_are_counted() -> None:
    changes = {"changes": [SSH_RULE, LOG_RULE, WEB_RULE], "changeCount": 30}
    assert "new rule open-ssh (and 29 more changes) allows inbound TCP 22" in opened(**{**OPEN, **changes})


def test_the_change_that_decides_the_traffic_comes_first() -> None:
    # The most severe change is not always the rule that matches.
    changes = {"changes": [LOG_RULE, SSH_RULE], "changeCount": 2}
    assert "new rule open-ssh (and deleted rule log) allows inbound TCP 22" in opened(**{**OPEN, **changes})


def test_traffic_that_another_rule_decides_is_not_blamed_on_the_change() -> None:
    # After a deny rule was deleted, an approved rule matches.
    exposure = {**SSH, "liveRule": "approved-allow"}
    text = opened(**{**OPEN, "changes": [LOG_RULE], "changeCount": 1, "exposure": [exposure]})
    assert text == "[CRITICAL] web (rg-web): deleted rule log; now allowed: inbound TCP 22 from Internet to any"


def test_denied_traffic_reads_as_denied() -> None:
    exposure = {**SSH, "effect": "Denied"}
    text = opened(**{**OPEN, "changes": [SSH_RULE], "changeCount": 1, "exposure": [exposure]})
    assert text.endswith("new rule open-ssh denies inbound TCP 22 from Internet to any")


def test_a_change_without_traffic_is_named_alone() -> None:
    assert opened(severity="info", changes=[LOG_RULE], changeCount=1, exposure=[]) == (
        "[INFO] web (rg-web): deleted rule log"
    )


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        ({"resolution": "Reverted"}, "new rule open-ssh undone in Azure after 41 min; inbound TCP 22"),
        ({"resolution": "Approved"}, "new rule open-ssh approved after 41 min"),
        ({"resolution": "Reverted", "changeCount": 3}, "new rule open-ssh and 2 more changes undone in Azure"),
    ],
)
def test_the_title_of_an_end_has_the_resolution_and_the_duration(status: dict[str, Any], ending: str) -> None:
    resolved = {"state": "Resolved", "resolvedAt": LATER, "changes": [SSH_RULE], "changeCount": 1}
    text = title(incident("web-1", **{**OPEN, **resolved, **status}), "Resolved")
    assert text.startswith(f"RESOLVED web (rg-web): {ending}")


def test_approved_traffic_is_not_reported_as_denied() -> None:
    status = {**OPEN, "state": "Resolved", "resolvedAt": LATER, "resolution": "Approved"}
    assert "no longer allowed" not in title(incident("web-1", **status), "Resolved")


@pytest.mark.parametrize(
    ("callers", "start"),
    [
        (1, "bob@x.com created rule open-ssh; now allowed: inbound TCP 22"),
        (3, "bob@x.com and 2 other callers created rule open-ssh; now allowed"),
    ],
)
def test_the_title_of_an_attribution_names_the_author_and_the_change(callers: int, start: str) -> None:
    caller = {"kind": "User", "at": LATER, "operation": "securityRules/write", "correlationId": "1", "rule": "OPEN-SSH"}
    changed_by = [{**caller, "name": name, "certain": True} for name in ("bob@x.com", "app-1", "app-2")[:callers]]
    text = title(incident("web-1", **{**OPEN, "changes": [SSH_RULE], "changedBy": changed_by}), "Attributed")
    assert text.startswith(f"[CRITICAL] web (rg-web): {start}")


def test_the_title_of_a_reminder_has_the_duration() -> None:
    text = title(incident("web-1", **OPEN), "Reminder", timedelta(days=1))
    assert text.startswith("STILL OPEN for 1 d [CRITICAL] web (rg-web): ")


def test_a_deleted_nsg_is_named() -> None:
    assert opened(**DELETED).startswith("[MEDIUM] web (rg-web): deleted NSG; now allowed: inbound all traffic")


def test_a_notice_is_only_a_report() -> None:
    # It was never open, so it has no duration, and nobody is named as the author of drift.
    status = {"state": "Resolved", "severity": "info", "resolution": "Noted", "openedAt": LATER, "resolvedAt": LATER}
    noted = incident("web-1", **status, summary="NSG web was deleted and created again", revision=1)
    message = alert_message(PendingDelivery(noted, "Resolved"))
    assert message.title == "NOTICE [INFO] web (rg-web): NSG web was deleted and created again"
    assert message.level == "success"
    assert not [fact for fact in message.facts if fact.startswith(("Who", "First seen", "Ended"))]


def test_a_takeover_is_no_good_news() -> None:
    # Another namespace approves the rules of the NSG; "RESOLVED" would say that all is well.
    status = {**OPEN, "state": "Resolved", "resolvedAt": LATER, "resolution": "TakenOver", "changes": []}
    taken = incident("web-1", **{**status, "summary": "NSG web is now managed by baseline b/web"})
    message = alert_message(PendingDelivery(taken, "Resolved"))
    assert message.title == "TAKEOVER [CRITICAL] web (rg-web): NSG web is now managed by baseline b/web"
    assert message.level == "failure"
    assert not [fact for fact in message.facts if fact.startswith(("Who", "First seen", "Ended"))]
