"""When the operator writes to Azure, and each reason that blocks a remediation."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.api.baseline_status import LastCompliant
from nsg_baseline.api.common import CONFIRM
from nsg_baseline.core.decisions import AwaitReading, Decision, NoWrite, ReadNSG, RemediationAttempt, Snapshot, decide
from nsg_baseline.core.incidents import PASSING, PATIENCE
from nsg_baseline.core.remediation import Blocked, Remediation
from tests.support.decisions import BOTH, SSH, WEB, carry_out, incident, live, restored, snapshot, with_status
from tests.support.nsgs import NOW, rule

FRESH: dict[str, Any] = {**BOTH, "read_for_write": True}
MATCHED = LastCompliant(live_hash="1", compared_hash="1", generation=1)
MANY = [rule(f"rogue-{number}", priority=300 + number) for number in range(11)]


def blocked(decision: Decision) -> str | None:
    """Return the reason of a decision that blocks; None for any other."""
    return decision.enforcement.reason if isinstance(decision.enforcement, Blocked) else None


def stalled(decision: Decision) -> str | None:
    return next((state.reason for state in decision.status.conditions if state.type == "Stalled"), None)


def test_a_write_needs_a_reading_of_the_nsg_by_id() -> None:
    # A listing is older than the write. A write planned from it would undo what was changed in between.
    assert decide(snapshot(WEB, SSH, **BOTH)).enforcement == ReadNSG()
    planned = decide(snapshot(WEB, SSH, **FRESH)).enforcement
    assert isinstance(planned, Remediation)
    assert [change.rule for change in planned.reverted] == ["open-ssh"]


@pytest.mark.parametrize("modes", [{}, {"max_mode": "Enforce"}, {"mode": "Enforce"}])
def test_enforcement_needs_the_scope_and_the_baseline(modes: dict[str, Any]) -> None:
    # The platform team and the owner must both ask for writes to Azure.
    assert decide(snapshot(WEB, SSH, read_for_write=True, **modes)).enforcement == NoWrite()


def test_a_suspended_baseline_is_not_enforced() -> None:
    # Suspending the baseline is how its owner stops the operator.
    assert decide(snapshot(WEB, SSH, spec={"suspend": True}, **FRESH)).enforcement == NoWrite()


def test_a_remediation_waits_until_the_listing_is_complete() -> None:
    # An incomplete listing is not enough to write from.
    assert decide(snapshot(WEB, SSH, reading="UnderWay", **FRESH)).enforcement == AwaitReading()


def _opened(minutes_ago: int, **status: Any) -> dict[str, Any]:
    opened_at = NOW - timedelta(minutes=minutes_ago)
    return {"incidents": (incident(state="Open", revision=1, opened_at=opened_at, **status),)}


BLOCKED: dict[str, tuple[str, Snapshot]] = {
    "the scope suspends enforcement": (
        "EnforcementSuspended",
        snapshot(WEB, SSH, scope_spec={"suspendEnforcement": True}, **FRESH),
    ),
    "the delay runs, no incident yet": (
        "Delayed",
        snapshot(WEB, SSH, spec={"enforcement": {"delay": "5m"}}, **FRESH),
    ),
    "the delay runs since the incident opened": (
        "Delayed",
        snapshot(WEB, SSH, spec={"enforcement": {"delay": "5m"}}, **FRESH, **_opened(4)),
    ),
    "the listing broke off": ("IncompleteReading", snapshot(WEB, SSH, reading="BrokenOff", **FRESH)),
    "restored three times within an hour": (
        "Contested",
        snapshot(WEB, SSH, **FRESH, **_opened(59, actions=restored(59, 30, 1))),
    ),
    "another writer won three times": (
        "Contested",
        snapshot(WEB, SSH, attempt=RemediationAttempt(blocked=Blocked("Contested", "")), **FRESH),
    ),
    "Azure refuses the write": (
        "ScopeLocked",
        snapshot(WEB, SSH, attempt=RemediationAttempt(blocked=Blocked("ScopeLocked", "a lock")), **FRESH),
    ),
    "the Lease may have expired": (
        "NotLeading",
        snapshot(WEB, SSH, write_blocked=Blocked("NotLeading", "the Lease may have expired"), **FRESH),
    ),
    "the incident is not stored": (
        "IncidentNotStored",
        snapshot(WEB, SSH, write_blocked=Blocked("IncidentNotStored", "the API is away"), **BOTH, reading="UnderWay"),
    ),
    "more changes than maxChanges": ("TooManyChanges", snapshot(WEB, *MANY, **FRESH)),
    "a co-owner's rule occupies the priority": (
        "PriorityTaken",
        snapshot(rule("co-scan", priority=100), **FRESH),
    ),
    "the NSG was deleted": (
        "NSGDeleted",
        with_status(replace(snapshot(**FRESH), live=None), last_compliant=MATCHED),
    ),
    **{
        f"the NSG is {state}": (
            state,
            snapshot(live=live(WEB, SSH, properties={"provisioningState": state}), **FRESH),
        )
        for state in ("Updating", "Deleting")
    },
}


@pytest.mark.parametrize("why", BLOCKED)
def test_a_blocked_remediation_gives_its_reason_in_status_incident_and_event(why: str) -> None:
    # Without a reason, a remediation that does not happen looks like a failure of the operator.
    reason, taken = BLOCKED[why]
    decision = decide(taken)
    assert (blocked(decision), stalled(decision)) == (reason, reason)
    if reason in PASSING:
        # It is in the incident once it has lasted for a while.
        assert decision.incident is not None
        assert decision.incident.status.blocked_since == taken.now
        later = carry_out(taken, decision)
        decision = decide(replace(later, now=taken.now + PATIENCE))
    assert decision.incident is not None
    assert [action.reason for action in decision.incident.status.actions][-1] == reason
    assert [notice.reason for notice in decision.incident.notices][-1] == "EnforcementBlocked"


@pytest.mark.parametrize(
    "reason", ["NotLeading", "IncidentNotStored", "IntentNotConfirmed", "IntentChanged", "Updating"]
)
def test_a_write_that_the_operator_itself_must_not_send_is_retried_soon(reason: str) -> None:
    # The exposure remains until then. No edit and no change in Azure would start the next reconcile.
    blocking: dict[str, Any] = {"write_blocked": Blocked(reason, "it ends by itself")}
    assert decide(snapshot(WEB, SSH, **blocking, **FRESH)).due == NOW + timedelta(seconds=15)
    # It says nothing about an NSG that is not to be written.
    assert decide(snapshot(WEB, SSH, **blocking)).enforcement == NoWrite()
    assert decide(snapshot(WEB, **blocking, **FRESH)).enforcement == NoWrite()


@pytest.mark.parametrize(
    ("why", "taken"),
    [
        ("the delay is over", snapshot(WEB, SSH, spec={"enforcement": {"delay": "5m"}}, **FRESH, **_opened(5))),
        ("restored twice", snapshot(WEB, SSH, **FRESH, **_opened(59, actions=restored(30, 1)))),
        ("the first of three is an hour ago", snapshot(WEB, SSH, **FRESH, **_opened(90, actions=restored(60, 30, 1)))),
        ("exactly maxChanges", snapshot(WEB, *MANY[:10], **FRESH)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_at_the_limit_the_remediation_is_not_blocked(why: str, taken: Snapshot) -> None:
    # Each limit is exactly where the documentation says.
    assert isinstance(decide(taken).enforcement, Remediation), why


def test_a_confirmation_covers_one_plan_only() -> None:
    # A person confirms what they have seen. A later change is not part of it.
    taken = snapshot(WEB, *MANY, **FRESH)
    plan_hash = decide(taken).status.plan_hash
    metadata = taken.baseline.metadata.model_copy(update={"annotations": {CONFIRM: plan_hash}})
    confirmed = replace(taken, baseline=taken.baseline.model_copy(update={"metadata": metadata}))
    assert isinstance(decide(confirmed).enforcement, Remediation)
    assert blocked(decide(replace(confirmed, live=live(WEB, rule("later", priority=400), *MANY)))) == "TooManyChanges"


def test_a_tolerated_rule_is_never_reverted() -> None:
    # It is reported for its exposure and belongs to another writer: deleting AKS's rules would be an outage of the
    # cluster.
    opening = rule("co-open", priority=300, sourceAddressPrefix="Internet", destinationPortRange="22")
    decision = decide(snapshot(WEB, SSH, opening, **FRESH))
    assert {change.rule for change in decision.verdict.changes} == {"open-ssh", "co-open"}
    assert isinstance(decision.enforcement, Remediation)
    assert [change.rule for change in decision.enforcement.reverted] == ["open-ssh"]
    names = [document["name"] for document in decision.enforcement.document["properties"]["securityRules"]]
    assert names == ["web", "co-open"]
    alone = decide(snapshot(WEB, opening, **FRESH))
    assert not alone.verdict.compliant
    assert alone.enforcement == NoWrite()


def test_a_remediation_is_recorded_and_written_once_per_reconcile() -> None:
    # Drift that Azure still shows after a write is left for the next reconcile.
    written = RemediationAttempt(written=True)
    restored_now = decide(snapshot(WEB, attempt=written, **FRESH, **_opened(1)))
    assert restored_now.enforcement == NoWrite()
    assert restored_now.incident is not None
    assert restored_now.incident.status.resolution == "Remediated"
    still_drifting = decide(snapshot(WEB, SSH, attempt=written, **FRESH, **_opened(1)))
    assert still_drifting.enforcement == NoWrite()
    assert still_drifting.incident is not None
    assert still_drifting.incident.status.event == "Escalated"
    assert [action.kind for action in still_drifting.incident.status.actions] == ["Remediated"]


@pytest.mark.parametrize(
    ("why", "taken", "due"),
    [
        ("nothing is pending", snapshot(WEB, **BOTH), None),
        ("drift that is only reported", snapshot(WEB, SSH), None),
        ("a remediation at the next reconcile", snapshot(WEB, SSH, reading="BrokenOff", **BOTH), NOW),
        (
            "the end of the delay",
            snapshot(WEB, SSH, spec={"enforcement": {"delay": "5m"}}, **BOTH),
            NOW + timedelta(minutes=5),
        ),
        ("Azure still updates the NSG", BLOCKED["the NSG is Updating"][1], NOW + timedelta(seconds=15)),
        ("suspended until somebody edits the scope", BLOCKED["the scope suspends enforcement"][1], None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_due_time_of_the_next_reconcile(why: str, taken: Snapshot, due: object) -> None:
    assert decide(taken).due == due, why
