"""What a decision says about a baseline's incident, rollout, exceptions and status."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.api.baseline_status import BaselineStatus, LastCompliant, RuleAuthor
from nsg_baseline.api.changes import Attribution
from nsg_baseline.api.common import Condition
from nsg_baseline.core.decisions import Decision, EarlierReading, NoWrite, Snapshot, decide
from nsg_baseline.core.decisions.baseline_status import suspended, unreconciled
from nsg_baseline.core.incident_changes import FLAP_WITHIN
from nsg_baseline.core.incident_steps import notice_id
from nsg_baseline.core.observations import Failure
from tests.support.decisions import SSH, WEB, baseline, carry_out, incident, live, snapshot, with_status
from tests.support.nsgs import LATER, NOW, excepted, rule
from tests.support.rules import Document

MINUTE = timedelta(minutes=1)
DENY = rule("lb-deny", priority=300, access="Deny")
BY_LB = [{"name": "lb-*", "caller": "lb"}]
SSH_FINGERPRINT = decide(snapshot(WEB, SSH)).verdict.changes[0].fingerprint
WIDER = rule("web", destinationPortRange="80-443")


def conditions(decision: Decision) -> dict[str, tuple[str, str]]:
    return {state.type: (state.status, state.reason) for state in decision.status.conditions}


def matched_before(taken: Snapshot) -> Snapshot:
    """Return a snapshot whose baseline matched an NSG that has only the rule web."""
    matching = decide(snapshot(WEB))
    assert matching.status.last_compliant is not None
    return with_status(taken, last_compliant=matching.status.last_compliant, conditions=matching.status.conditions)


def edited(*rules: Any, **fields: Any) -> Snapshot:
    """Return a baseline that matched and was edited since to approve a wider rule."""
    taken = snapshot(*rules, **fields)
    approved = baseline([WIDER], generation=2, rolloutGrace="30m", mode=taken.baseline.spec.mode)
    return matched_before(replace(taken, baseline=approved))


def test_a_matching_nsg_needs_no_action() -> None:
    decision = decide(snapshot(WEB))
    assert (decision.phase, decision.enforcement, decision.incident) == ("Compliant", NoWrite(), None)
    assert conditions(decision) == {"Ready": ("True", "Succeeded"), "Compliant": ("True", "Matches")}


def test_drift_opens_an_incident_and_posts_one_event() -> None:
    decision = decide(snapshot(WEB, SSH))
    assert decision.incident is not None
    assert decision.incident.status.state == "Open"
    assert [notice.reason for notice in decision.incident.notices] == ["DriftOpened"]
    assert decision.incident.name in decision.incident.notices[0].message
    assert decision.status.incident == decision.incident.name
    assert conditions(decision)["Compliant"] == ("False", "Drifted")


def test_a_step_repeated_after_a_crash_has_the_same_incident_and_event_names() -> None:
    # The event is posted before the status. After a crash in between, the repetition must find the event of the first
    # try.
    first, again = decide(snapshot(WEB, SSH)).incident, decide(snapshot(WEB, SSH)).incident
    assert first is not None
    assert again is not None
    assert first.name == again.name
    assert [notice_id(notice, first.status) for notice in first.notices] == [
        notice_id(notice, again.status) for notice in again.notices
    ]


def test_events_about_different_changes_have_different_names() -> None:
    # A name that was used before posts nothing, so the second of two events with one name would be lost.
    opened = decide(snapshot(WEB, SSH))
    assert opened.incident is not None
    more = carry_out(snapshot(WEB, SSH), opened)
    updated = decide(replace(more, live=live(WEB, SSH, rule("rdp", priority=201)), now=NOW + MINUTE))
    assert updated.incident is not None
    other = decide(snapshot(WEB, rule("rdp", priority=201)))
    assert other.incident is not None
    steps = (opened.incident, updated.incident, other.incident)
    names = {notice_id(notice, step.status) for step in steps for notice in step.notices}
    assert len(names) == 3


def test_an_edit_of_the_baseline_starts_the_grace_period() -> None:
    # GitOps merges the approval before Terraform applies the rule. That is not drift.
    decision = decide(edited(WEB))
    assert (decision.phase, decision.incident) == ("AwaitingRollout", None)
    assert decision.status.rollout_since == NOW
    assert decision.due == NOW + timedelta(minutes=30)
    assert conditions(decision)["Reconciling"] == ("True", "AwaitingRollout")


def test_the_grace_period_runs_from_the_first_edit_and_ends() -> None:
    # Otherwise an edit every 29 minutes would hide drift indefinitely.
    waiting = edited(WEB)
    waiting = carry_out(waiting, decide(waiting))
    last = replace(waiting, now=NOW + timedelta(minutes=30) - timedelta(seconds=1))
    assert decide(last).phase == "AwaitingRollout"
    over = decide(replace(waiting, now=NOW + timedelta(minutes=30)))
    assert over.phase == "Drifted"
    assert over.incident is not None
    again = waiting.baseline.metadata.model_copy(update={"generation": 3})
    more = replace(waiting, baseline=waiting.baseline.model_copy(update={"metadata": again}), now=NOW + MINUTE)
    assert decide(more).status.rollout_since == NOW


def test_a_change_in_azure_ends_the_grace_period() -> None:
    # The edit does not explain the change.
    waiting = edited(WEB)
    waiting = carry_out(waiting, decide(waiting))
    decision = decide(replace(waiting, live=live(WEB, SSH)))
    assert decision.phase == "Drifted"
    assert decision.incident is not None


def test_a_missing_nsg_is_awaited_if_new_and_drift_if_it_existed() -> None:
    # Only a 404 gives a snapshot without a live NSG.
    new = replace(snapshot(spec={"rolloutGrace": "30m"}), live=None)
    assert decide(new).phase == "AwaitingRollout"
    gone = decide(matched_before(new))
    assert gone.phase == "Drifted"
    assert [change.kind for change in gone.verdict.changes] == ["NSGDeleted"]


def _drifted(drift: Document = SSH, **status: Any) -> Snapshot:
    taken = snapshot(WEB, drift)
    drifting = carry_out(taken, decide(taken))
    changed = [
        stored.model_copy(update={"status": stored.status.model_copy(update=status)}) for stored in drifting.incidents
    ]
    return replace(drifting, incidents=tuple(changed), now=NOW + MINUTE)


def _attributed(drift: Document, attribution: Attribution | None) -> Snapshot:
    """Return a drift that `lb` made, or may have made."""
    drifting = _drifted(drift)
    (stored,) = drifting.incidents
    answer = {"attribution": attribution, "changed_by": ("lb",)}
    changes = tuple(change.model_copy(update=answer) for change in stored.status.changes)
    status = stored.status.model_copy(update={"changes": changes, "attribution": attribution})
    return replace(drifting, incidents=(stored.model_copy(update={"status": status}),))


@pytest.mark.parametrize(
    ("why", "generation", "matched", "resolution"),
    [
        ("changed back in Azure", 1, 1, "Reverted"),
        ("changed back in Azure before it ever matched", 1, None, "Reverted"),
        ("the baseline was edited since it matched", 2, 1, "Approved"),
        ("the baseline was edited before it ever matched", 2, None, "Approved"),
    ],
)
def test_how_an_incident_ends(why: str, generation: int, matched: int | None, resolution: str) -> None:
    drifting = _drifted()
    before = LastCompliant(live_hash="1", compared_hash="1", generation=matched) if matched is not None else None
    approved = baseline([WEB], generation=generation).model_copy(
        update={"status": BaselineStatus(last_compliant=before)}
    )
    decision = decide(replace(drifting, baseline=approved, live=live(WEB)))
    assert decision.incident is not None
    assert (decision.incident.status.state, decision.incident.status.resolution) == ("Resolved", resolution), why
    assert [(notice.reason, notice.warning) for notice in decision.incident.notices] == [("DriftResolved", False)]
    assert decision.status.incident is None


def test_a_rule_whose_author_is_tolerated_ends_the_incident_as_tolerated() -> None:
    # The rule still exists; it was not reverted.
    drifting, approved = _attributed(DENY, attribution="Found"), baseline([WEB], tolerate=BY_LB)
    decision = decide(replace(drifting, baseline=approved))
    assert decision.incident is not None
    assert decision.incident.status.resolution == "Tolerated"
    assert [writer.rule for writer in decision.status.rule_authors] == ["lb-deny"]
    # Once the incident is over the author is known from the status.
    later = carry_out(replace(drifting, baseline=approved), decision)
    assert decide(later).phase == "Compliant"
    assert isinstance(later.baseline.status.rule_authors[0], RuleAuthor)


def test_only_a_certain_author_is_tolerated() -> None:
    # A pipeline that copies what it finds would else tolerate what an attacker wrote a second before.
    approved = baseline([WEB], tolerate=BY_LB)
    for attribution in ("Uncertain", "NotFound", None):
        decision = decide(replace(_attributed(DENY, attribution=attribution), baseline=approved))
        assert decision.phase == "Drifted"
        assert decision.status.rule_authors == ()


def test_the_author_of_other_content_is_not_the_author() -> None:
    # The rule was changed after the log named the author of its first content.
    approved = baseline([WEB], tolerate=BY_LB)
    drifting = replace(_attributed(DENY, attribution="Found"), baseline=approved)
    wider = live(WEB, rule("lb-deny", priority=300, access="Allow"))
    decision = decide(replace(drifting, live=wider))
    assert decision.phase == "Drifted"
    assert decision.status.rule_authors == ()


def test_the_author_of_a_rule_is_searched_again_when_it_appears_again() -> None:
    # Who made a change before is not who makes it again.
    drifting = _attributed(SSH, attribution="Found")
    gone = carry_out(replace(drifting, live=live(WEB)), decide(replace(drifting, live=live(WEB))))
    again = decide(replace(gone, live=live(WEB, SSH), now=NOW + 2 * MINUTE))
    assert again.incident is not None
    (change,) = again.incident.status.changes
    assert (change.attribution, change.changed_by, change.since) == (None, (), NOW + 2 * MINUTE)
    assert again.incident.status.attribution is None


def test_the_author_of_a_change_stays_while_others_come_and_go() -> None:
    drifting = _attributed(SSH, attribution="Found")
    more = decide(replace(drifting, live=live(WEB, SSH, DENY), now=NOW + 2 * MINUTE))
    assert more.incident is not None
    by_rule = {change.rule: change for change in more.incident.status.changes}
    assert (by_rule["open-ssh"].changed_by, by_rule["open-ssh"].since) == (("lb",), NOW)
    assert (by_rule["lb-deny"].attribution, by_rule["lb-deny"].since) == (None, NOW + 2 * MINUTE)


@pytest.mark.parametrize(
    ("why", "fields", "known"),
    [
        ("it was read without the rule", {"earlier": EarlierReading(NOW - MINUTE)}, True),
        ("it was not read before", {}, False),
        ("it had the rule already", {"earlier": EarlierReading(NOW - MINUTE, frozenset({SSH_FINGERPRINT}))}, False),
        (
            "the rule was tolerated",
            {"earlier": EarlierReading(NOW - MINUTE, tolerated=frozenset({"open-ssh"}))},
            False,
        ),
        (
            "the rule was approved for a time",
            {
                "earlier": EarlierReading(NOW - MINUTE),
                "spec": {"exceptions": [excepted({**SSH, "destinationPortRange": "2222"}, LATER)]},
            },
            False,
        ),
    ],
)
def test_until_when_a_change_was_certainly_absent(why: str, fields: dict[str, Any], known: object) -> None:
    # Without that time the first write in the log may be a copy of what was there for months.
    decision = decide(snapshot(WEB, SSH, **fields))
    assert decision.incident is not None
    (change,) = decision.incident.status.changes
    assert change.absent_at == (NOW - MINUTE if known else None), why


def test_a_flapping_incident_stays_open_between_two_recurrences() -> None:
    # Otherwise drift that recurs each minute would notify twice a minute.
    flapping = replace(_drifted(reopen_count=3), live=live(WEB))
    quiet = decide(flapping)
    assert quiet.incident is not None
    assert quiet.incident.status.state == "Open"
    assert quiet.incident.notices == ()
    assert quiet.due == flapping.now + FLAP_WITHIN
    waiting = carry_out(flapping, quiet)
    assert decide(replace(waiting, now=waiting.now + MINUTE)).incident is None
    over = decide(replace(waiting, now=flapping.now + FLAP_WITHIN))
    assert over.incident is not None
    assert over.incident.status.state == "Resolved"


def test_drift_that_recurs_within_minutes_reopens_its_incident() -> None:
    drifting = _drifted()
    resolved = carry_out(replace(drifting, live=live(WEB)), decide(replace(drifting, live=live(WEB))))
    again = decide(replace(resolved, live=live(WEB, SSH), now=NOW + 2 * MINUTE))
    assert again.incident is not None
    assert again.incident.stored is not None
    assert (again.incident.status.state, again.incident.status.reopen_count) == ("Open", 1)


def test_an_incident_whose_status_was_never_stored_is_completed() -> None:
    # The operator was killed between creating the object and storing its status.
    decision = decide(replace(snapshot(WEB, SSH), incidents=(incident(),)))
    assert decision.incident is not None
    assert decision.incident.stored is not None
    assert (decision.incident.status.event, decision.incident.status.revision) == ("Opened", 1)


def test_an_active_exception_is_compliant_listed_and_due_at_its_end() -> None:
    taken = snapshot(WEB, SSH, spec={"exceptions": [excepted(SSH)]})
    decision = decide(taken)
    assert (decision.phase, decision.due) == ("Compliant", LATER)
    assert [(item.rule, item.in_use) for item in decision.status.exceptions] == [("open-ssh", True)]
    expired = decide(replace(taken, now=LATER))
    assert (expired.phase, expired.status.exceptions, expired.due) == ("Drifted", (), None)
    assert expired.incident is not None


def test_an_unreadable_baseline_or_nsg_is_unknown_and_keeps_its_last_verdict() -> None:
    # An invalid spec or an unreadable answer is never read as "matches" or as "absent".
    stored = decide(snapshot(WEB, SSH)).status
    status = unreconciled(stored, Failure("InvalidSpec", "spec.rules[0].priority"), 2, NOW)
    states = {state.type: (state.status, state.reason) for state in status.conditions}
    assert states == {"Ready": ("False", "InvalidSpec"), "Compliant": ("Unknown", "InvalidSpec")}
    assert (status.changes, status.incident) == (stored.changes, stored.incident)
    never_compared = unreconciled(BaselineStatus(), Failure("NoScope", ""), 1, NOW)
    states = {state.type: (state.status, state.reason) for state in never_compared.conditions}
    assert states == {"Ready": ("False", "NoScope"), "Compliant": ("Unknown", "Pending")}


def test_a_suspended_baseline_is_ready_and_unknown() -> None:
    status = suspended(decide(snapshot(WEB)).status, 1, NOW)
    states = {state.type: (state.status, state.reason) for state in status.conditions}
    assert states == {"Ready": ("True", "Suspended"), "Compliant": ("Unknown", "Suspended")}


def test_a_condition_keeps_its_transition_time_while_its_status_is_the_same() -> None:
    # "Not compliant since" must not change with each new message.
    drifting = _drifted()
    later = decide(replace(drifting, live=live(WEB, SSH, rule("rdp", priority=201)), now=NOW + MINUTE))
    condition: Condition = next(state for state in later.status.conditions if state.type == "Compliant")
    assert condition.last_transition_time == NOW
