"""What NSGs without a baseline opened between two readings: which writes count, and which are not reported."""

from datetime import timedelta

import pytest

from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG
from nsg_baseline.core.attribution.brief_incident import BriefFinding, closed_incident, is_reported
from nsg_baseline.core.attribution.brief_openings import BriefOpening, brief_openings, finding_of
from nsg_baseline.core.attribution.writes import writes
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.nsg import LiveNSG
from nsg_baseline.core.rules import Rule, normalise
from nsg_baseline.core.verdict import judge_unbaselined
from tests.support.activity_rows import RULE, Story, content, story
from tests.support.alerts import NSG, START, incident, stamp
from tests.support.rule_shorthand import arm_rule

FROM = START - timedelta(hours=2)
MINUTE = timedelta(minutes=1)
ID = NSGId.parse(NSG)


def openings(past: Story) -> list[BriefOpening]:
    return list(brief_openings(writes(past.rows, {NSG.lower()}, frozenset()), FROM))


def opening(*lines: str, is_whole: bool = False) -> BriefOpening:
    rules = tuple(normalise(arm_rule(line)) for line in lines)
    return BriefOpening(rules, START, START + MINUTE, is_whole)


def reported(listed: BriefOpening) -> BriefFinding:
    finding = finding_of(ID, listed, DEFAULT_SEVERITY_CONFIG)
    assert finding is not None
    return finding


@pytest.mark.parametrize(
    ("why", "events", "expected"),
    [
        ("written and deleted", ["mo rule Y", "mo delete -"], [{"Y"}]),
        ("written and removed by an NSG write", ["mo rule Y", "jo nsg -"], [{"Y"}]),
        ("written and changed", ["mo rule Y", "mo rule X"], [{"Y"}]),
        ("two contents", ["mo rule Y", "mo rule X", "mo delete -"], [{"Y"}, {"X"}]),
        ("written twice", ["mo rule Y", "jo nsg Y", "mo delete -"], [{"Y"}]),
        ("still there: the next reading reports it", ["mo rule Y"], []),
        ("older than the log", ["mo delete -"], []),
        ("refused", ["mo rule Y refused", "mo delete -"], []),
        ("its end is not certain", ["mo rule Y", "mo delete - pending"], []),
        ("its body is not shown", ["mo rule Y missing", "mo delete -"], []),
        ("what follows is not shown", ["mo rule Y", "jo nsg X truncated"], []),
        ("its tags changed", ["mo rule Y", "jo tags -"], []),
        ("the NSG was deleted with its rules", ["al nsg -", "mo rule Y", "mo drop -"], [{"z"}, {"Y"}]),
    ],
)
def test_a_rule_that_was_there_for_a_moment(why: str, events: list[str], expected: list[set[str]]) -> None:
    listed = openings(story(*events))
    assert [{chr(rule.destination_ports.ranges[0].first) for rule in item.rules} for item in listed] == expected, why


def test_an_nsg_that_was_created_and_deleted_is_reported_with_all_its_rules() -> None:
    # Nobody lists it, neither before nor after.
    past = story("mo nsg -", "mo rule Y", "mo delete -", "mo drop -")
    for row in past.rows[:2]:
        row["properties"] = {**row["properties"], "statusCode": "Created"}
    (whole,) = openings(past)
    assert whole.is_whole
    assert {rule.key for rule in whole.rules} == {RULE, "other"}
    finding = reported(BriefOpening((), whole.since, whole.until, is_whole=True))
    assert [change.kind for change in finding.changes] == ["NSGCreated"], "also one that opens nothing"


def test_before_the_scope_exists_nothing_is_reported() -> None:
    past = story("mo rule Y", "mo delete -")
    assert brief_openings(writes(past.rows, {NSG.lower()}, frozenset()), past.now) == ()


def test_what_opens_nothing_is_not_reported() -> None:
    # Readings report the rules of an existing NSG only for what they open, too.
    assert finding_of(ID, opening("200 a deny tcp Internet -> *:22"), DEFAULT_SEVERITY_CONFIG) is None
    finding = reported(opening("200 a allow tcp Internet -> *:22"))
    assert finding.severity == "critical"
    assert "NSG web" in str(finding.reason)


def problems(*rules: Rule) -> list[str]:
    live = LiveNSG(ID, "", "Succeeded", rules, {}, frozenset(), frozenset(), {})
    verdict = judge_unbaselined(live, DEFAULT_SEVERITY_CONFIG)
    return [verdict.change.fingerprint, *verdict.problems]


def test_what_a_reading_saw_is_not_reported_again_and_more_is() -> None:
    # The open incident lists the NSG already. A port that it does not list is news, although the NSG is not.
    ssh = normalise(arm_rule("200 a allow tcp Internet -> *:22"))
    seen = incident(kind="Unbaselined", openedAt=stamp(START - 60 * MINUTE), fingerprints=problems(ssh))
    assert is_reported(reported(opening("200 b allow tcp Internet -> *:22")), (seen,), MINUTE)
    more = reported(opening("200 b allow tcp Internet -> *:3389"))
    assert not is_reported(more, (seen,), MINUTE)
    previous, status = closed_incident([more], (seen,))
    assert previous is None
    assert is_reported(more, (seen, incident(kind="Unbaselined").model_copy(update={"status": status})), MINUTE)


def test_the_content_of_a_story_is_open() -> None:
    # The other tests depend on it.
    assert problems(normalise(content("Y")))
