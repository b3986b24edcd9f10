"""Who made a change, by the log's request bodies: orders of writes by two or three callers."""

from dataclasses import replace
from datetime import timedelta

import pytest

from nsg_baseline.api.baseline import Comparison
from nsg_baseline.core.attribution.authorship import Authorship, LogPeriod, author_of
from nsg_baseline.core.attribution.effects import Question
from nsg_baseline.core.attribution.writes import writes
from nsg_baseline.core.changes import fingerprint, rule_change_fingerprint
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.nsg import ApprovedNSG
from nsg_baseline.core.rules import normalise
from tests.support.activity_rows import RULE, Story, content, people, story
from tests.support.alerts import NSG, START

APPROVED = ApprovedNSG(NSGId.parse(NSG), (), comparison=Comparison())
OWN = frozenset({"id-op"})
SETTLED = timedelta(minutes=21)


def question(past: Story, state: str, *, absent: bool = True) -> Question:
    deleted = state == "-"
    return Question(
        kind="RuleDeleted" if deleted else "RuleCreated",
        nsg=NSG.lower(),
        rule=RULE,
        fingerprint=fingerprint("RuleDeleted", RULE)
        if deleted
        else rule_change_fingerprint("RuleCreated", normalise(content(state)), APPROVED),
        approved=APPROVED,
        seen_at=past.now + timedelta(seconds=20),
        absent_at=START - timedelta(hours=1) if absent else None,
    )


def answered(past: Story, *, absent: bool = True, after: timedelta = SETTLED, complete: bool = True) -> Authorship:
    asked = question(past, past.state, absent=absent)
    log = LogPeriod(START - timedelta(hours=2), asked.seen_at + after, complete)
    return author_of(asked, writes(past.rows, {NSG.lower()}, OWN), log)


def outcome(answer: Authorship) -> str:
    """Return `jo` for a certain author, `al|jo` or `jo?` for candidates, and `-` for nobody."""
    names = "|".join(sorted(people(write.caller.name for write in answer.writes)))
    uncertain = "?" if answer.answer == "Candidates" and "|" not in names else ""
    return names + uncertain or "-"


@pytest.mark.parametrize(
    ("why", "events", "expected"),
    [
        ("a rule write", ["jo rule X"], "jo"),
        ("a write of the whole NSG", ["jo nsg X"], "jo"),
        ("a copy by a whole NSG write", ["mo rule X", "jo nsg X"], "mo"),
        ("a copy a second later", ["mo rule X", "jo nsg X +1s"], "mo"),
        ("two copies", ["mo rule X", "jo nsg X", "al rule X"], "mo"),
        ("a copy by a rule write", ["mo nsg X", "jo rule X"], "mo"),
        ("at the same moment nobody knows which came first", ["mo nsg X", "jo nsg X +0.1s"], "jo|mo"),
        ("a new rule is the first of two at one moment", ["mo rule X", "jo nsg X +0.1s"], "mo"),
        ("other content is overwritten", ["jo rule Y", "mo rule X"], "mo"),
        ("other content in between", ["jo rule X", "al rule Y", "mo rule X"], "mo"),
        ("written again by the same after other content", ["jo rule X", "al rule Y", "jo rule X"], "jo"),
        ("deleted and created again by another", ["jo rule X", "al delete -", "mo rule X"], "mo"),
        ("removed by an NSG write and created again", ["jo rule X", "al nsg -", "mo rule X"], "mo"),
        ("removed and written again by NSG writes", ["jo nsg X", "al nsg -", "mo nsg X"], "mo"),
        ("the NSG deleted and created again", ["jo rule X", "al drop -", "mo nsg X"], "mo"),
        ("a refused write", ["jo rule X refused", "mo rule X"], "mo"),
        ("a refused copy", ["mo rule X", "jo nsg X refused"], "mo"),
        ("a refused write of other content", ["mo rule X", "jo rule Y refused"], "mo"),
        ("a write that broke off may have written", ["jo nsg X broken", "mo nsg X"], "jo|mo"),
        ("a write that broke off after it was there", ["mo rule X", "jo nsg X broken"], "mo"),
        ("no outcome is listed", ["jo nsg X pending"], "jo?"),
        ("no outcome is listed of an earlier write", ["jo nsg X pending", "mo nsg X"], "jo|mo"),
        ("the body is missing", ["jo nsg X missing"], "jo?"),
        ("the body is truncated", ["jo nsg X truncated"], "jo?"),
        ("the body of the earlier write is missing", ["mo nsg X missing", "jo nsg X"], "jo|mo"),
        ("the body of the earlier write is truncated", ["mo nsg X truncated", "jo nsg X"], "jo|mo"),
        ("the body of the rule write is missing", ["mo rule X missing", "jo nsg X"], "jo|mo"),
        ("the body of a later copy is missing", ["mo rule X", "jo nsg X missing"], "mo"),
        ("a body is missing in between", ["mo rule X", "al nsg X missing", "jo nsg X"], "jo|mo"),
        ("only the end of the earlier write is listed", ["mo nsg X late", "jo nsg X"], "jo|mo"),
        ("other rules are others", ["mo rule X other", "jo rule X"], "jo"),
        ("tags are not rules", ["mo tags -", "jo rule X", "al tags -"], "jo"),
        ("other content by a stranger", ["mo rule Y", "jo nsg X", "mo tags -"], "jo"),
        ("the operator removed it, and another wrote it again", ["jo rule X", "op nsg -", "mo rule X"], "mo"),
        ("the operator's copy", ["jo rule X", "op nsg X"], "jo"),
        ("the operator's write with a missing body", ["jo nsg X", "op nsg X missing"], "jo"),
        ("the operator's copy alone", ["op nsg X"], "-"),
        ("a retry by the same caller", ["jo nsg X pending", "jo nsg X"], "jo"),
        ("a caller whose body is missing, and who wrote it again", ["jo nsg X missing", "jo nsg X"], "jo"),
    ],
)
def test_the_first_writer_of_the_content_is_the_author(why: str, events: list[str], expected: str) -> None:
    # The last writer of an NSG is often a pipeline that writes what it finds.
    assert outcome(answered(story(*events))) == expected, why


@pytest.mark.parametrize(
    ("why", "events", "expected"),
    [
        ("a delete", ["jo delete -"], "jo"),
        ("an NSG write without the rule", ["jo nsg -"], "jo"),
        ("a second delete deletes nothing", ["mo delete -", "jo delete -"], "mo"),
        ("an NSG write without the rule after the delete", ["mo delete -", "jo nsg -"], "mo"),
        ("an NSG write without body", ["jo nsg - missing"], "jo?"),
        ("an NSG write without body before the delete", ["mo nsg - missing", "jo nsg -"], "jo|mo"),
        ("a delete proves that the rule was there", ["mo nsg X missing", "jo delete -"], "jo"),
        ("created in between", ["mo delete -", "al rule X", "jo nsg -"], "jo"),
        ("a refused delete", ["mo delete - refused", "jo nsg -"], "jo"),
        ("the whole NSG was deleted and created", ["mo drop -", "jo nsg -"], "mo"),
    ],
)
def test_the_first_deletion_has_the_author(why: str, events: list[str], expected: str) -> None:
    # A delete has no body: the operation itself is the content.
    assert outcome(answered(story(*events, state="X"))) == expected, why


@pytest.mark.parametrize(
    ("why", "events", "state", "expected"),
    [
        ("it may be older than the log", ["jo nsg X"], "X", "jo?"),
        ("an earlier write of other content shows that it is not", ["al rule Y", "jo nsg X"], "X", "jo"),
        ("Azure says that the rule is new", ["jo rule X"], "-", "jo"),
        ("Azure says that the rule is new, and others copied it", ["jo rule X", "al nsg X"], "-", "jo"),
    ],
)
def test_content_that_was_there_before_has_no_author_in_the_log(
    why: str, events: list[str], state: str, expected: str
) -> None:
    # After a restart nobody knows since when a rule is there; the log of an hour shows copies alone.
    assert outcome(answered(story(*events, state=state), absent=False)) == expected, why


def test_a_log_that_was_read_in_part_proves_nothing() -> None:
    # Somebody who floods the log must not become invisible by that.
    assert outcome(answered(story("jo rule X"), complete=False)) == "jo?"


def test_a_log_that_starts_after_the_last_reading_proves_nothing() -> None:
    past = story("jo nsg X")
    asked = question(past, "X")
    log = LogPeriod(START - timedelta(minutes=59), asked.seen_at + SETTLED)
    assert outcome(author_of(asked, writes(past.rows, {NSG.lower()}, OWN), log)) == "jo?"


def test_rows_may_be_late() -> None:
    # The copy's row appears first: until the log is complete, nobody is certain.
    copy_alone = Story(rows=story("mo nsg X", "jo nsg X").rows[2:], state="X", now=START)
    early = answered(copy_alone, after=timedelta(seconds=30))
    assert (outcome(early), early.final) == ("jo?", False)
    late = answered(story("mo nsg X", "jo nsg X"))
    assert (outcome(late), late.final) == ("mo", True)


def test_an_empty_log_is_not_an_answer_until_it_is_complete() -> None:
    empty = Story(state="X", now=START)
    assert answered(empty, after=timedelta(seconds=30)).answer == "NotYet"
    assert answered(empty).answer == "Unknown"


def test_a_rule_that_azure_reports_as_created_has_its_author_at_once() -> None:
    # A co-owner's new rule need not wait for the log to be complete.
    assert outcome(answered(story("jo rule X"), after=timedelta(seconds=5))) == "jo"


def test_content_without_a_matching_body_has_all_writers_as_candidates() -> None:
    # Azure read one of the bodies in another way than the operator does.
    past = story("jo rule Y", "mo nsg Y")
    past.state = "X"
    answer = answered(past)
    assert (outcome(answer), answer.answer) == ("jo|mo", "Candidates")


def test_a_caller_without_a_name_is_only_a_candidate() -> None:
    past = story("jo rule X")
    past.rows = [{**row, "caller": None, "claims": {}} for row in past.rows]
    assert answered(past).answer == "Candidates"


def test_a_body_cannot_be_compared_without_the_baseline() -> None:
    past = story("jo rule X")
    asked = question(past, "X")
    unknown = Question(asked.kind, asked.nsg, asked.rule, asked.fingerprint, None, asked.seen_at, asked.absent_at)
    log = LogPeriod(START - timedelta(hours=2), asked.seen_at + SETTLED)
    assert author_of(unknown, writes(past.rows, {NSG.lower()}, OWN), log).answer == "Candidates"


def test_too_many_writes_prove_nothing() -> None:
    # Each write is compared with each: a flood must not stop the operator, and not hide its author either.
    past = story("jo rule X", *(["mo nsg X +1s"] * 600))
    assert answered(past).answer == "Candidates"


@pytest.mark.parametrize(("seconds", "named"), [(5, True), (5.1, False)])
def test_a_write_that_seems_to_follow_the_reading_may_precede_it(seconds: float, *, named: bool) -> None:
    # Azure's clock may be ahead of the operator's by five seconds.
    past = story("jo rule X")
    begun = writes(past.rows, {NSG.lower()}, OWN)[0].begun
    asked = replace(question(past, "X"), seen_at=begun - timedelta(seconds=seconds))
    log = LogPeriod(START - timedelta(hours=2), asked.seen_at + SETTLED)
    assert bool(author_of(asked, writes(past.rows, {NSG.lower()}, OWN), log).writes) is named


@pytest.mark.parametrize(("seconds", "named"), [(5, True), (5.1, False)])
def test_a_write_that_seems_to_precede_the_last_reading_may_follow_it(seconds: float, *, named: bool) -> None:
    past = story("jo rule X")
    answered_at = writes(past.rows, {NSG.lower()}, OWN)[0].answered
    assert answered_at is not None
    asked = replace(question(past, "X"), absent_at=answered_at + timedelta(seconds=seconds))
    log = LogPeriod(START - timedelta(hours=2), asked.seen_at + SETTLED)
    assert bool(author_of(asked, writes(past.rows, {NSG.lower()}, OWN), log).writes) is named
