"""Titles, facts and next steps: what the on-call engineer reads first, and that names cannot forge any of it."""

from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.alerts.digest import digest_message
from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.alerts.formats import SMS_LENGTH, as_slack, as_sms, plain
from nsg_baseline.alerts.message import AlertMessage, alert_message
from nsg_baseline.alerts.pending import PendingDelivery
from nsg_baseline.api.route import NotificationEvent
from tests.support.alert_scenarios import OPEN, RESOLVED, SSH
from tests.support.alerts import NSG, START, incident, stamp

DENIED: dict[str, Any] = {**SSH, "effect": "Denied", "direction": "Outbound", "liveRule": "deny-all"}
CALLER: dict[str, Any] = {
    "name": "jo@example.com",
    "kind": "User",
    "at": "2026-03-01T03:00:00Z",
    "operation": "write",
    "rule": "OPEN-SSH",
    "correlationId": "c-1",
    "certain": True,
}
CANDIDATE: dict[str, Any] = {**CALLER, "certain": False}


def message(event: NotificationEvent = "Opened", **status: Any) -> AlertMessage:
    return alert_message(PendingDelivery(incident(**{**OPEN, **status}), event))


NOW_OPEN = "; now allowed: inbound TCP 22 from Internet to any"


@pytest.mark.parametrize(
    ("event", "status", "expected"),
    [
        ("Opened", {}, "[CRITICAL] web (rg-web): new rule open-ssh allows inbound TCP 22 from Internet to any"),
        ("Opened", {"exposure": []}, "[CRITICAL] web (rg-web): new rule open-ssh"),
        (
            "Opened",
            {"exposure": [DENIED]},
            "[CRITICAL] web (rg-web): new rule open-ssh; now denied: outbound TCP 22 from Internet to any",
        ),
        (
            "Opened",
            {"changeCount": 3},
            (
                "[CRITICAL] web (rg-web): new rule open-ssh (and 2 more changes) "
                "allows inbound TCP 22 from Internet to any"
            ),
        ),
        (
            "Attributed",
            {"changedBy": [CALLER]},
            "[CRITICAL] web (rg-web): jo@example.com created rule open-ssh" + NOW_OPEN,
        ),
        (
            "Attributed",
            {"changedBy": [{**CALLER, "rule": None}, CALLER]},
            "[CRITICAL] web (rg-web): changed by jo@example.com and 1 other caller" + NOW_OPEN,
        ),
        (
            "Attributed",
            {"changedBy": [CANDIDATE]},
            "[CRITICAL] web (rg-web): possibly changed by jo@example.com" + NOW_OPEN,
        ),
        (
            "Attributed",
            {"changedBy": [CANDIDATE, {**CANDIDATE, "name": "al@example.com"}]},
            "[CRITICAL] web (rg-web): possibly changed by jo@example.com or 1 other caller" + NOW_OPEN,
        ),
        (
            "Attributed",
            {"changedBy": [{**CANDIDATE, "name": "al@example.com"}, CALLER]},
            "[CRITICAL] web (rg-web): jo@example.com and possibly 1 other caller created rule open-ssh" + NOW_OPEN,
        ),
        (
            "Resolved",
            {**RESOLVED, "resolution": "Remediated"},
            (
                "FIXED web (rg-web): new rule open-ssh undone by the operator after 41 min;"
                " inbound TCP 22 from Internet to any no longer allowed"
            ),
        ),
        (
            "Resolved",
            {**RESOLVED, "resolution": "Reverted", "exposure": [DENIED]},
            (
                "RESOLVED web (rg-web): new rule open-ssh undone in Azure after 41 min;"
                " outbound TCP 22 from Internet to any allowed again"
            ),
        ),
        # Approved traffic stays as it is: the title must not say that it is closed.
        (
            "Resolved",
            {**RESOLVED, "resolution": "Approved", "changeCount": 2},
            "RESOLVED web (rg-web): new rule open-ssh and 1 more change approved after 41 min",
        ),
    ],
)
def test_a_title_names_the_change_and_its_traffic(
    event: NotificationEvent, status: dict[str, Any], expected: str
) -> None:
    # A phone shows only the title.
    assert message(event, **status).title == expected


def test_a_reminder_has_the_duration_and_the_command_to_acknowledge() -> None:
    # The receiver of a reminder wants to stop the reminders or the drift.
    delivery = PendingDelivery(incident(**OPEN), "Reminder", reminder=1, open_for=timedelta(hours=24))
    reminder = alert_message(delivery)
    assert reminder.title.startswith("STILL OPEN for 1 d [CRITICAL] web (rg-web): ")
    assert reminder.next_steps[0].label == "Acknowledge"
    assert reminder.key == "incident team-web/web-1 revision 1 reminder 1"


def test_a_note_cannot_forge_a_line() -> None:
    # Otherwise a person who may acknowledge could add another undo command.
    given = {"at": stamp(START), "by": "jo", "note": "known\nUndo: az group delete \u202e\x1b[31m"}
    text = plain(message(acknowledgement=given, acknowledgedAt=stamp(START)))
    assert "Acknowledged by jo: known\\nUndo: az group delete \\u202e\\x1b[31m" in text.splitlines()


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("web", "web"), ("Zürich", "Zürich"), ("a\u2028b", "a\\u2028b"), ("a\u200bb", "a\\u200bb"), ("a\tb", "a\\tb")],
)
def test_invisible_characters_are_escaped_and_letters_are_not(text: str, escaped: str) -> None:
    # Names in other languages stay readable.
    assert escape_controls(text) == escaped


def test_commands_are_quoted_for_the_shell_and_unchanged_in_slack() -> None:
    # A pasted command that deletes nothing, or something else, is worse than none.
    nsg = NSG.replace("rg-web", "rg (web)")
    changed = incident(**{**OPEN, "changes": [{"kind": "RuleCreated", "rule": "open_ssh_22", "severity": "critical"}]})
    spec = changed.spec.model_copy(update={"nsg": nsg})
    shown = alert_message(PendingDelivery(changed.model_copy(update={"spec": spec}), "Opened"))
    undo = next(step for step in shown.next_steps if step.label == "Undo")
    assert undo.text.endswith("-g 'rg (web)' --nsg-name web -n open_ssh_22")
    assert f"Undo: `{undo.text}`" in as_slack(shown).body


def test_an_sms_is_ascii_whatever_the_names_are() -> None:
    # One character outside the basic alphabet halves the length of an SMS.
    changes = [{"kind": "RuleCreated", "rule": "öffnen-東京`", "severity": "critical"}]
    text = as_sms(message(changes=changes, exposure=[{**SSH, "text": "TCP 22 \u2026 {é}" * 20}])).body
    assert text.isascii()
    assert len(text) == SMS_LENGTH
    # Without the subscription, the receiver does not know where to look.
    assert text.endswith("... subscription 11111111-1111-1111-1111-111111111111")
    assert not set(text) & set("[]{}|~^\\`")


def test_a_digest_of_one_change_in_many_nsgs_names_the_change_once() -> None:
    # A policy that opens a port in forty NSGs is one fact.
    incidents = []
    for number in range(12):
        member = incident(f"web-{number:02}", **OPEN)
        group = NSG.replace("rg-web", f"rg-{number % 2}").replace("Groups/web", f"Groups/web-{number}")
        incidents.append(member.model_copy(update={"spec": member.spec.model_copy(update={"nsg": group})}))
    digest = digest_message([PendingDelivery(member, "Opened") for member in incidents])
    assert digest.title == "[CRITICAL] 12 NSGs: new rule open-ssh allows inbound TCP 22 from Internet to any"
    assert digest.facts[:2] == ("The same change in all 12 NSGs", "Resource groups: rg-0 (6), rg-1 (6)")
