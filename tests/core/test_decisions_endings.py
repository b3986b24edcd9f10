"""How single changes and doubled incidents end, when a reconcile is due for them, and how the reason names a change."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.core.decisions import Snapshot, decide
from nsg_baseline.core.decisions.drift_incidents import reason
from nsg_baseline.core.decisions.snapshot import RemediationAttempt
from nsg_baseline.core.incident_changes import FLAP_WITHIN, FLAPPING
from nsg_baseline.core.verdict import judge
from tests.support.decisions import BOTH, SSH, WEB, carry_out, live, snapshot, with_status
from tests.support.nsgs import NOW, rule
from tests.support.nsgs import baseline as approved_nsg
from tests.support.rule_shorthand import arm_rule

MINUTE = timedelta(minutes=1)
RDP = rule("rdp", priority=201, sourceAddressPrefix="Internet", destinationPortRange="3389")


def drifting(*rules: Any, **fields: Any) -> Snapshot:
    """Return the next snapshot after the incident of a drift was stored."""
    taken = snapshot(WEB, *rules, **fields)
    return replace(carry_out(taken, decide(taken)), now=NOW + MINUTE)


def ends(taken: Snapshot) -> dict[str | None, str | None]:
    """Return how changes ended by this reconcile."""
    decision = decide(taken)
    assert decision.incident is not None
    return {change.rule: change.ended for change in decision.incident.status.ended_changes}


def test_a_change_that_is_gone_while_others_remain_ends_for_its_own_reason() -> None:
    # An audit asks who closed a rule: somebody in Azure, an edit of the baseline, or the operator.
    both = drifting(SSH, RDP)
    gone = replace(both, live=live(WEB, SSH))
    assert ends(gone) == {"rdp": "Reverted"}
    observed = with_status(gone, observed_generation=1)
    assert ends(observed) == {"rdp": "Reverted"}
    generation = observed.baseline.metadata.model_copy(update={"generation": 2})
    edited = replace(observed, baseline=observed.baseline.model_copy(update={"metadata": generation}))
    assert ends(edited) == {"rdp": "Approved"}
    assert ends(replace(edited, attempt=RemediationAttempt(written=True))) == {"rdp": "Remediated"}


def test_two_open_incidents_are_resolved_one_after_the_other() -> None:
    # Two replicas that did not know of each other: each incident was notified, so each must be resolved.
    both = drifting(SSH)
    (first,) = both.incidents
    second = first.model_copy(update={"metadata": first.metadata.model_copy(update={"name": "web-2"})})
    resolved = second.model_copy(update={"status": second.status.model_copy(update={"state": "Resolved"})})
    for incidents, due in (
        ((first,), None),
        ((first, second), both.now),
        ((first, resolved), None),
        ((first, resolved, resolved), None),
        ((first, second, resolved), both.now),
    ):
        assert decide(replace(both, incidents=incidents)).due == due
    over = replace(both, live=live(WEB), incidents=(first, second))
    while over.incidents and any(incident.status.state != "Resolved" for incident in over.incidents):
        decision = decide(over)
        assert decision.incident is not None
        over = carry_out(over, decision)
    assert decide(over).due is None


def test_a_reconcile_is_due_when_an_absent_change_has_ended() -> None:
    # Without it the change would end only when something else happens.
    both = drifting(SSH, RDP)
    (incident,) = both.incidents
    changes = tuple(change.model_copy(update={"recurrences": FLAPPING}) for change in incident.status.changes)
    flapping = incident.model_copy(update={"status": incident.status.model_copy(update={"changes": changes})})
    absent = replace(both, incidents=(flapping,), live=live(WEB, SSH))
    decision = decide(absent)
    assert decision.due == absent.now + FLAP_WITHIN
    later = replace(carry_out(absent, decision), now=absent.now + FLAP_WITHIN)
    assert ends(later) == {"rdp": "Reverted"}
    assert decide(later).due is None


def test_an_action_during_the_quiet_is_recorded() -> None:
    # The rules were restored: an incident that waits for its end must say so.
    taken = drifting(SSH, **BOTH, spec={"enforcement": {"delay": "0s"}})
    (incident,) = taken.incidents
    status = incident.status.model_copy(update={"reopen_count": FLAPPING})
    flapping = incident.model_copy(update={"status": status})
    written = RemediationAttempt(written=True)
    decision = decide(replace(taken, incidents=(flapping,), live=live(WEB), attempt=written))
    assert decision.incident is not None
    assert decision.incident.status.state == "Open"
    assert [action.kind for action in decision.incident.status.actions] == ["Remediated"]


NO, ALLOW = "100 no deny tcp Internet -> *:22", "200 al allow tcp Internet -> *:22"


@pytest.mark.parametrize(
    ("approved", "rules", "expected"),
    [
        ([NO, ALLOW], [ALLOW], "rule no was deleted: rule al opens TCP 22 to the Internet"),
        ([NO, ALLOW], [NO.replace(":22", ":23"), ALLOW], "rule no was changed: rule al opens TCP 22 to the Internet"),
        ([], [ALLOW], "rule al opens TCP 22 to the Internet"),
        ([], [], None),
    ],
)
def test_the_reason_names_the_change_and_the_rule_that_decides_now(
    approved: list[str], rules: list[str], expected: str | None
) -> None:
    # "rule al opens TCP 22" is about a rule that nobody touched; the engineer has to know that `no` is gone.
    verdict = judge(approved_nsg(map(arm_rule, approved)), live(*map(arm_rule, rules)), NOW)
    assert reason(verdict) == expected
