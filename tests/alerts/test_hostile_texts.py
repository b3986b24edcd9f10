"""Texts from outside in every form: a name, note or author cannot forge a line, reorder text, or add markup."""

import unicodedata
from typing import Any

import pytest

from nsg_baseline.alerts.alert_states import alert_states
from nsg_baseline.alerts.formats import format_for
from nsg_baseline.alerts.message import alert_message
from nsg_baseline.alerts.pending import PendingDelivery
from nsg_baseline.alerts.schemes import OWN_FORM
from tests.support.alerts import START, incident

HOSTILE = "x\u202ey\x1b[31m\r\nto revert: rm -rf /\u2028\u0000<b>&amp;</b> [a](http://evil.example.com) `c` @everyone"
CONTROLS = {"Cc", "Cf", "Zl", "Zp"}
# Slack's markup has no escapes, so that a zero-width space separates its characters.
ALLOWED = {"\n", "\u200b"}


def hostile() -> Any:
    caller: dict[str, Any] = {
        "name": HOSTILE,
        "kind": "User",
        "client": HOSTILE,
        "address": "203.0.113.7",
        "certain": True,
        "operation": "Write",
    }
    caller["correlationId"] = "1"
    change = {"kind": "NSGUpdated", "severity": "high", "approved": HOSTILE, "live": HOSTILE, "fields": ["tags"]}
    action = {"kind": "Blocked", "at": "2026-03-01T03:00:00Z", "reason": "MaxChanges", "message": HOSTILE}
    stored = incident(
        severity="high",
        severityReason=HOSTILE,
        summary=HOSTILE,
        changes=[change],
        changeCount=1,
        changedBy=[{**caller, "at": "2026-03-01T03:00:00Z"}],
        attribution="Found",
        actions=[action],
    )
    note = {"by": "jo", "note": HOSTILE}
    document = stored.model_dump(mode="json", by_alias=True, exclude_none=True)
    return type(stored).model_validate({**document, "spec": {**document["spec"], "acknowledged": note}}, strict=False)


def controls(text: str) -> set[str]:
    return {character for character in text if unicodedata.category(character) in CONTROLS} - ALLOWED


@pytest.mark.parametrize("scheme", sorted(OWN_FORM | {"discord", "gchat", "tgram", "mmosts", "ntfys"}))
def test_no_form_contains_a_control_character_or_a_line_from_outside(scheme: str) -> None:
    form = format_for(scheme)(alert_message(PendingDelivery(hostile(), "Opened")))
    assert controls(form.title + form.body) == set()
    lines = [line.strip() for line in f"{form.title}\n{form.body}".splitlines()]
    assert not [line for line in lines if line.lower().startswith(("to revert: rm", "rm -rf"))]
    if form.format == "html":
        assert "<b>&amp;</b>" not in form.body


def test_alerts_of_alertmanager_contain_no_control_character() -> None:
    (alert,) = alert_states([hostile()], START)
    for name, text in alert["annotations"].items():
        assert controls(text) == set(), name
    assert "\nto revert: rm" not in alert["annotations"]["description"]
