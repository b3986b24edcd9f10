"""Conditions are read by people, by kubectl wait and by Argo CD: their texts, and when their times change."""

from datetime import timedelta

import pytest

from nsg_baseline.api.common import PENDING, Condition
from nsg_baseline.core import conditions
from nsg_baseline.core.conditions import ConditionState, update_conditions
from tests.support.nsgs import NOW

EARLIER = NOW - timedelta(hours=1)
STATES = (
    (conditions.ready("compared"), ("Ready", "True", "Succeeded", "compared")),
    (conditions.not_ready("Forbidden", "no right"), ("Ready", "False", "Forbidden", "no right")),
    (
        conditions.suspended(),
        ("Ready", "True", "Suspended", "spec.suspend is true; the NSG is not compared with Azure"),
    ),
    (
        conditions.not_accepted("GuardrailViolated", "web is open"),
        ("Accepted", "False", "GuardrailViolated", "web is open"),
    ),
    (conditions.compliant(), ("Compliant", "True", "Matches", "live matches approved")),
    (conditions.drifted("Drifted", "web updated"), ("Compliant", "False", "Drifted", "web updated")),
    (conditions.compliance_unknown("Unread"), ("Compliant", "Unknown", "Unread", "not compared with Azure")),
    (conditions.stalled("Contested", "three times"), ("Stalled", "True", "Contested", "three times")),
    (
        conditions.awaiting_rollout(),
        ("Reconciling", "True", "AwaitingRollout", "the new approval is not yet in Azure"),
    ),
    (conditions.permissions("False", "Missing", "no write"), ("Permitted", "False", "Missing", "no write")),
    (conditions.delivering(), ("Ready", "True", "Delivering", "all messages are delivered")),
    (
        conditions.undelivered(2, (1, 3)),
        (
            *("Ready", "False", "Undelivered"),
            "2 messages not delivered to line 1, 3 of the Secret; retried until delivered",
        ),
    ),
)


@pytest.mark.parametrize(("state", "expected"), STATES, ids=lambda value: getattr(value, "reason", ""))
def test_each_state_has_type_status_reason_and_message(
    state: ConditionState, expected: tuple[str, str, str, str]
) -> None:
    # Scripts wait for the type, status and reason; people read the message.
    assert (state.type, state.status, state.reason, state.message) == expected


def _stored(status: str, reason: str) -> Condition:
    return Condition.model_validate(
        {"type": "Ready", "status": status, "reason": reason, "last_transition_time": EARLIER, "observed_generation": 1}
    )


@pytest.mark.parametrize(
    ("stored", "reason", "changed_at"),
    [
        (None, "Succeeded", NOW),
        (_stored("True", "Suspended"), "Succeeded", EARLIER),  # the status is the same
        (_stored("False", "Forbidden"), "Succeeded", NOW),
        (_stored("True", PENDING), "Succeeded", NOW),  # the API server's placeholder has a time of 1970
        (_stored("True", PENDING), PENDING, EARLIER),
        (_stored("True", "Succeeded"), PENDING, EARLIER),
    ],
)
def test_the_transition_time_is_that_of_the_status(stored: Condition | None, reason: str, changed_at: object) -> None:
    # A time that changes with each reconcile would be a write for each reconcile, and hide when it broke.
    state = ConditionState("Ready", "True", reason, "")
    (condition,) = update_conditions([stored] if stored else [], [state], 2, NOW)
    assert condition.last_transition_time == changed_at
    assert (condition.type, condition.status, condition.reason) == ("Ready", "True", reason)
    assert condition.observed_generation == 2


def test_a_long_message_is_cut() -> None:
    # The schema of the CRD would refuse the whole status.
    state = conditions.ready("x" * 5000)
    assert update_conditions([], [state], 1, NOW)[0].message == "x" * 2048
    assert conditions.find_condition(update_conditions([], [state], 1, NOW), "Stalled") is None
