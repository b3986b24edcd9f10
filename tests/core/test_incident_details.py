"""What an incident keeps of each change: its sides, its recurrences, and how it ended."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from nsg_baseline.api.changes import ChangeStatus, ExposureStatus
from nsg_baseline.api.incident import IncidentStatus
from nsg_baseline.api.incident_changes import HistoryEntry, IncidentChange
from nsg_baseline.core.changes import Change
from nsg_baseline.core.incident_changes import (
    ENDED_SIDE_LENGTH,
    FLAP_WITHIN,
    FLAPPING,
    Finding,
    described,
    ended_change,
    next_changes,
    shortened,
)
from nsg_baseline.core.incident_history import (
    SHOWN_ENDED,
    SHOWN_HISTORY,
    bounded,
    change_label,
    entries_of,
    merged,
    with_ended,
)
from nsg_baseline.core.incident_names import incident_name
from nsg_baseline.core.incident_subject import IncidentSubject
from tests.support.nsgs import NOW, NSG

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def change(rule: str | None = "ssh", severity: Any = "high", **fields: Any) -> Change:
    live = {"priority": 100, "name": rule, "sourceAddressPrefix": "x"}
    return Change("RuleCreated", rule, f"print-{rule}", None, live, (), severity, **fields)


def kept(rule: str = "ssh", severity: Any = "high", **fields: Any) -> IncidentChange:
    """Return a change as an incident keeps it."""
    return IncidentChange(
        **{
            "kind": "RuleCreated",
            "rule": rule,
            "severity": severity,
            "fingerprint": f"print-{rule}",
            "since": NOW - MINUTE,
            "appeared_in": 1,
            **fields,
        }
    )


def stored(*changes: IncidentChange, **fields: Any) -> IncidentStatus:
    return IncidentStatus(
        state="Open",
        changes=changes,
        fingerprints=tuple(str(item.fingerprint) for item in changes),
        revision=3,
        **fields,
    )


def test_a_change_that_ended_keeps_when_and_in_which_revision() -> None:
    # A notification about this revision lists what ended in it; a wrong number would list it never, or twice.
    before = stored(kept("ssh"), kept("web"))
    after = next_changes(before, Finding((change("web"),), ending="Approved"), None, NOW)
    (ended,) = after.ended
    assert (ended.rule, ended.ended, ended.ended_at, ended.ended_in) == ("ssh", "Approved", NOW, 4)
    assert (ended.absent_since, ended.since) == (None, NOW - MINUTE)
    absent = ended_change(kept(absent_since=NOW - 2 * MINUTE), "Reverted", NOW, 9)
    assert (absent.ended_at, absent.absent_since, absent.ended_in) == (NOW - 2 * MINUTE, None, 9)


def test_a_rule_that_another_change_replaces_ends_as_replaced() -> None:
    # "Reverted" would say that the rule is as approved again.
    other = Change("RuleUpdated", "ssh", "other", {"name": "ssh"}, {"name": "ssh"}, ("access",), "high")
    after = next_changes(stored(kept("ssh"), kept("web")), Finding((other,)), None, NOW)
    assert {item.rule: item.ended for item in after.ended} == {"ssh": "Replaced", "web": "Reverted"}
    assert [(item.kind, item.fingerprint, item.appeared_in, item.since) for item in after.appeared] == [
        ("RuleUpdated", "other", 4, NOW)
    ]


def test_an_ended_change_is_kept_in_short() -> None:
    # A hundred of them with long sides do not fit into one object.
    long = "s" * (ENDED_SIDE_LENGTH + 1)
    short = shortened(kept(approved=long, live="l" * ENDED_SIDE_LENGTH))
    assert short == kept(approved="s" * (ENDED_SIDE_LENGTH - 1) + "…", live="l" * ENDED_SIDE_LENGTH)
    assert shortened(kept(approved=None, live=long)).live == short.approved
    assert shortened(kept()) == kept()


def test_a_described_change_has_everything_that_a_message_shows() -> None:
    full = Change("RuleUpdated", "ssh", "f", {"name": "a"}, {"name": "b"}, ("access",), "low", "co-*", NSG)
    status = described(full)
    assert (status.kind, status.rule, status.severity, status.tolerated_by, status.nsg, status.fields) == (
        "RuleUpdated",
        "ssh",
        "low",
        "co-*",
        NSG,
        ("access",),
    )
    assert status.approved is not None
    assert status.live is not None


@pytest.mark.parametrize(
    ("ended_ago", "recurrences", "expected"),
    [
        (FLAP_WITHIN - SECOND, 0, 1),
        (FLAP_WITHIN - SECOND, 4, 5),
        (FLAP_WITHIN, 4, 0),
        (FLAP_WITHIN + SECOND, 4, 0),
    ],
)
def test_a_change_recurs_within_minutes_of_its_end(ended_ago: timedelta, recurrences: int, expected: int) -> None:
    # After that it is a new change, which somebody has to look at.
    earlier = kept(ended_at=NOW - ended_ago, ended="Reverted", recurrences=recurrences)
    other = kept("web", ended_at=NOW, ended="Reverted", recurrences=7)
    status = stored(ended_changes=(other, earlier))
    (present,) = next_changes(status, Finding((change(),)), None, NOW).present
    assert present.recurrences == expected


def test_a_flapping_change_stays_open_until_it_is_absent_for_long() -> None:
    # One incident about it is enough; without the limit it would never end.
    flapping = kept(recurrences=FLAPPING)
    first = next_changes(stored(flapping, kept("web")), Finding((change("web"),)), None, NOW)
    assert [(item.rule, item.absent_since) for item in first.absent] == [("ssh", NOW)]
    assert first.ended == ()
    assert [item.rule for item in first.open] == ["web", "ssh"]
    waiting = stored(*first.open)
    later = NOW + FLAP_WITHIN
    (absent,) = next_changes(waiting, Finding((change("web"),)), None, later - SECOND).absent
    assert absent.absent_since == NOW
    last = next_changes(waiting, Finding((change("web"),)), None, later)
    assert (last.absent, [(item.rule, item.ended_at) for item in last.ended]) == ((), [("ssh", NOW)])
    again = next_changes(waiting, Finding((change("web"), change())), None, NOW + MINUTE)
    returned = next(item for item in again.present if item.rule == "ssh")
    assert (returned.recurrences, returned.absent_since, returned.since) == (FLAPPING + 1, None, NOW - MINUTE)
    assert again.appeared == ()
    rare = next_changes(stored(kept(recurrences=FLAPPING - 1)), Finding(()), None, NOW)
    assert (rare.absent, len(rare.ended)) == ((), 1)


def test_a_present_change_keeps_its_history_and_its_recurrences() -> None:
    (same,) = next_changes(stored(kept(recurrences=2)), Finding((change(),)), None, NOW).present
    assert (same.since, same.appeared_in, same.recurrences, same.acknowledged) == (NOW - MINUTE, 1, 2, False)


def test_a_change_has_at_most_two_lines_about_its_traffic_each_within_its_limit() -> None:
    # The API server refuses the status otherwise.
    lines = tuple(
        ExposureStatus(effect="Allowed", direction="Inbound", text=f"{number}{'t' * 900}") for number in range(3)
    )
    finding = Finding((change(reason="r" * 900), change("web")), own={"print-ssh": lines})
    detailed, plain = next_changes(stored(), finding, None, NOW).present
    assert [item.text[0] for item in detailed.exposure] == ["0", "1"]
    limit = IncidentChange.model_json_schema()["properties"]["reason"]["anyOf"][0]["maxLength"]
    assert {len(item.text) for item in detailed.exposure} == {limit}
    assert detailed.reason == "r" * (limit - 1) + "…"
    assert (plain.exposure, plain.reason) == ((), None)


def history(count: int, severity: Any = "low", kind: Any = "Appeared") -> list[HistoryEntry]:
    return [
        HistoryEntry(at=NOW + number * SECOND, kind=kind, severity=severity, text=str(number))
        for number in range(count)
    ]


def test_the_history_is_cut_only_beyond_its_limit() -> None:
    # The oldest of the least severe entries go, one for each that is too many.
    full = history(SHOWN_HISTORY)
    assert bounded(full) == tuple(full)
    for extra in (1, 2):
        critical = history(extra, "critical")
        assert bounded([*full, *critical]) == (*full[extra:], *critical)
    listed = [kept(f"r{number}", "low") for number in range(SHOWN_ENDED)]
    assert with_ended(listed, []) == tuple(listed)
    assert with_ended(listed, [kept("more", "high")]) == (*listed[1:], kept("more", "high"))
    assert with_ended(listed, [kept("r3", "critical")])[3].severity == "critical"


def test_entries_of_two_writers_are_merged_once() -> None:
    # A conflict is solved by a second write, which must not double what both have seen.
    base, ours, theirs = history(1), history(1, "high"), history(1, "medium")
    remote = IncidentStatus(history=(*base, *theirs))
    assert merged(IncidentStatus(history=tuple(base)), IncidentStatus(history=(*base, *ours, *theirs)), remote) == (
        *base,
        *theirs,
        *ours,
    )
    gone = IncidentStatus(history=tuple(theirs))
    assert merged(IncidentStatus(history=tuple(base)), IncidentStatus(history=(*base, *ours)), gone) == (*theirs, *ours)


def test_many_changes_at_once_are_counted_behind_the_most_severe() -> None:
    severities = ["low", "critical", *["medium"] * 20, "high"]
    changes = [kept(f"r{number}", severity) for number, severity in enumerate(severities)]
    entries = entries_of("Appeared", changes, NOW)
    assert [entry.severity for entry in entries] == ["critical", "high", *["medium"] * 18, "medium"]
    assert (entries[0].text, entries[-1].text, entries[-1].at) == ("RuleCreated r1", "3 more changes", NOW)
    assert len(entries_of("Appeared", changes[:20], NOW)) == 20


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({"rule": "ssh", "nsg": NSG}, "RuleCreated ssh"),
        ({"nsg": NSG}, "RuleCreated web"),
        ({"nsg": "web"}, "RuleCreated web"),
        ({"fields": ("tags.a", "tags.b", "tags.c", "tags.d")}, "RuleCreated tags.a, tags.b, tags.c"),
        ({}, "RuleCreated"),
    ],
)
def test_the_label_of_a_change(fields: dict[str, Any], label: str) -> None:
    assert change_label(ChangeStatus(kind="RuleCreated", severity="low", **fields)) == label


def test_the_name_of_an_incident_does_not_depend_on_the_time_zone_and_is_valid() -> None:
    # Two replicas must give one incident one name, and the API server refuses a label that ends in a dash or a dot.
    opened = datetime(2026, 11, 25, 4, 50, 12, tzinfo=timezone(timedelta(hours=-7)))
    utc = opened.astimezone(timezone(timedelta(hours=3)))
    name = incident_name("Guardrail", "no-ssh/production", "uid", opened)
    assert name == incident_name("Guardrail", "no-ssh/production", "uid", utc)
    assert name.startswith("guardrail-no-ssh-20261125-115012-")
    for ending in ("-", ".", ".-"):
        long = incident_name("Drift", "a" * (200 - len(ending)) + ending + "b", "uid", opened)
        assert long.startswith("a" * (200 - len(ending)) + "-20261125-"), "the end of the subject is cut there"


def test_a_baseline_has_one_subject_in_all_scopes_and_a_scope_does_not() -> None:
    # An incident stays that of its baseline when the NSG moves to another scope.
    def subject(scope: str, **fields: Any) -> IncidentSubject:
        return IncidentSubject("Drift", "team-web", scope, **fields)

    moved = {subject("a", baseline="web"), subject("b", baseline="web")}
    assert len(moved) == 1
    assert hash(subject("a", baseline="web")) == hash(subject("b", baseline="web"))
    others = [
        subject("a"),
        subject("b"),
        subject("a", baseline="web"),
        subject("a", baseline="api"),
        subject("a", guardrail="no-ssh"),
        IncidentSubject("Drift", "team-api", "a", "web"),
        IncidentSubject("WatchLost", "team-web", "a", "web"),
    ]
    assert len({*others}) == len(others)
    assert len({hash(item) for item in others}) > 1
