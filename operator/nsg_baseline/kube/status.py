"""Statuses, computed once, at the end, from the outcome. Pure: the caller stores what differs."""

from datetime import datetime

from nsg_baseline.api.baseline_status import BaselineStatus, LastCompliant
from nsg_baseline.api.changes import REASON_LENGTH
from nsg_baseline.core.incidents import described
from nsg_baseline.core.outcome import Failure, Outcome
from nsg_baseline.core.text.exposure_lines import statuses
from nsg_baseline.core.text.phrasing import cut
from nsg_baseline.core.text.rule_lines import summary
from nsg_baseline.kube.conditions import State, conditions, find

SHOWN_CHANGES = 50
# What `kubectl get -o wide` and `describe` still show on a line or three.
MESSAGE_LENGTH = 1024
# Flux's and Helm's waiting must not hang because somebody edited Azure: Ready says that the look succeeded.
_READY = State("Ready", "True", "Succeeded", "compared with Azure")


def judged(known: BaselineStatus, outcome: Outcome, now: datetime) -> BaselineStatus:
    """Return the status of a baseline whose NSG was looked at."""
    verdict = outcome.verdict
    states = [_READY, _compliant(outcome)]
    if outcome.hold is not None:
        states.append(State("Stalled", "True", outcome.hold.reason, outcome.hold.message))
    elif outcome.phase == "AwaitingRollout":
        states.append(State("Reconciling", "True", "AwaitingRollout", "the new approval is not yet in Azure"))
    return BaselineStatus(
        observed_generation=outcome.generation,
        conditions=conditions(known.conditions, states, outcome.generation, now),
        change_count=len(verdict.changes),
        severity=verdict.severity,
        changes=tuple(described(change) for change in verdict.changes[:SHOWN_CHANGES]),
        exposure=statuses(verdict.exposure)[:SHOWN_CHANGES],
        severity_reason=verdict.reason and cut(verdict.reason, REASON_LENGTH),
        exceptions=outcome.exceptions[:SHOWN_CHANGES],
        rule_authors=outcome.rule_authors,
        plan_hash=outcome.plan_hash,
        incident=outcome.incident,
        last_compliant=_last_compliant(known, outcome),
        rollout_since=outcome.rollout_since,
        last_handled_reconcile_at=outcome.requested_at,
    )


def refused(known: BaselineStatus, failure: Failure, generation: int, now: datetime) -> BaselineStatus:
    """Return the status of a baseline that is not looked at, or whose NSG cannot be read.

    What was found last stays, but whether it still holds is unknown.
    """
    ready = State("Ready", "False", failure.reason, failure.message)
    return _unknown(known, ready, failure.reason, generation, now)


def suspended(known: BaselineStatus, generation: int, now: datetime) -> BaselineStatus:
    """Return the status of a baseline that is suspended: in order, and saying nothing about Azure."""
    ready = State("Ready", "True", "Suspended", "spec.suspend is true; the NSG is not looked at")
    return _unknown(known, ready, "Suspended", generation, now)


def _unknown(known: BaselineStatus, ready: State, reason: str, generation: int, now: datetime) -> BaselineStatus:
    states = [ready]
    if find(known.conditions, "Compliant") is not None:
        states.append(State("Compliant", "Unknown", reason, "not compared with Azure"))
    found = conditions(known.conditions, states, generation, now)
    return known.model_copy(update={"observed_generation": generation, "conditions": found})


def _compliant(outcome: Outcome) -> State:
    if outcome.phase == "Compliant":
        return State("Compliant", "True", "Matches", "live matches approved")
    reason = "AwaitingRollout" if outcome.phase == "AwaitingRollout" else "Drifted"
    told = summary(outcome.verdict.changes)
    verdict = outcome.verdict
    why = f"; {verdict.severity} because {verdict.reason}" if verdict.reason else ""
    return State("Compliant", "False", reason, cut(f"{told}{why}", MESSAGE_LENGTH))


def _last_compliant(known: BaselineStatus, outcome: Outcome) -> LastCompliant | None:
    verdict = outcome.verdict
    if outcome.phase != "Compliant" or verdict.live_hash is None or verdict.compared_hash is None:
        return known.last_compliant
    return LastCompliant(
        live_hash=verdict.live_hash, compared_hash=verdict.compared_hash, generation=outcome.generation
    )
