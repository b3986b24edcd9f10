"""Incidents at their limits, their names, and what a loop remembers of an NSG."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from nsg_baseline.api.changes import SIDE_LENGTH
from nsg_baseline.api.incident import Acknowledged, Action, IncidentSpec, IncidentStatus
from nsg_baseline.core import incident_changes, incidents
from nsg_baseline.core.changes import Change, fingerprint
from nsg_baseline.core.incident_changes import Finding, described, described_all
from nsg_baseline.core.incident_names import incident_name
from nsg_baseline.core.incident_steps import IncidentNotice, IncidentStep, new_name, notice_id, open_incident
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.incidents import opened_or_updated, resolved, unreadable
from nsg_baseline.core.observations import ABSENT, UNKNOWN, Failure, Observation, internal_failure
from tests.support.decisions import incident
from tests.support.nsgs import NOW

MINUTE = timedelta(minutes=1)
SUBJECT = IncidentSubject("Drift", "team-web", "production", "web")


def change(rule: str = "ssh", severity: Any = "high", text: str = "x") -> Change:
    live = {"priority": 100, "name": rule, "description": text}
    return Change("RuleCreated", rule, f"mark-{rule}", None, live, (), severity)


def opened(*changes: Change, **fields: Any) -> IncidentStatus:
    return opened_or_updated(IncidentStatus(), Finding(changes, **fields), NOW)


def test_the_limits_are_those_of_the_crd() -> None:
    # The API server refuses a status beyond them.
    limits = incident_changes
    assert (limits.SHOWN_CHANGES, incidents.SHOWN_EXPOSURE, limits.SHOWN_FINGERPRINTS) == (1000, 50, 10_000)
    assert (incidents.SHOWN_ACTIONS, limits.SHOWN_FIELDS, limits.NAME_LENGTH) == (20, 64, 128)
    assert (incidents.ACTION_MESSAGE_LENGTH, incidents.SUMMARY_LENGTH, limits.SIDES_LENGTH) == (1024, 1024, 300_000)
    assert (incidents.SHOWN_EVENTS, limits.DETAILED_CHANGES, limits.ENDED_SIDE_LENGTH) == (50, 50, 256)
    assert timedelta(minutes=10) == limits.FLAP_WITHIN
    assert timedelta(minutes=5) == incidents.PATIENCE
    assert limits.FLAPPING == 3
    assert fingerprint("Unreadable") == incidents.UNREADABLE


def test_texts_are_cut_at_their_limits() -> None:
    # One character more is refused, and one less loses text without need.
    status = opened(change(), reason="y" * 9000, summary="z" * 9000)
    assert status.summary is not None
    assert status.severity_reason is not None
    assert (len(status.summary), status.summary[-2:]) == (1024, "z…")
    assert status.severity_reason.endswith("y…")
    named = described(replace(change(), rule="r" * 200, fields=("f" * 200, *map(str, range(80)))))
    assert named.rule is not None
    assert (len(named.rule), len(named.fields[0]), len(named.fields)) == (128, 128, 64)
    assert described(Change("NSGDeleted", None, "m")).rule is None


@pytest.mark.parametrize(("count", "length"), [(1, SIDE_LENGTH), (200, 1500), (1000, 300)])
def test_the_more_changes_the_shorter_are_their_sides(count: int, length: int) -> None:
    # All of them together must fit into one object.
    long = {"name": "x", "priority": 100, "sourceAddressPrefixes": [f"10.0.{n % 256}.0/24" for n in range(9000)]}
    statuses = described_all([replace(change(), live=long)] * count)
    assert len(str(statuses[0].live)) == min(length, SIDE_LENGTH)
    assert described_all([]) == ()


def test_the_order_of_fingerprints() -> None:
    # Changes first, so that the list is cut at the other problems; each once.
    finding = Finding((change("b"), change("a"), change("b")), problems=frozenset({"z", "c", "mark-a"}))
    assert finding.fingerprints == ("mark-a", "mark-b", "c", "z")
    many = Finding((change(),), problems=frozenset(f"p{number:05}" for number in range(10_001)))
    assert (len(many.fingerprints), many.fingerprints[0]) == (10_000, "mark-ssh")


@pytest.mark.parametrize(
    ("severities", "given", "expected"),
    [(("low", "high"), None, "high"), (("low",), "critical", "critical"), ((), "high", "high"), ((), None, None)],
)
def test_the_severity_of_a_finding(severities: tuple[str, ...], given: Any, expected: str | None) -> None:
    changes = tuple(change(level, level) for level in severities)
    assert Finding(changes, severity=given).worst == expected


def test_the_reason_follows_the_severity() -> None:
    # The reason of a finding must not stand beside the severity of another one.
    status = opened(change(severity="high"), reason="first")
    assert (status.severity, status.severity_reason) == ("high", "first")
    less = opened_or_updated(status, Finding((change(severity="low"),), reason="second"), NOW + MINUTE)
    assert (less.severity, less.severity_reason, less.revision) == ("low", "second", 2)
    worse = opened_or_updated(less, Finding((change(severity="critical"),), reason="third"), NOW + MINUTE)
    assert (worse.severity, worse.severity_reason, worse.revision) == ("critical", "third", 3)
    equal = opened_or_updated(worse, Finding((change(severity="critical"),), reason="fourth"), NOW + MINUTE)
    assert (equal.severity_reason, equal.revision) == ("fourth", 3)
    bare = opened()
    assert (bare.severity, bare.severity_reason, bare.state) == (None, None, "Open")
    assert opened_or_updated(bare, Finding((change(),), reason="r"), NOW).severity_reason == "r"


def test_drift_that_ends_the_quiet_is_counted() -> None:
    # It has recurred.
    quiet = opened(change()).model_copy(update={"quiet_since": NOW, "reopen_count": 4, "attribution": "Found"})
    again = opened_or_updated(quiet, Finding((change(),)), NOW + MINUTE)
    assert (again.reopen_count, again.quiet_since, again.attribution) == (5, None, None)
    assert again.updated_at == NOW


def test_an_acknowledgement_counts_with_the_first_finding_and_keeps_its_time() -> None:
    # It does not replace the event of the opening.
    by = Acknowledged(by="jo")
    status = opened_or_updated(IncidentStatus(), Finding((change(),)), NOW, acknowledged=by)
    assert (status.event, status.acknowledged_at) == ("Opened", NOW)
    later = opened_or_updated(status, Finding((change(),), reason="r"), NOW + MINUTE, acknowledged=by)
    assert (later.revision, later.acknowledged_at, later.updated_at) == (1, NOW, NOW)


def test_an_action_of_another_kind_or_reason_is_new() -> None:
    # The message alone is not, because Azure numbers its requests.
    first = Action(kind="Blocked", at=NOW, reason="ScopeLocked", message="1")
    status = opened(change(), action=first)
    assert status.actions == (first,)
    for update, count in ({"message": "2"}, 1), ({"reason": "Contested"}, 2), ({"kind": "Remediated"}, 2):
        other = first.model_copy(update=update)
        assert len(opened_or_updated(status, Finding((change(),), action=other), NOW).actions) == count
    ended = resolved(status, "Reverted", None, NOW + MINUTE)
    assert (ended.actions, ended.updated_at, ended.resolution) == ((first,), NOW + MINUTE, "Reverted")
    written = Action(kind="Remediated", at=NOW, reason="Restored")
    assert resolved(status, "Remediated", written, NOW).actions == (first, written)


def test_an_unreadable_nsg_keeps_what_was_observed() -> None:
    # With the changes their number and exposure, since nothing is known to have ended.
    before = opened(change("b"), change("a"))
    status = unreadable(before, "cannot be judged", NOW + MINUTE)
    assert (status.changes, status.change_count, status.exposure) == (before.changes, 2, before.exposure)
    assert status.fingerprints == tuple(sorted(("mark-a", "mark-b", incidents.UNREADABLE)))
    assert (status.severity, status.summary, status.revision) == ("high", "cannot be judged", 2)
    worse = unreadable(opened(change(severity="critical")), "cannot be judged", NOW + MINUTE)
    assert (worse.severity, worse.event) == ("critical", "Updated")
    assert unreadable(status, "another text", NOW + 2 * MINUTE) is status
    full = before.model_copy(update={"fingerprints": tuple(f"~{number:05}" for number in range(10_000))})
    assert len(unreadable(full, "x", NOW).fingerprints) == 10_000


def test_names_of_incidents() -> None:
    # They sort by time, are valid names of objects, and differ for two objects of one name.
    zone = timezone(timedelta(hours=2))
    name = incident_name("Drift", "web", "team-web/web", datetime(2026, 11, 25, 14, 0, tzinfo=zone))
    assert name == f"web-20261125-120000-{fingerprint('Drift', 'team-web/web', '20261125-120000')[:6]}"
    assert incident_name("WatchLost", "prod", "/prod", NOW).startswith("watchlost-prod-20261125-120000-")
    assert incident_name("Drift", "web", "team-db/web", NOW) != incident_name("Drift", "web", "team-web/web", NOW)
    assert incident_name("Drift", "a" * 300, "u", NOW).startswith("a" * 200 + "-2026")
    assert incident_name("Drift", "a" * 198 + ".-b", "u", NOW).startswith("a" * 198 + "-2026")


def test_the_name_of_a_step() -> None:
    # A new incident is named by its opening, a stored one keeps its name.
    status = opened(change())
    step = IncidentStep(SUBJECT, None, status)
    assert step.name == new_name(SUBJECT, status) == incident_name("Drift", "web", "team-web/web", NOW)
    assert (step.nsg, step.notices) == (None, ())
    assert replace(step, stored=incident("old")).name == "old"
    with pytest.raises(ValueError, match=r"^the incident about web has no time of opening$"):
        new_name(SUBJECT, IncidentStatus())


def test_the_open_incident_is_the_oldest() -> None:
    # One without a stored status counts as open.
    old, new = incident("web-1", state="Open"), incident("web-2")
    assert open_incident([new, old]) is old
    assert open_incident([new, incident("web-0", state="Resolved")]) is new
    assert open_incident([]) is None


def test_the_id_of_a_notice() -> None:
    # It differs by revision, reason and changes, and a notice is a warning unless it says otherwise.
    status = opened(change())
    notice = IncidentNotice("DriftOpened", "text")
    assert notice.warning is True
    assert notice_id(notice, status) == f"1.{fingerprint('DriftOpened', status.fingerprints)[:8]}"


def test_the_subject_of_an_incident() -> None:
    # The scope of a baseline's NSG may change, the subject does not. A scope's incident is about the scope.
    assert replace(SUBJECT, scope="other") == SUBJECT
    assert hash(replace(SUBJECT, scope="other")) == hash(SUBJECT)
    about_scope = IncidentSubject("WatchLost", "system", "production")
    assert about_scope != replace(about_scope, scope="other")
    for other in (
        replace(SUBJECT, kind="Unbaselined"),
        replace(SUBJECT, namespace="x"),
        replace(SUBJECT, baseline="x"),
    ):
        assert other != SUBJECT
    assert SUBJECT != "web"
    assert (SUBJECT.name, about_scope.name) == ("web", "production")
    spec = IncidentSpec(kind="Drift", scope="production", baseline="web", nsg="id")
    assert SUBJECT.spec("id") == spec
    assert IncidentSubject.of("team-web", spec) == SUBJECT
    assert IncidentSubject.of("team-web", spec).scope == "production"


def test_an_observation_is_current_until_something_changes() -> None:
    # An NSG is judged again only if its bytes, the baseline, another writer or the time require it.
    assert (ABSENT, UNKNOWN) == (b"", b"?")
    seen = Observation(b"d", "i", NOW, "j", due=NOW + MINUTE)
    assert seen.is_current(b"d", "i", "j", NOW)
    assert not seen.is_current(b"e", "i", "j", NOW)
    assert not seen.is_current(b"d", "x", "j", NOW)
    assert not seen.is_current(b"d", "i", "x", NOW)
    assert seen.is_current(b"d", "i", "j", NOW + MINUTE - timedelta(seconds=1))
    assert not seen.is_current(b"d", "i", "j", NOW + MINUTE)
    assert replace(seen, due=None).is_current(b"d", "i", "j", NOW + 9 * MINUTE)
    assert (seen.drifts, replace(seen, fingerprints=frozenset({"m"})).drifts) == (False, True)
    assert Observation(b"d", "i", NOW).incident_intent == ""


def test_an_internal_failure() -> None:
    # Its text may hold a secret, so that only the type is named.
    message = "unexpected ValueError; the operator's log has the traceback"
    assert internal_failure(ValueError("secret")) == Failure("InternalError", message, retry_after=0, internal=True)
    assert (Failure("a", "b").retry_after, Failure("a", "b").internal) == (0, False)
