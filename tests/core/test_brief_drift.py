"""Drift that no reading saw: which writes make one, and which are not reported."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.api.baseline import Tolerated
from nsg_baseline.api.incident import IncidentStatus, NSGIncident
from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG, SeverityConfig
from nsg_baseline.core.attribution.brief_drift import BriefDrift, brief_drifts, finding_of
from nsg_baseline.core.attribution.brief_incident import closed_incident, is_reported
from nsg_baseline.core.attribution.writes import writes
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.nsg import ApprovedException, ApprovedNSG
from nsg_baseline.core.rules import normalise
from tests.support.activity_rows import RULE, Story, content, story
from tests.support.alerts import NSG, START, incident, stamp

OTHER = normalise(content("z", "other"))
BARE = ApprovedNSG(NSGId.parse(NSG), (OTHER,))
WITH_RULE = ApprovedNSG(NSGId.parse(NSG), (OTHER, normalise(content("X"))))
FROM = START - timedelta(hours=2)
MINUTE = timedelta(minutes=1)


def drifts(past: Story, approved: ApprovedNSG) -> tuple[BriefDrift, ...]:
    return brief_drifts(writes(past.rows, {NSG.lower()}, frozenset({"id-op"})), approved, FROM)


def incident_of(
    drift: BriefDrift,
    approved: ApprovedNSG,
    incidents: Iterable[NSGIncident],
    interval: timedelta,
    severity_config: SeverityConfig,
) -> IncidentStatus | None:
    """Return the incident that the sweep would store about a drift; None if it stores none."""
    finding = finding_of(drift, approved, severity_config)
    if finding is None or is_reported(finding, incidents, interval):
        return None
    return closed_incident([finding], ())[1]


@pytest.mark.parametrize(
    ("why", "events", "ends"),
    [
        ("created and deleted", ["mo rule Y", "mo delete -"], True),
        ("created and removed by an NSG write", ["mo rule Y", "jo nsg -"], True),
        ("created by an NSG write and deleted", ["mo nsg Y", "mo delete -"], True),
        ("still there: the next reading reports it", ["mo rule Y"], False),
        ("refused", ["mo rule Y refused", "mo delete -"], False),
        ("its end is not certain", ["mo rule Y", "mo delete - pending"], False),
        ("its body is not shown", ["mo rule Y missing", "mo delete -"], False),
        ("tags", ["mo rule Y", "mo tags -"], False),
    ],
)
def test_a_rule_that_was_there_for_a_moment(why: str, events: list[str], ends: object) -> None:
    brief = drifts(story(*events), BARE)
    assert [set(drift.rules) for drift in brief] == ([{RULE}] if ends else []), why


@pytest.mark.parametrize(
    ("why", "events", "kinds"),
    [
        ("changed and changed back", ["mo rule Y", "mo rule X"], ["RuleUpdated"]),
        ("deleted and created again", ["mo delete -", "mo rule X"], ["RuleDeleted"]),
        ("removed and added again by NSG writes", ["mo nsg -", "mo nsg X"], ["RuleDeleted"]),
        ("written as it is approved", ["jo nsg X", "jo rule X"], []),
    ],
)
def test_an_approved_rule_that_differed_for_a_moment(why: str, events: list[str], kinds: list[str]) -> None:
    brief = drifts(story(*events, state="X"), WITH_RULE)
    statuses = [incident_of(drift, WITH_RULE, (), MINUTE, DEFAULT_SEVERITY_CONFIG) for drift in brief]
    assert [change.kind for status in statuses if status is not None for change in status.changes] == kinds, why


def test_what_is_tolerated_or_excepted_is_no_drift() -> None:
    past = story("mo rule Y", "mo delete -")
    tolerated = ApprovedNSG(NSGId.parse(NSG), (), tolerate=(Tolerated(name="lb-*"),))
    by_caller = ApprovedNSG(NSGId.parse(NSG), (), tolerate=(Tolerated(name="lb-*", caller="jo@example.com"),))
    excepted = ApprovedNSG(NSGId.parse(NSG), (), exceptions=(ApprovedException(normalise(content("Y")), START),))
    assert [len(drifts(past, approved)) for approved in (tolerated, by_caller, excepted)] == [0, 1, 0]


def test_before_the_baseline_was_seen_to_match_nothing_is_known() -> None:
    # What is a drift now may have been approved then.
    past = story("mo rule Y", "mo delete -")
    assert brief_drifts(writes(past.rows, {NSG.lower()}, frozenset()), BARE, past.now) == ()


def test_the_incident_has_the_times_of_the_drift() -> None:
    past = story("mo rule Y", "mo delete -")
    (drift,) = drifts(past, BARE)
    status = incident_of(drift, BARE, (), MINUTE, DEFAULT_SEVERITY_CONFIG)
    assert status is not None
    assert (status.state, status.resolution, status.attribution) == ("Resolved", "Reverted", None)
    assert (status.opened_at, status.resolved_at) == (drift.since, drift.until)
    assert status.summary == f"RuleCreated {RULE}, between two readings"
    assert status.exposure


@pytest.mark.parametrize(
    ("why", "fields", "covered"),
    [
        ("a reading saw it", {}, True),
        ("another drift", {"fingerprints": ["1"]}, False),
        ("an older incident about the same", {"opened": -60, "ended": -30}, False),
        ("a later incident about the same", {"opened": 10}, False),
        ("another drift that was open all the time", {"fingerprints": ["1"], "opened": -60}, False),
    ],
)
def test_a_drift_is_reported_once(why: str, fields: dict[str, Any], covered: object) -> None:
    past = story("mo rule Y", "mo delete -")
    (drift,) = drifts(past, BARE)
    reported = incident_of(drift, BARE, (), MINUTE, DEFAULT_SEVERITY_CONFIG)
    assert reported is not None
    opened = drift.since + timedelta(minutes=fields.get("opened", 0))
    ended = {"resolvedAt": stamp(drift.since + timedelta(minutes=fields["ended"]))} if "ended" in fields else {}
    fingerprints = fields.get("fingerprints", list(reported.fingerprints))
    stored = incident(openedAt=stamp(opened), fingerprints=fingerprints, **ended)
    again = incident_of(drift, BARE, (stored,), MINUTE, DEFAULT_SEVERITY_CONFIG)
    assert (again is None) == bool(covered), why


def test_a_reading_saw_what_lasted_longer_than_the_interval_of_an_open_incident() -> None:
    # The incident lists what is open now; the change ended before.
    (drift,) = drifts(story("mo rule Y", "mo delete - +600s"), BARE)
    stored = incident(openedAt=stamp(drift.since - MINUTE), fingerprints=["1"])
    assert incident_of(drift, BARE, (stored,), MINUTE, DEFAULT_SEVERITY_CONFIG) is None


@pytest.mark.parametrize(
    ("why", "opened", "ended", "known", "covered"),
    [
        ("it opened a minute after the end", 61, None, True, True),
        ("it opened later than that", 62, None, True, False),
        ("it ended when the drift began", -60, 0, True, True),
        ("it had ended before", -60, -1, True, False),
        ("another one, open since the beginning", 0, None, False, False),
    ],
)
def test_an_incident_about_a_drift_opens_soon_after_it(
    why: str, opened: int, ended: int | None, *, known: bool, covered: bool
) -> None:
    # The drift lasts a second. Times are in seconds from its beginning.
    (drift,) = drifts(story("mo rule Y", "mo delete - +0.8s"), BARE)
    assert drift.until - drift.since == timedelta(seconds=1)
    reported = incident_of(drift, BARE, (), MINUTE, DEFAULT_SEVERITY_CONFIG)
    assert reported is not None
    times = {"opened_at": drift.since + timedelta(seconds=opened)}
    if ended is not None:
        times["resolved_at"] = drift.since + timedelta(seconds=ended)
    fingerprints = reported.fingerprints if known else ("1",)
    status = incident().status.model_copy(update={**times, "fingerprints": fingerprints})
    stored = incident().model_copy(update={"status": status})
    other = incident(openedAt=None)
    again = incident_of(drift, BARE, (other, stored), MINUTE, DEFAULT_SEVERITY_CONFIG)
    assert (again is None) is covered, why


@pytest.mark.parametrize(("seconds", "covered"), [(120, False), (121, True)])
def test_a_reading_sees_what_lasts_longer_than_the_interval_and_a_minute(seconds: int, *, covered: bool) -> None:
    # A listing takes a while, so a drift may have been missed by one reading.
    (drift,) = drifts(story("mo rule Y", f"mo delete - +{seconds - 0.2}s"), BARE)
    assert drift.until - drift.since == timedelta(seconds=seconds)
    status = incident().status.model_copy(update={"opened_at": drift.since, "fingerprints": ("1",)})
    stored = incident().model_copy(update={"status": status})
    assert (incident_of(drift, BARE, (stored,), MINUTE, DEFAULT_SEVERITY_CONFIG) is None) is covered


def test_rules_that_drift_together_are_one_drift_and_others_are_not() -> None:
    # One write of the NSG may remove several rules; a reader wants one incident about it.
    two = ApprovedNSG(NSGId.parse(NSG), (OTHER, normalise(content("X")), normalise(content("X", "second"))))
    past = story("mo nsg -", "jo nsg X", state="X")
    (drift, *more) = drifts(past, two)
    assert more == []
    assert set(drift.rules) == {RULE}, "the second rule is still missing, and the next reading reports it"
    apart = drifts(story("mo rule Y", "mo rule X", "mo delete -", "mo rule X", state="X"), WITH_RULE)
    assert [set(item.rules) for item in apart] == [{RULE}, {RULE}]
    assert apart[0].until < apart[1].since


def test_a_drift_begins_with_its_first_state() -> None:
    # The worst is the first that was written; a later edit of it does not move the beginning.
    (drift,) = drifts(story("mo rule Y", "mo rule Z", "mo delete -"), BARE)
    (first, *_) = writes(story("mo rule Y").rows, {NSG.lower()}, frozenset())
    assert drift.since == first.answered
    rule = drift.rules[RULE]
    assert rule is not None
    assert rule.destination_ports == normalise(content("Y")).destination_ports


def test_what_the_operator_writes_is_no_drift() -> None:
    # It writes what is approved, and rules of co-owners as it read them.
    assert drifts(story("op rule Y", "mo delete -"), BARE) == ()
    assert len(drifts(story("mo rule Y", "op nsg -"), BARE)) == 1


def test_a_co_owner_is_recognised_by_who_wrote() -> None:
    by_caller = ApprovedNSG(NSGId.parse(NSG), (), tolerate=(Tolerated(name="lb-*", caller="jo@example.com"),))
    assert drifts(story("jo rule Y", "mo delete -"), by_caller) == ()


def test_a_write_at_the_moment_of_the_first_reading_counts() -> None:
    past = story("mo rule Y", "mo delete -")
    listed = writes(past.rows, {NSG.lower()}, frozenset())
    assert len(brief_drifts(listed, BARE, listed[0].begun)) == 1
    assert brief_drifts(listed, BARE, listed[0].begun + timedelta(microseconds=1)) == ()


def statuses_of(approved: ApprovedNSG, *events: str, state: str = "-") -> list[IncidentStatus]:
    brief = drifts(story(*events, state=state), approved)
    statuses = [incident_of(drift, approved, (), MINUTE, DEFAULT_SEVERITY_CONFIG) for drift in brief]
    return [status for status in statuses if status is not None]


@pytest.mark.parametrize(
    ("why", "events", "kinds"),
    [
        ("deleted and created again", ["mo drop -", "jo nsg X"], ["NSGDeleted"]),
        ("created again with a body that is not shown", ["mo drop -", "jo nsg X missing"], ["NSGDeleted"]),
        ("deleted and not there yet: the next reading reports it", ["mo drop -"], []),
        ("the deletion was refused", ["mo drop - refused", "jo nsg X"], []),
        (
            "created again without its rule, which follows",
            ["mo drop -", "jo nsg -", "jo rule X"],
            ["NSGDeleted", "RuleDeleted"],
        ),
    ],
)
def test_an_nsg_that_was_deleted_for_a_moment(why: str, events: list[str], kinds: list[str]) -> None:
    # While it does not exist, it filters nothing.
    incidents = statuses_of(WITH_RULE, *events, state="X")
    assert [change.kind for status in incidents for change in status.changes] == kinds, why


@pytest.mark.parametrize(
    ("why", "events", "fields"),
    [
        ("removed and restored", ["mo nsg X", "jo tags -"], [("tags.Env",)]),
        ("still missing", ["mo nsg X"], []),
        ("the same as before", ["jo tags -", "jo tags -"], []),
    ],
)
def test_tags_that_differed_for_a_moment(why: str, events: list[str], fields: list[tuple[str, ...]]) -> None:
    # A policy or a guardrail may depend on a tag. The story's `nsg` writes no tags, and its `tags` writes the approved.
    tagged = ApprovedNSG(NSGId.parse(NSG), WITH_RULE.rules, tags={"Env": "prod"})
    incidents = statuses_of(tagged, *events, state="X")
    assert [change.fields for status in incidents for change in status.changes] == fields, why


def test_all_drifts_of_a_sweep_are_one_incident_with_the_worst_severity() -> None:
    # Somebody who opens and closes ports every few seconds must not make an incident each time.
    letters = "PQRSTU"
    past = story(*(event for letter in letters for event in (f"mo rule {letter} +5s", "mo delete - +5s")))
    candidates = [finding_of(drift, BARE, DEFAULT_SEVERITY_CONFIG) for drift in drifts(past, BARE)]
    findings = [finding for finding in candidates if finding is not None]
    assert len(findings) == len(letters)
    severe = replace(findings[3], severity="critical", reason="SSH is open")
    previous, status = closed_incident([*findings[:3], severe, *findings[4:]], ())
    assert previous is None
    assert (status.severity, status.highest_severity, status.severity_reason) == ("critical", "critical", "SSH is open")
    assert (status.opened_at, status.resolved_at) == (findings[0].since, findings[-1].until)
    assert len(status.changes) == len(letters)
    assert str(status.summary).endswith("between two readings, 6 times")
    stored = incident().model_copy(update={"status": status})
    assert all(is_reported(finding, (stored,), MINUTE) for finding in findings)


@given(st.lists(st.tuples(st.sampled_from("PQRS"), st.integers(1, 599)), min_size=1, max_size=30))
def test_a_flood_is_one_incident_that_forgets_nothing(steps: list[tuple[str, int]]) -> None:
    # Each sweep stores at most one incident for an NSG, and continues it while less than ten minutes lie between.
    past = story(*(event for letter, pause in steps for event in (f"mo rule {letter} +{pause}s", "mo delete - +1s")))
    stored: list[NSGIncident] = []
    for drift in drifts(past, BARE):
        finding = finding_of(drift, BARE, DEFAULT_SEVERITY_CONFIG)
        assert finding is not None
        if is_reported(finding, stored, MINUTE):
            continue
        previous, status = closed_incident([finding], stored)
        assert (previous is None) == (not stored)
        stored = [incident().model_copy(update={"status": status})]
    (flooded,) = stored
    listed = {change.fingerprint for change in (*flooded.status.changes, *flooded.status.ended_changes)}
    assert len(listed) == len({letter for letter, _ in steps})
    assert flooded.status.reopen_count < len(steps)


def test_an_incident_is_continued_for_ten_minutes() -> None:
    (drift,) = drifts(story("mo rule Y", "mo delete -"), BARE)
    finding = finding_of(drift, BARE, DEFAULT_SEVERITY_CONFIG)
    assert finding is not None
    ended = incident(state="Resolved", resolvedAt=stamp(finding.since), fingerprints=["1"])
    for seconds, is_continued in ((0, True), (599, True), (600, False), (-1, False)):
        at = finding.since.replace(microsecond=0) + timedelta(seconds=seconds)
        later = replace(finding, since=at, until=at + MINUTE)
        assert (closed_incident([later], (ended,))[0] is ended) is is_continued, seconds
    assert closed_incident([finding], (incident(),))[0] is None, "an open incident is not continued"
