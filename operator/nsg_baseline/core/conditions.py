"""Conditions of all kinds, in the form that kubectl wait, kstatus (Flux, Helm) and Argo CD read."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from nsg_baseline.api.common import PENDING, Condition, format_time
from nsg_baseline.core.text.phrasing import counted

EVENTS_READY = "EventsReady"
"""The condition of a scope with a queue of events."""
MESSAGE_LENGTH = 2048
"""Characters that a condition's message may have."""


@dataclass(frozen=True, slots=True)
class ConditionState:
    """The desired content of one condition, without its times."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str


def ready(message: str) -> ConditionState:
    """Return the state of an object whose last reconcile succeeded."""
    return ConditionState("Ready", "True", "Succeeded", message)


def not_ready(reason: str, message: str) -> ConditionState:
    """Return the state of an object that cannot be reconciled."""
    return ConditionState("Ready", "False", reason, message)


def suspended() -> ConditionState:
    """Return the state of a suspended baseline. Suspending one is not an error, so it stays Ready."""
    return ConditionState("Ready", "True", "Suspended", "spec.suspend is true; the NSG is not compared with Azure")


def compliant() -> ConditionState:
    """Return the state of a baseline whose live rules match."""
    return ConditionState("Compliant", "True", "Matches", "live matches approved")


def drifted(reason: Literal["AwaitingRollout", "Drifted"], message: str) -> ConditionState:
    """Return the state of a baseline whose live rules differ."""
    return ConditionState("Compliant", "False", reason, message)


def compliance_unknown(reason: str) -> ConditionState:
    """Return the state of a baseline that was compared before and cannot be compared now."""
    return ConditionState("Compliant", "Unknown", reason, "not compared with Azure")


def not_accepted(reason: str, message: str) -> ConditionState:
    """Return the state of a baseline that approves what it must not. It is compared, and not enforced."""
    return ConditionState("Accepted", "False", reason, message)


def stalled(reason: str, message: str) -> ConditionState:
    """Return the state of a baseline whose remediation is blocked."""
    return ConditionState("Stalled", "True", reason, message)


def awaiting_rollout() -> ConditionState:
    """Return the state of a baseline whose last edit has not reached Azure."""
    return ConditionState("Reconciling", "True", "AwaitingRollout", "the new approval is not yet in Azure")


def permissions(status: Literal["True", "False", "Unknown"], reason: str, message: str) -> ConditionState:
    """Return the state of a scope whose identity's permissions were read."""
    return ConditionState("Permitted", status, reason, message)


def receiving_events(queue: str) -> ConditionState:
    """Return the state of a scope whose events are received from a queue."""
    return ConditionState(EVENTS_READY, "True", "Receiving", f"events are received from {queue}")


def no_events(reason: str, message: str) -> ConditionState:
    """Return the state of a scope whose events cannot be received. Its NSGs are read at each interval all the same."""
    return ConditionState(EVENTS_READY, "False", reason, f"{message}; changes are detected at each interval only")


def events_missing(nsg: str, detected: datetime) -> ConditionState:
    """Return the state of a scope whose queue can be read, while a change had no event."""
    text = f"the change of {nsg} that was detected at {format_time(detected)} had no event within ten minutes"
    return no_events("EventsMissing", f"{text}; check the event subscription with nsgb events check")


def delivering() -> ConditionState:
    """Return the state of a route whose messages are all delivered."""
    return ConditionState("Ready", "True", "Delivering", "all messages are delivered")


def undelivered(messages: int, lines: Iterable[int]) -> ConditionState:
    """Return the state of a route with messages that are retried; `lines` are those of the Secret."""
    numbers = ", ".join(map(str, lines))
    text = f"{counted(messages, 'message')} not delivered to line {numbers} of the Secret; retried until delivered"
    return not_ready("Undelivered", text)


def heartbeat(status: Literal["True", "False", "Unknown"], reason: str, message: str) -> ConditionState:
    """Return the state of the heartbeat of a route: its daily message, and its dead man's switches."""
    return ConditionState("Heartbeat", status, reason, message)


def update_conditions(
    stored: Iterable[Condition], states: Iterable[ConditionState], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Return the conditions to store. `lastTransitionTime` changes only when a condition's status does."""
    by_type = {condition.type: condition for condition in stored}
    return tuple(_condition(by_type.get(state.type), state, generation, now) for state in states)


def find_condition(conditions: Iterable[Condition], condition_type: str) -> Condition | None:
    """Return the condition of a type."""
    return next((condition for condition in conditions if condition.type == condition_type), None)


def _condition(stored: Condition | None, state: ConditionState, generation: int, now: datetime) -> Condition:
    # The API server sets the Pending conditions of a new object, with a transition time of 1970.
    unchanged = (
        stored is not None and stored.status == state.status and (stored.reason != PENDING or state.reason == PENDING)
    )
    return Condition(
        type=state.type,
        status=state.status,
        reason=state.reason,
        message=state.message[:MESSAGE_LENGTH],
        observed_generation=generation,
        last_transition_time=stored.last_transition_time if stored is not None and unchanged else now,
    )
