"""Conditions, as kubectl wait, kstatus (Flux, Helm) and Argo CD read them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from nsg_baseline.api.common import Condition

MESSAGE_LENGTH = 2048


@dataclass(frozen=True, slots=True)
class State:
    """What one condition is to say."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""


def conditions(
    known: Iterable[Condition], wanted: Iterable[State], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Return the conditions to store. `lastTransitionTime` moves only when a condition's status does."""
    before = {condition.type: condition for condition in known}
    return tuple(_condition(before.get(state.type), state, generation, now) for state in wanted)


def find(known: Iterable[Condition], kind: str) -> Condition | None:
    """Return the condition of a type."""
    return next((condition for condition in known if condition.type == kind), None)


def _condition(before: Condition | None, state: State, generation: int, now: datetime) -> Condition:
    moved = before is None or before.status != state.status
    return Condition(
        type=state.type,
        status=state.status,
        reason=state.reason,
        message=state.message[:MESSAGE_LENGTH],
        observed_generation=generation,
        last_transition_time=now if before is None or moved else before.last_transition_time,
    )
