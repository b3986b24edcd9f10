"""Decisions at their edges: combinations that are rare in Azure, and limits that only long texts reach."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.api.incident import Acknowledged
from nsg_baseline.core.decisions import NoWrite, RemediationAttempt, Snapshot, decide
from nsg_baseline.core.decisions.baseline_status import status_of
from nsg_baseline.core.decisions.drift_incidents import decide_incident
from nsg_baseline.core.decisions.evaluation import evaluate
from nsg_baseline.core.remediation import Blocked
from tests.support.decisions import BOTH, SSH, WEB, baseline, carry_out, incident, snapshot, with_status
from tests.support.nsgs import EARLIER, NOW, rule

MINUTE = timedelta(minutes=1)


def _awaiting(*, has_incident: bool, **fields: Any) -> Snapshot:
    """Return a baseline that was edited, whose NSG waits for the rollout; another change had opened an incident."""
    matching = decide(snapshot(WEB)).status
    wider = rule("web", destinationPortRange="80-443")
    taken = replace(
        snapshot(WEB, **BOTH),
        baseline=baseline([wider], generation=2, rolloutGrace="30m", mode="Enforce"),
        incidents=(incident(state="Open", revision=1, opened_at=EARLIER),) if has_incident else (),
        **fields,
    )
    return with_status(taken, last_compliant=matching.last_compliant, conditions=matching.conditions)


BLOCKED = RemediationAttempt(blocked=Blocked("ScopeLocked", "a lock"))


@pytest.mark.parametrize(
    ("has_incident", "fields", "is_updated"),
    [
        (False, {}, False),
        (False, {"read_for_write": True, "reading": "UnderWay"}, False),
        (False, {"attempt": BLOCKED}, False),
        (True, {}, False),
        (True, {"read_for_write": True, "reading": "UnderWay"}, True),
        (True, {"attempt": BLOCKED}, True),
    ],
)
def test_an_awaited_rollout_updates_only_an_open_incident(
    fields: dict[str, Any], *, has_incident: bool, is_updated: bool
) -> None:
    # A rollout that is awaited does not count as drift, but what the operator did must be in the history.
    decision = decide(_awaiting(has_incident=has_incident, **fields))
    assert decision.phase == "AwaitingRollout"
    assert (decision.incident is not None) == is_updated


def _message(**verdict: Any) -> str:
    taken = snapshot(WEB, SSH)
    evaluation = evaluate(taken)
    changed = replace(evaluation, verdict=replace(evaluation.verdict, **verdict))
    status = status_of(taken, changed, NoWrite(), "Drifted", None, None)
    return status.conditions[1].message


def test_the_message_about_drift_is_cut() -> None:
    # kubectl describe shows a few lines.
    assert _message(reason="short") == "RuleCreated open-ssh; critical because short"
    assert _message(reason=None) == "RuleCreated open-ssh"
    long = _message(reason="x" * 2000)
    assert len(long) == 1024
    assert long.endswith("x…")


def test_the_severity_of_all_changes_together_is_the_incidents() -> None:
    # Together they may open more than each alone.
    taken = snapshot(WEB, rule("web2", priority=101))
    evaluation = evaluate(taken)
    together = replace(evaluation, verdict=replace(evaluation.verdict, rating="critical", reason="together"))
    step = decide_incident(taken, together, NoWrite())
    assert step is not None
    assert (step.status.severity, step.status.severity_reason) == ("critical", "together")


def test_an_acknowledgement_is_recorded() -> None:
    # The message says who has seen it, and reminders end.
    taken = snapshot(WEB, SSH)
    taken = carry_out(taken, decide(taken))
    (stored,) = taken.incidents
    spec = stored.spec.model_copy(update={"acknowledged": Acknowledged(by="jo@example.com")})
    step = decide(replace(taken, incidents=(stored.model_copy(update={"spec": spec}),), now=NOW + MINUTE)).incident
    assert step is not None
    assert (step.status.event, step.status.acknowledged_at) == ("Acknowledged", NOW + MINUTE)
