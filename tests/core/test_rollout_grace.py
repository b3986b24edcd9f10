"""The grace period of a rollout covers what an edit of the baseline explains, and nothing else.

Who may edit a baseline would otherwise choose a time in which nobody hears of a change.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.core.decisions import Decision, RemediationAttempt, Snapshot, decide
from tests.support.decisions import SSH, WEB, baseline, carry_out, live, snapshot, with_status
from tests.support.nsgs import NOW, excepted, rule

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
WIDER = rule("web", destinationPortRange="80-443")
CO_SSH = rule("co-ssh", priority=200, sourceAddressPrefix="Internet", destinationPortRange="22")
CO_WEB = rule("co-web", priority=200, sourceAddressPrefix="Internet", destinationPortRange="443")


def edited(matching: Snapshot, *rules: Any, **spec: Any) -> Snapshot:
    """Return the snapshot after a reconcile that matched and an edit of the baseline."""
    matched = decide(matching)
    assert matched.phase == "Compliant"
    approved = baseline(list(rules), generation=2, rolloutGrace="24h", **spec)
    return with_status(
        replace(matching, baseline=approved),
        last_compliant=matched.status.last_compliant,
        conditions=matched.status.conditions,
    )


def names(decision: Decision) -> set[str | None]:
    assert decision.incident is not None
    return {change.rule for change in decision.incident.status.changes}


@pytest.mark.parametrize("edits_first", [True, False])
def test_a_tolerated_rule_that_opens_ssh_is_reported_during_a_rollout(edits_first: bool) -> None:  # noqa: FBT001 - a case
    waiting = edited(snapshot(WEB), WIDER)
    if edits_first:
        assert decide(waiting).phase == "AwaitingRollout"
        waiting = carry_out(waiting, decide(waiting))
    decision = decide(replace(waiting, live=live(WEB, CO_SSH), now=NOW + MINUTE))
    assert decision.phase == "Drifted"
    assert "co-ssh" in names(decision)
    assert decision.verdict.severity == "critical"


def test_a_harmless_tolerated_rule_does_not_end_the_grace_period() -> None:
    # AKS adds and removes rules all day.
    waiting = edited(snapshot(WEB), WIDER)
    assert decide(replace(waiting, live=live(WEB, CO_WEB))).phase == "AwaitingRollout"


def test_an_exception_that_ends_during_a_rollout_is_reported() -> None:
    # The rule is not approved any more, and no edit is the reason.
    exceptions = [excepted(SSH, NOW + MINUTE)]
    before = replace(snapshot(WEB, SSH), baseline=baseline([WEB], exceptions=exceptions))
    waiting = edited(before, WIDER, exceptions=exceptions)
    assert decide(waiting).phase == "AwaitingRollout"
    ended = decide(replace(waiting, now=NOW + MINUTE))
    assert ended.phase == "Drifted"
    assert "open-ssh" in names(ended)


def test_a_change_while_the_baseline_was_suspended_is_reported_when_it_resumes() -> None:
    # Suspend and resume are edits, and must not look like the reason for the change.
    resumed = edited(snapshot(WEB), WEB)
    decision = decide(replace(resumed, live=live(WEB, SSH)))
    assert decision.phase == "Drifted"
    assert names(decision) == {"open-ssh"}


def test_a_change_in_azure_does_not_restart_the_grace_period() -> None:
    # Else a rule that is created and deleted every hour would keep an edit from ever being reported.
    waiting = edited(snapshot(WEB), WIDER)
    waiting = carry_out(waiting, decide(waiting))
    drifted = replace(waiting, live=live(WEB, SSH), now=NOW + 23 * HOUR)
    drifted = carry_out(drifted, decide(drifted))
    reverted = replace(drifted, live=live(WEB))
    assert decide(reverted).phase == "AwaitingRollout"
    assert decide(replace(reverted, now=NOW + 24 * HOUR)).phase == "Drifted"


@pytest.mark.parametrize("awaited", [True, False])
def test_drift_left_by_a_remediation_awaits_the_rollout_only_if_it_did_before(awaited: bool) -> None:  # noqa: FBT001 - a case
    # A restore in part changes live, which must not turn drift into a rollout.
    waiting = edited(snapshot(WEB), WIDER)
    attempt = RemediationAttempt(written=True, rollout_since=NOW, awaited_rollout=awaited)
    decision = decide(replace(waiting, live=live(WEB, SSH), attempt=attempt))
    assert decision.phase == ("AwaitingRollout" if awaited else "Drifted")
