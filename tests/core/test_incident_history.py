"""What an incident keeps: each change with its times, who acknowledged what, and a history of bounded length."""

import json
from datetime import datetime, timedelta
from typing import Any

from nsg_baseline.api.incident import Acknowledged, IncidentStatus
from nsg_baseline.api.incident_changes import HistoryEntry
from nsg_baseline.core.changes import Change
from nsg_baseline.core.incident_acknowledgement import is_acknowledged
from nsg_baseline.core.incident_changes import FLAP_WITHIN, FLAPPING, Finding
from nsg_baseline.core.incident_history import SHOWN_ENDED, SHOWN_HISTORY, bounded, merged, with_entries
from nsg_baseline.core.incidents import opened_or_updated, reopened, resolved, unreadable
from tests.support.nsgs import NOW, rule

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
JO = Acknowledged(by="jo", note="ping test")


def change(name: str, severity: Any = "low") -> Change:
    return Change("RuleCreated", name, f"print-{name}", None, {"name": name, "priority": 100}, (), severity)


PING, RDP, SSH = change("ping"), change("open-rdp", "critical"), change("open-ssh", "critical")


def step(status: IncidentStatus, *changes: Change, after: timedelta, **fields: Any) -> IncidentStatus:
    """Return the state after a reconcile in which the spec has the acknowledgement `by`."""
    by = fields.pop("by", None)
    return opened_or_updated(status, Finding(changes, **fields), NOW + after, acknowledged=by)


OPEN = step(IncidentStatus(), PING, after=timedelta())


def since(status: IncidentStatus) -> dict[str | None, datetime | None]:
    return {item.rule: item.since for item in status.changes}


def test_each_change_has_its_own_start() -> None:
    # An unreported drift of three weeks must not make the SSH rule of tonight three weeks old.
    status = step(OPEN, SSH, PING, after=21 * DAY)
    assert since(status) == {"ping": NOW, "open-ssh": NOW + 21 * DAY}
    assert {item.rule: item.appeared_in for item in status.changes} == {"ping": 1, "open-ssh": 2}


def test_an_acknowledgement_covers_only_what_was_open() -> None:
    # ICMP was acknowledged; RDP from the Internet was not.
    acknowledged = step(OPEN, PING, after=MINUTE, by=JO)
    assert (acknowledged.event, acknowledged.acknowledged_at) == ("Acknowledged", NOW + MINUTE)
    worse = step(acknowledged, RDP, PING, after=2 * MINUTE, by=JO)
    assert (worse.event, worse.acknowledged_at) == ("Escalated", None)
    assert {item.rule: item.acknowledged for item in worse.changes} == {"ping": True, "open-rdp": False}
    assert not is_acknowledged(worse, NOW + 2 * MINUTE)
    # The same spec at the next reconcile is the same acknowledgement.
    assert step(worse, RDP, PING, after=3 * MINUTE, by=JO) == worse
    gone = step(worse, PING, after=4 * MINUTE, by=JO)
    assert (gone.event, is_acknowledged(gone, NOW + 4 * MINUTE)) == ("Eased", True)


def test_another_acknowledgement_covers_what_is_open_then() -> None:
    worse = step(step(OPEN, PING, after=MINUTE, by=JO), RDP, PING, after=2 * MINUTE, by=JO)
    al = Acknowledged(by="al", revision=worse.revision)
    again = step(worse, RDP, PING, after=3 * MINUTE, by=al)
    assert (again.event, again.acknowledged_at) == ("Acknowledged", NOW + 3 * MINUTE)
    assert all(item.acknowledged for item in again.changes)


def test_an_acknowledgement_of_an_earlier_revision_does_not_cover_a_later_change() -> None:
    # The person read revision 1, and RDP was opened before the operator read the acknowledgement.
    worse = step(OPEN, RDP, PING, after=MINUTE)
    late = step(worse, RDP, PING, after=2 * MINUTE, by=Acknowledged(by="jo", revision=1))
    assert (late.revision, late.acknowledged_at) == (2, None)
    assert [item.acknowledged for item in late.changes] == [False, True]
    assert late.history[-1].text == "by jo"


def test_a_change_in_the_same_reconcile_as_the_acknowledgement_is_not_covered() -> None:
    # The person cannot have seen it.
    both = step(OPEN, RDP, PING, after=MINUTE, by=JO)
    assert [(item.rule, item.acknowledged) for item in both.changes] == [("open-rdp", False), ("ping", True)]


def test_an_acknowledgement_may_end() -> None:
    until = Acknowledged(by="jo", until=NOW + DAY)
    status = step(OPEN, PING, after=MINUTE, by=until)
    assert is_acknowledged(status, NOW + DAY - MINUTE)
    assert not is_acknowledged(status, NOW + DAY)
    over = step(status, PING, after=DAY, by=until)
    assert (over.acknowledged_at, over.acknowledgement, over.changes[0].acknowledged) == (None, None, False)
    assert over.history[-1].kind == "AcknowledgementEnded"
    assert step(over, PING, after=2 * DAY, by=until) == over


def test_a_withdrawn_acknowledgement_covers_nothing() -> None:
    status = step(OPEN, PING, after=MINUTE, by=JO)
    assert step(status, PING, after=2 * MINUTE).acknowledged_at is None


def test_an_acknowledgement_does_not_cover_a_change_that_became_worse() -> None:
    # The severity policy, or another rule, can make the same change worse.
    status = step(OPEN, PING, after=MINUTE, by=JO)
    worse = step(status, change("ping", "high"), after=2 * MINUTE, by=JO)
    assert (worse.event, worse.acknowledged_at, worse.changes[0].acknowledged) == ("Escalated", None, False)
    assert step(worse, change("ping", "high"), after=3 * MINUTE, by=JO).acknowledged_at is None


def test_an_acknowledgement_of_a_problem_ends_with_another_problem() -> None:
    # A scope that cannot be read has no changes.
    lost = step(IncidentStatus(), after=MINUTE, severity="high", problems=frozenset({"Forbidden"}))
    known = step(lost, after=2 * MINUTE, severity="high", problems=frozenset({"Forbidden"}), by=JO)
    assert is_acknowledged(known, NOW + 2 * MINUTE)
    other = step(known, after=3 * MINUTE, severity="high", problems=frozenset({"Throttled"}), by=JO)
    assert not is_acknowledged(other, NOW + 3 * MINUTE)
    assert not is_acknowledged(unreadable(known, "cannot be judged", NOW + 3 * MINUTE), NOW + 3 * MINUTE)


def test_an_old_acknowledgement_does_not_cover_drift_that_reappears() -> None:
    # The spec still has it when the incident is opened again.
    over = resolved(step(OPEN, PING, after=MINUTE, by=JO), "Reverted", None, NOW + 2 * MINUTE)
    again = reopened(over, Finding((PING,)), NOW + 3 * MINUTE)
    assert (again.acknowledged_at, again.changes[0].acknowledged) == (None, False)
    assert step(again, PING, after=4 * MINUTE, by=JO) == again


def test_a_resolved_incident_has_the_begin_and_the_end_of_each_change() -> None:
    # The worst change ended long before the last one. An auditor asks when.
    widened = step(OPEN, SSH, PING, after=MINUTE)
    eased = step(widened, PING, after=42 * MINUTE)
    over = resolved(eased, "Approved", None, NOW + DAY)
    spans = {item.rule: (item.since, item.ended_at, item.ended) for item in (*over.ended_changes, *over.changes)}
    assert spans == {
        "open-ssh": (NOW + MINUTE, NOW + 42 * MINUTE, "Reverted"),
        "ping": (NOW, NOW + DAY, "Approved"),
    }
    assert [entry.kind for entry in over.history] == ["Appeared", "Appeared", "GotWorse", "WentAway", "Resolved"]


def test_a_rule_that_was_changed_again_is_replaced() -> None:
    narrow = Change("RuleUpdated", "web", "print-2", {"name": "web"}, {"name": "web"}, (), "low")
    wide = Change("RuleUpdated", "web", "print-3", {"name": "web"}, {"name": "web"}, (), "critical")
    status = step(step(IncidentStatus(), narrow, after=MINUTE), wide, after=2 * MINUTE)
    assert (status.event, status.ended_changes[0].ended) == ("Escalated", "Replaced")


def test_a_change_that_keeps_reappearing_beside_another_does_not_notify_each_time() -> None:
    # Two controllers fight about one rule while another change stays: no incident ends, and each turn would notify.
    status, minute = OPEN, 0
    for _ in range(30):
        minute += 2
        status = step(status, SSH, PING, after=minute * MINUTE)
        status = step(status, PING, after=(minute + 1) * MINUTE)
    assert status.severity == "critical"
    assert status.revision <= 2 + 2 * FLAPPING
    quiet = step(status, PING, after=(minute + 1) * MINUTE + FLAP_WITHIN)
    assert (quiet.event, quiet.severity) == ("Eased", "low")
    assert quiet.ended_changes[-1].ended_at == NOW + (minute + 1) * MINUTE


def entry(severity: Any, minute: int, kind: Any = "Appeared") -> HistoryEntry:
    return HistoryEntry(at=NOW + minute * MINUTE, kind=kind, severity=severity, text=str(minute))


def test_a_full_history_loses_its_least_severe_entries_first() -> None:
    # Trivial changes must not push the trace of a critical one out.
    first = entry("critical", 0)
    trivial = [entry("info", minute) for minute in range(1, SHOWN_HISTORY + 30)]
    kept = bounded([first, entry("info", 0, "Notified"), *trivial])
    assert (len(kept), kept[0], kept[-1]) == (SHOWN_HISTORY, first, trivial[-1])
    assert kept[1].text == "31"
    notified = [entry("high", 300 + minute, "Notified") for minute in range(SHOWN_HISTORY)]
    assert bounded([entry("high", 1), *notified])[0].kind == "Appeared"


def test_ended_changes_are_bounded_by_severity_and_listed_once() -> None:
    status = step(OPEN, SSH, PING, after=MINUTE)
    for number in range(SHOWN_ENDED + 5):
        status = step(status, PING, change(f"trivial-{number}", "info"), after=(2 + number) * MINUTE)
    assert len(status.ended_changes) == SHOWN_ENDED
    assert status.ended_changes[0].rule == "open-ssh"
    twice = step(step(step(OPEN, SSH, PING, after=MINUTE), PING, after=2 * MINUTE), SSH, PING, after=DAY)
    assert [item.rule for item in step(twice, PING, after=2 * DAY).ended_changes] == ["open-ssh"]


def test_an_incident_at_all_its_limits_fits_into_one_object() -> None:
    # etcd takes 1.5 MiB.
    documents = [
        rule(f"rule-{number}", sourceAddressPrefixes=[f"10.0.{index}.0/24" for index in range(100)])
        for number in range(2400)
    ]
    changes = [
        Change("RuleUpdated", document["name"] * 8, str(number), document, document, ("x",), "high", reason="r" * 900)
        for number, document in enumerate(documents)
    ]
    status = step(IncidentStatus(), *changes[:1200], after=MINUTE)
    status = step(status, *changes[1200:], after=2 * MINUTE)
    status = with_entries(status, *(entry("high", minute) for minute in range(300)))
    assert IncidentStatus.model_validate(status.document()) == status
    assert len(json.dumps(status.document())) < 1_572_864 - 200_000


def test_entries_of_two_writers_are_merged() -> None:
    base = with_entries(OPEN, entry("low", 1))
    local, remote = with_entries(base, entry("low", 2)), with_entries(base, entry("low", 3, "Notified"))
    assert [item.text for item in merged(base, local, remote)][-3:] == ["1", "3", "2"]
