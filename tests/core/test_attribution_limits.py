"""Answers in an incident: how many callers and names it shows, and from which time on the log is read."""

from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.api.changes import Attribution, ChangeStatus
from nsg_baseline.api.incident import Caller, IncidentStatus, NSGIncident
from nsg_baseline.core.attribution import (
    GIVE_UP_AFTER,
    ActivityRows,
    LogPeriod,
    attributed,
    carried,
    open_since,
    overall,
    read_from,
)
from nsg_baseline.core.changes import rule_change_fingerprint
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.nsg import ApprovedNSG
from nsg_baseline.core.rules import normalise
from tests.support.activity_rows import RULE, Story, content, story
from tests.support.alerts import NSG, START, incident, stamp

MINUTE = timedelta(minutes=1)
APPROVED = ApprovedNSG(NSGId.parse(NSG), ())


def change(minutes: float | None = 0, **fields: Any) -> dict[str, Any]:
    fingerprint = rule_change_fingerprint("RuleCreated", normalise(content("X")), APPROVED)
    since = {} if minutes is None else {"since": stamp(START + minutes * MINUTE)}
    return {"kind": "RuleCreated", "rule": RULE, "severity": "high", "fingerprint": fingerprint, **since, **fields}


def settled(drifting: NSGIncident, past: Story, minutes: float = 25) -> IncidentStatus:
    period = LogPeriod(START - 120 * MINUTE, START + minutes * MINUTE)
    return attributed(drifting, ActivityRows(past.rows, period), APPROVED)


def caller(name: str, minutes: float = 0, *, certain: bool = False) -> dict[str, Any]:
    at = START + minutes * MINUTE
    return Caller(name=name, kind="User", at=at, operation="w", correlation_id=name, certain=certain).document()


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["Found"], "Found"),
        (["Found", "Found"], "Found"),
        (["Found", "NotFound"], "Uncertain"),
        (["Found", "Uncertain"], "Uncertain"),
        (["NotFound", "NotFound"], "NotFound"),
        (["NotFound", "Uncertain"], "Uncertain"),
        (["Found", None], None),
        ([], None),
    ],
)
def test_the_answer_of_an_incident(answers: list[Attribution | None], expected: Attribution | None) -> None:
    # "Found" for an incident of which one author is unknown would end the search in the reader's head.
    changes = [ChangeStatus.model_validate(change(attribution=answer)) for answer in answers]
    assert overall(changes) == expected


def test_an_incident_without_changes_is_given_up_in_the_end() -> None:
    assert overall([], given_up=True) == "NotFound"
    assert overall([ChangeStatus.model_validate(change())], given_up=True) is None
    assert timedelta(minutes=30) == GIVE_UP_AFTER
    bare = incident(changes=[])
    assert settled(bare, Story(), minutes=29.9).attribution is None
    assert settled(bare, Story(), minutes=30).attribution == "NotFound"


def test_each_change_is_given_up_by_its_age() -> None:
    # A change that appeared later has the same time.
    drifting = incident(changes=[change(0), change(10)])
    early, late = settled(drifting, Story(), minutes=30).changes
    assert (early.attribution, late.attribution) == ("NotFound", None)
    assert settled(drifting, Story(), minutes=40).attribution == "NotFound"


def test_the_log_is_read_from_the_last_reading_without_the_change() -> None:
    absent = stamp(START - 5 * MINUTE)
    drifting = incident(changes=[change(3, absentAt=absent), change(1)])
    assert read_from(drifting) == START - 5 * MINUTE
    assert open_since(drifting) == START + MINUTE
    answered = incident(changes=[change(3), change(1, absentAt=absent, attribution="Found")])
    assert read_from(answered) == START + 3 * MINUTE
    assert open_since(answered) == START + 3 * MINUTE


def test_an_incident_without_times_of_its_changes_has_those_of_its_own() -> None:
    updated = {"openedAt": stamp(START), "updatedAt": stamp(START + 9 * MINUTE)}
    drifting = incident(changes=[change(None)], **updated)
    assert open_since(drifting) == START + 9 * MINUTE
    over = incident(changes=[change(None)], state="Resolved", **updated)
    assert open_since(over) == START, "the end of an incident is not when its changes were seen"
    assert open_since(incident(changes=[], **updated)) == START + 9 * MINUTE
    assert open_since(incident(changes=[], openedAt=stamp(START), updatedAt=None)) == START
    assert read_from(incident(changes=[], **updated)) == START
    assert open_since(incident(changes=[change()], attribution="Found")) is None
    assert open_since(incident(changes=[change()], openedAt=None)) is None
    with pytest.raises(ValueError, match=r"^the incident was never opened$"):
        read_from(incident(changes=[], openedAt=None))


def test_a_change_keeps_what_is_stored_about_it() -> None:
    stored = ChangeStatus.model_validate(
        change(5, absentAt=stamp(START), attribution="Found", changedBy=["jo@example.com"], severity="low")
    )
    kept = carried(ChangeStatus.model_validate(change(9)), stored)
    assert (kept.since, kept.absent_at) == (stored.since, stored.absent_at)
    assert (kept.attribution, kept.changed_by) == ("Found", ("jo@example.com",))
    assert kept.severity == "high", "the severity is that of today"


def test_five_names_of_a_change_and_twenty_callers_of_an_incident_are_shown() -> None:
    # The latest first: the reader asks them first.
    past = story(*(f"p{number:02} nsg X pending" for number in range(25)))
    status = settled(incident(changes=[change()]), past)
    assert status.changes[0].changed_by == tuple(f"p{number:02}@example.com" for number in (24, 23, 22, 21, 20))
    assert [entry.name for entry in status.changed_by] == [f"p{number:02}@example.com" for number in range(24, 4, -1)]


def test_the_names_of_all_changes_share_a_hundred_thousand_characters() -> None:
    past = story("jo nsg X")
    for length, shown in ((100, 1), (101, 0)):
        past.rows = [{**row, "caller": "j" * length} for row in past.rows]
        status = settled(incident(changes=[change()] * 1000), past)
        assert len(status.changes[0].changed_by) == shown, length


def test_a_caller_of_several_requests_is_named_once_for_a_change() -> None:
    past = story("jo nsg X pending", "mo nsg X pending", "jo nsg X pending")
    status = settled(incident(changes=[change()]), past)
    assert status.changes[0].changed_by == ("jo@example.com", "mo@example.com")
    assert len(status.changed_by) == 3, "each request has its time and its operation"


def test_a_request_that_is_certain_for_one_change_is_certain() -> None:
    # The same request may be a candidate for another change.
    found = change(0, attribution="Found", changedBy=["jo@example.com"])
    stored = [caller("jo@example.com", 1, certain=True), caller("mo@example.com", 2)]
    status = settled(incident(changes=[found], changedBy=stored), Story())
    assert [(entry.name, entry.certain) for entry in status.changed_by] == [("jo@example.com", True)]
    several = incident(
        changes=[found, change(1, attribution="Uncertain", changedBy=["mo@example.com"])], changedBy=stored
    )
    names = [(entry.name, entry.certain) for entry in settled(several, Story()).changed_by]
    assert names == [("mo@example.com", False), ("jo@example.com", True)]


def test_the_nsg_of_a_change_is_that_of_the_change_or_of_the_incident() -> None:
    # Incidents of a scope are about several NSGs.
    past = story("jo rule X")
    other = NSG.replace("/web", "/db")
    for nsg, found in ((NSG.upper(), True), (None, True), (other, False)):
        status = settled(incident(changes=[change(0, nsg=nsg)]), past)
        assert bool(status.changes[0].changed_by) is found, nsg
