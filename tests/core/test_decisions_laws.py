"""Laws of decisions over any snapshot."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from nsg_baseline.core.decisions import AwaitReading, ReadNSG, RemediationAttempt, Snapshot, decide
from nsg_baseline.core.nsg import parse_live
from nsg_baseline.core.remediation import Blocked, Remediation
from tests.support.decisions import alerting, carry_out, enforced, snapshots

WRITES = (AwaitReading, ReadNSG, Remediation)
FEWER = settings(max_examples=30)


@FEWER
@given(snapshots(), st.sampled_from(("scope", "baseline")))
def test_nothing_is_written_in_alert_mode(taken: Snapshot, side: str) -> None:
    # Enforcement is off unless both the scope and the baseline ask for it.
    alert = alerting(enforced(taken, read_for_write=False, reading="Complete", attempt=None), side)
    assert not isinstance(decide(alert).enforcement, (*WRITES, Blocked))


@FEWER
@given(snapshots())
def test_nothing_is_written_from_an_incomplete_reading(taken: Snapshot) -> None:
    if taken.reading != "Complete":
        taken = enforced(taken, read_for_write=True)
        assert not isinstance(decide(taken).enforcement, ReadNSG | Remediation)


@FEWER
@given(snapshots())
def test_nothing_is_written_while_suspended(taken: Snapshot) -> None:
    if taken.baseline.spec.suspend or taken.scope.spec.suspend_enforcement:
        taken = enforced(taken, read_for_write=False, reading="Complete", attempt=None, incidents=())
        assert not isinstance(decide(taken).enforcement, WRITES)


@FEWER
@given(snapshots())
def test_nothing_is_written_without_a_reading_by_id(taken: Snapshot) -> None:
    if not taken.read_for_write:
        taken = enforced(taken, reading="Complete", attempt=None)
        assert not isinstance(decide(taken).enforcement, Remediation)


@FEWER
@given(snapshots())
def test_nothing_is_written_to_an_nsg_that_azure_is_updating(taken: Snapshot) -> None:
    if taken.live is None or taken.live.provisioning_state != "Succeeded":
        taken = enforced(taken, read_for_write=True, reading="Complete", attempt=None)
        assert not isinstance(decide(taken).enforcement, Remediation)


@FEWER
@given(snapshots())
def test_one_reconcile_writes_at_most_once(taken: Snapshot) -> None:
    # After an attempt, successful or not, the decision plans no other write.
    taken = enforced(taken, reading="Complete")
    decision = decide(taken)
    if taken.attempt is not None:
        assert not isinstance(decision.enforcement, WRITES)
    if isinstance(decision.enforcement, Remediation):
        answer = parse_live(decision.enforcement.document)
        written = replace(taken, live=answer, attempt=RemediationAttempt(written=True))
        assert not isinstance(decide(written).enforcement, WRITES)


@FEWER
@given(snapshots())
def test_equal_snapshots_give_equal_decisions(taken: Snapshot) -> None:
    assert decide(taken) == decide(replace(taken))


@FEWER
@given(snapshots())
def test_a_decision_is_stable_once_it_is_carried_out(taken: Snapshot) -> None:
    # A reconcile of an unchanged NSG writes nothing to Kubernetes.
    taken = replace(taken, attempt=None)
    first = decide(taken)
    second = decide(carry_out(taken, first))
    assert second.incident is None
    assert second.status == first.status
    assert (second.phase, second.verdict) == (first.phase, first.verdict)


@FEWER
@given(snapshots())
def test_the_status_names_the_open_incident(taken: Snapshot) -> None:
    decision = decide(taken)
    stored = carry_out(taken, decision).open_incident
    assert decision.status.incident == (stored.metadata.name if stored is not None else None)


@FEWER
@given(snapshots())
def test_drift_has_an_incident_unless_a_rollout_is_awaited(taken: Snapshot) -> None:
    # Every unapproved change that no edit explains is reported.
    decision = decide(taken)
    if decision.phase == "Drifted":
        stored = carry_out(taken, decision).open_incident
        assert stored is not None
        assert stored.status.change_count == len(decision.verdict.changes)


@FEWER
@given(snapshots())
def test_a_resolved_incident_has_no_drift(taken: Snapshot) -> None:
    decision = decide(taken)
    if decision.incident is not None and decision.incident.status.state == "Resolved":
        assert decision.verdict.compliant
