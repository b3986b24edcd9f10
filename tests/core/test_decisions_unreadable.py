"""An NSG that cannot be judged may hide any change: the operator opens an incident and concludes nothing else."""

from dataclasses import replace
from datetime import timedelta

from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.decisions import decide
from nsg_baseline.core.decisions.unreadable import UnreadableDecision, UnreadableSnapshot, decide_unreadable
from nsg_baseline.core.observations import Failure, internal_failure
from tests.support.decisions import SSH, WEB, carry_out, incident, live, snapshot
from tests.support.nsgs import NOW

MINUTE = timedelta(minutes=1)
BAD = Failure("Unreadable", "rule open-ssh has no priority")


def unreadable(*incidents: NSGIncident, failure: Failure = BAD) -> UnreadableSnapshot:
    taken = snapshot(WEB)
    return UnreadableSnapshot(NOW + MINUTE, taken.subject, taken.baseline, incidents, failure)


def stored(decision: UnreadableDecision) -> NSGIncident:
    """Return the incident as it is stored afterwards."""
    assert decision.incident is not None
    return incident(decision.incident.name).model_copy(update={"status": decision.incident.status})


def test_an_unreadable_nsg_opens_an_incident_of_severity_high() -> None:
    decision = decide_unreadable(unreadable())
    after = stored(decision).status
    assert (after.state, after.severity, after.event, after.change_count) == ("Open", "high", "Opened", 0)
    assert "cannot be judged: Unreadable: rule open-ssh has no priority" in str(after.summary)
    assert decision.incident is not None
    assert [notice.reason for notice in decision.incident.notices] == ["DriftOpened"]
    ready = next(state for state in decision.status.conditions if state.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "Unreadable")
    assert decision.status.incident == decision.incident.name


def test_an_unreadable_nsg_is_reported_once() -> None:
    # Azure's messages differ from one response to the next.
    first = stored(decide_unreadable(unreadable()))
    again = decide_unreadable(unreadable(first, failure=Failure("Unreadable", "another message")))
    assert again.incident is None
    assert again.status.incident == first.metadata.name


def test_earlier_changes_stay_in_the_incident() -> None:
    # They may still exist, and must not count as new when the NSG is readable again.
    taken = snapshot(WEB, SSH)
    drifting = carry_out(taken, decide(taken))
    decision = decide_unreadable(unreadable(*drifting.incidents))
    after = stored(decision).status
    assert [change.rule for change in after.changes] == ["open-ssh"]
    assert (after.event, after.severity) == ("Updated", "critical")
    readable = decide(replace(drifting, incidents=(stored(decision),), now=NOW + 2 * MINUTE))
    assert readable.incident is not None
    assert readable.incident.status.revision == after.revision
    assert readable.incident.notices == ()


def test_the_incident_ends_when_the_nsg_is_readable_and_matches() -> None:
    first = stored(decide_unreadable(unreadable()))
    decision = decide(snapshot(incidents=(first,), live=live(WEB)))
    assert decision.incident is not None
    assert decision.incident.status.state == "Resolved"


def test_a_transient_failure_is_an_incident_only_if_it_lasts() -> None:
    # A throttled request for each of 2,000 edited baselines would be 2,000 alerts.
    throttled = Failure("Throttled", "too many requests", transient=True)
    patient = replace(unreadable(failure=throttled), patience=3 * MINUTE)
    first = decide_unreadable(patient)
    assert first.incident is None
    ready = next(state for state in first.status.conditions if state.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "Throttled"), "the baseline says so at once"
    failing = replace(patient, baseline=patient.baseline.model_copy(update={"status": first.status}))
    almost = replace(failing, now=patient.now + 3 * MINUTE - timedelta(seconds=1))
    assert decide_unreadable(almost).incident is None
    assert decide_unreadable(replace(failing, now=patient.now + 3 * MINUTE)).incident is not None
    lasting = replace(patient, failure=replace(throttled, transient=False))
    assert decide_unreadable(lasting).incident is not None


def test_an_internal_failure_names_the_type_and_no_content() -> None:
    # The text of an exception can contain the parsed value, even a token.
    failure = internal_failure(ValueError("Bearer secret"))
    assert failure.reason == "InternalError"
    assert "ValueError" in failure.message
    assert "secret" not in failure.message
