"""The status of a baseline, computed once, at the end of a decision."""

from datetime import datetime
from typing import Literal

from nsg_baseline.api.baseline_status import BaselineStatus, ExceptionStatus, LastCompliant, LastSeen
from nsg_baseline.api.changes import REASON_LENGTH
from nsg_baseline.api.common import PENDING, REQUESTED_AT
from nsg_baseline.core import conditions
from nsg_baseline.core.assignment import effective_mode
from nsg_baseline.core.conditions import ConditionState, find_condition, update_conditions
from nsg_baseline.core.decisions.enforcement import Enforcement, remediation_policy
from nsg_baseline.core.decisions.evaluation import Evaluation
from nsg_baseline.core.decisions.guardrails import REASON, refusal_message
from nsg_baseline.core.decisions.snapshot import Snapshot
from nsg_baseline.core.incident_changes import described
from nsg_baseline.core.observations import Failure
from nsg_baseline.core.remediation import Blocked, plan_hash
from nsg_baseline.core.text.exposure_lines import statuses
from nsg_baseline.core.text.phrasing import cut
from nsg_baseline.core.text.rule_lines import summary
from nsg_baseline.core.verdict import Verdict

Phase = Literal["Compliant", "AwaitingRollout", "Drifted"]
SHOWN_CHANGES = 50
# `kubectl get -o wide` and `kubectl describe` show this much in a few lines.
MESSAGE_LENGTH = 1024
# Ready says that the reconcile succeeded. Drift must not make Flux and Helm wait for the baseline.
_READY = conditions.ready("compared with Azure")


def status_of(
    snapshot: Snapshot,
    evaluation: Evaluation,
    enforcement: Enforcement,
    phase: Phase,
    incident: str | None,
    seen: LastSeen | None,
) -> BaselineStatus:
    """Return the status of a baseline whose NSG was judged; `incident` is the name of the open incident."""
    verdict, baseline = evaluation.verdict, snapshot.baseline
    generation = baseline.metadata.generation
    states = _states(snapshot, verdict, enforcement, phase)
    return BaselineStatus(
        observed_generation=generation,
        conditions=update_conditions(baseline.status.conditions, states, generation, snapshot.now),
        change_count=len(verdict.changes),
        severity=verdict.severity or "none",
        effective_mode="Alert" if snapshot.violations else effective_mode(snapshot.scope.spec, baseline.spec),
        changes=tuple(described(change) for change in verdict.changes[:SHOWN_CHANGES]),
        exposure=statuses(verdict.exposure)[:SHOWN_CHANGES],
        severity_reason=verdict.reason and cut(verdict.reason, REASON_LENGTH),
        exceptions=_exceptions(snapshot, verdict)[:SHOWN_CHANGES],
        rule_authors=evaluation.authors,
        plan_hash=plan_hash(verdict.nsg, verdict.changes, remediation_policy(snapshot)),
        incident=incident,
        last_compliant=_last_compliant(baseline.status, verdict, generation),
        last_seen=seen,
        rollout_since=evaluation.rollout_since,
        last_handled_reconcile_at=baseline.metadata.annotations.get(REQUESTED_AT),
    )


def unreconciled(stored: BaselineStatus, failure: Failure, generation: int, now: datetime) -> BaselineStatus:
    """Return the status of a baseline that is refused, or whose NSG cannot be judged.

    The last verdict stays in the status; whether it still holds is unknown.
    """
    state = conditions.not_ready(failure.reason, failure.message)
    status = _without_verdict(stored, state, failure.reason, generation, now)
    # An accepted baseline keeps its mode while its NSG is unreadable.
    mode = stored.effective_mode if failure.reason == "Unreadable" else "Off"
    return status.model_copy(update={"effective_mode": mode})


def suspended(stored: BaselineStatus, generation: int, now: datetime) -> BaselineStatus:
    """Return the status of a baseline that is suspended."""
    status = _without_verdict(stored, conditions.suspended(), "Suspended", generation, now)
    return status.model_copy(update={"effective_mode": "Off"})


def _without_verdict(
    stored: BaselineStatus, ready: ConditionState, reason: str, generation: int, now: datetime
) -> BaselineStatus:
    states = [ready, conditions.compliance_unknown(reason if _was_compared(stored) else PENDING)]
    updated = update_conditions(stored.conditions, states, generation, now)
    return stored.model_copy(update={"observed_generation": generation, "conditions": updated})


def _was_compared(stored: BaselineStatus) -> bool:
    compliant = find_condition(stored.conditions, "Compliant")
    return compliant is not None and compliant.reason != PENDING


def _states(snapshot: Snapshot, verdict: Verdict, enforcement: Enforcement, phase: Phase) -> list[ConditionState]:
    states = [_READY, _compliant(verdict, phase)]
    if snapshot.violations:
        states.append(conditions.not_accepted(REASON, refusal_message(snapshot.violations)))
    if isinstance(enforcement, Blocked):
        states.append(conditions.stalled(enforcement.reason, enforcement.message))
    elif phase == "AwaitingRollout":
        states.append(conditions.awaiting_rollout())
    return states


def _compliant(verdict: Verdict, phase: Phase) -> ConditionState:
    if phase == "Compliant":
        return conditions.compliant()
    reason = f"; {verdict.severity} because {verdict.reason}" if verdict.reason else ""
    message = cut(f"{summary(verdict.changes)}{reason}", MESSAGE_LENGTH)
    return conditions.drifted("AwaitingRollout" if phase == "AwaitingRollout" else "Drifted", message)


def _exceptions(snapshot: Snapshot, verdict: Verdict) -> tuple[ExceptionStatus, ...]:
    """Return the exceptions that have not ended, the next to end first."""
    running = [exception for exception in snapshot.baseline.spec.exceptions if snapshot.now < exception.until]
    return tuple(
        ExceptionStatus(
            rule=exception.rule.name,
            until=exception.until,
            in_use=exception.rule.name.lower() in verdict.excepted,
            reason=exception.reason,
            approved_by=exception.approved_by,
        )
        for exception in sorted(running, key=lambda exception: (exception.until, exception.rule.name.lower()))
    )


def _last_compliant(stored: BaselineStatus, verdict: Verdict, generation: int) -> LastCompliant | None:
    if not verdict.compliant or verdict.live_hash is None or verdict.compared_hash is None:
        return stored.last_compliant
    return LastCompliant(live_hash=verdict.live_hash, compared_hash=verdict.compared_hash, generation=generation)
