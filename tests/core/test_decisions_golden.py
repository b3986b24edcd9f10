"""All of what a decision stores, posts and writes, as text: each word and number in it is somebody's input."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.api.baseline_status import BaselineStatus
from nsg_baseline.api.common import CONFIRM, PENDING, REQUESTED_AT, Condition
from nsg_baseline.api.incident import Caller, NSGIncident
from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG
from nsg_baseline.core.decisions import RemediationAttempt, Snapshot, decide
from nsg_baseline.core.decisions.baseline_status import suspended, unreconciled
from nsg_baseline.core.decisions.unreadable import UnreadableSnapshot, decide_unreadable
from nsg_baseline.core.observations import Failure
from nsg_baseline.core.remediation import Blocked
from tests.support.decision_text import decision, model, step, yaml_text
from tests.support.decisions import (
    BOTH,
    SSH,
    WEB,
    baseline,
    carry_out,
    incident,
    live,
    restored,
    snapshot,
    with_status,
)
from tests.support.golden import compare
from tests.support.nsgs import EARLIER, LATER, NOW, excepted, rule

GOLDEN = Path(__file__).with_name("golden")
MINUTE = timedelta(minutes=1)
FRESH: dict[str, Any] = {**BOTH, "read_for_write": True}
DELETED = rule("db", priority=110, destinationPortRange="1433", description="the database")
WIDER = rule("web", destinationPortRange="80-443")


def _annotated(taken: Snapshot, **annotations: str) -> Snapshot:
    metadata = taken.baseline.metadata.model_copy(update={"annotations": annotations})
    return replace(taken, baseline=taken.baseline.model_copy(update={"metadata": metadata}))


def _drifting(**fields: Any) -> Snapshot:
    """Return a snapshot in which the incident about SSH is stored and a minute passed."""
    taken = snapshot(WEB, SSH, **fields)
    return replace(carry_out(taken, decide(taken)), now=NOW + MINUTE)


def _edited(**fields: Any) -> Snapshot:
    matching = decide(snapshot(WEB)).status
    taken = replace(snapshot(WEB, **fields), baseline=baseline([WIDER], generation=2, rolloutGrace="30m"))
    return with_status(taken, last_compliant=matching.last_compliant, conditions=matching.conditions)


def _caller(name: str) -> Caller:
    return Caller(name=name, kind="User", at=NOW, operation="write", rule="open-ssh", correlation_id=name, certain=True)


def _contested() -> Snapshot:
    callers = tuple(_caller(name) for name in ("ann@example.com", "bob@example.com", "terraform", "dan@example.com"))
    stored = incident(
        state="Open", revision=1, opened_at=EARLIER, actions=restored(59, 30, 1), changed_by=(callers[0], *callers)
    )
    return snapshot(WEB, SSH, incidents=(stored,), **FRESH)


def _delayed_and_stored() -> Snapshot:
    taken = snapshot(WEB, SSH, spec={"enforcement": {"delay": "5m"}}, **FRESH)
    return replace(carry_out(taken, decide(taken)), now=NOW + MINUTE)


def _new(reason: str | None = None, **status: Any) -> Snapshot:
    """Return a baseline whose NSG does not exist yet; `reason` is that of its Compliant condition."""
    state = {"type": "Compliant", "status": "Unknown", "reason": reason, "lastTransitionTime": EARLIER}
    conditions = (Condition.model_validate(state),) if reason else ()
    return with_status(replace(snapshot(), live=None), conditions=conditions, **status)


def _flapping(quiet_since: object = None) -> Snapshot:
    taken = _drifting()
    stored = taken.incidents[0]
    status = stored.status.model_copy(update={"reopen_count": 3, "quiet_since": quiet_since})
    return replace(taken, live=live(WEB), incidents=(stored.model_copy(update={"status": status}),))


def _recurred() -> Snapshot:
    taken = replace(_drifting(), live=live(WEB))
    resolved = carry_out(taken, decide(taken))
    return replace(resolved, live=live(WEB, SSH), now=NOW + 2 * MINUTE)


MANY = [rule(f"rogue-{number}", priority=300 + number) for number in range(11)]
SNAPSHOTS: dict[str, Callable[[], Snapshot]] = {
    "live matches": lambda: snapshot(WEB),
    "a reconcile was requested": lambda: _annotated(snapshot(WEB), **{REQUESTED_AT: "2026-11-25T11:59:00Z"}),
    "a rule was added": lambda: snapshot(WEB, SSH),
    "the incident is stored": _drifting,
    "one more rule was added": lambda: replace(_drifting(), live=live(WEB, SSH, rule("rdp", priority=201))),
    "an edit awaits its rollout": _edited,
    "an edit, and a rule that it does not explain": lambda: replace(_edited(), live=live(WEB, SSH)),
    "two exceptions run and one is over": lambda: snapshot(
        WEB,
        SSH,
        spec={
            "exceptions": [
                excepted(rule("later", priority=400), until=LATER + MINUTE),
                excepted(SSH),
                excepted(rule("over", priority=401), until=NOW),
            ]
        },
    ),
    "restored: added, changed and deleted rules, and tags": lambda: snapshot(
        rule("WEB", destinationPortRange="80"),
        SSH,
        approved=(WEB, DELETED),
        spec={
            "tags": {"env": "prod"},
            "enforcement": {"revert": ["RuleCreated", "RuleUpdated", "RuleDeleted", "NSGUpdated"]},
        },
        live=live(rule("WEB", destinationPortRange="80"), SSH, tags={"ENV": "test", "team": "web"}, etag='W/"7"'),
        **FRESH,
    ),
    "not read by id": lambda: snapshot(WEB, SSH, **BOTH),
    "the reading is under way": lambda: snapshot(WEB, SSH, reading="UnderWay", **FRESH),
    "enforcement is suspended": lambda: snapshot(WEB, SSH, scope_spec={"suspendEnforcement": True}, **FRESH),
    "delayed": lambda: snapshot(WEB, SSH, spec={"enforcement": {"delay": "5m"}}, **FRESH),
    "the reading broke off": lambda: snapshot(WEB, SSH, reading="BrokenOff", **FRESH),
    "contested": _contested,
    "contested by an unknown writer": lambda: snapshot(
        WEB,
        SSH,
        incidents=(incident(state="Open", revision=1, opened_at=EARLIER, actions=restored(59, 30, 1)),),
        **FRESH,
    ),
    "more changes than maxChanges": lambda: snapshot(WEB, *MANY, **FRESH),
    "the plan is confirmed": lambda: _annotated(
        snapshot(WEB, *MANY, **FRESH), **{CONFIRM: str(decide(snapshot(WEB, *MANY)).status.plan_hash)}
    ),
    "another plan is confirmed": lambda: _annotated(snapshot(WEB, *MANY, **FRESH), **{CONFIRM: "0123456789abcdef"}),
    "a priority is taken": lambda: snapshot(rule("co-scan", priority=100), **FRESH),
    "the NSG was deleted": lambda: with_status(
        replace(snapshot(**FRESH), live=None), last_compliant=decide(snapshot(WEB)).status.last_compliant
    ),
    "Azure updates the NSG": lambda: snapshot(
        live=live(WEB, SSH, properties={"provisioningState": "Updating"}), **FRESH
    ),
    "Azure deletes the NSG": lambda: snapshot(
        live=live(WEB, SSH, properties={"provisioningState": "Deleting"}), **FRESH
    ),
    # The next write repairs the NSG.
    "a write failed": lambda: snapshot(live=live(WEB, SSH, properties={"provisioningState": "Failed"}), **FRESH),
    "Azure refused": lambda: snapshot(
        WEB, SSH, attempt=RemediationAttempt(blocked=Blocked("ScopeLocked", "a lock")), **FRESH
    ),
    "restored now": lambda: replace(_drifting(**FRESH), live=live(WEB), attempt=RemediationAttempt(written=True)),
    "restored and still drifting": lambda: replace(_drifting(**FRESH), attempt=RemediationAttempt(written=True)),
    "changed back": lambda: replace(_drifting(), live=live(WEB)),
    "flapping and quiet": _flapping,
    "flapping and quiet, stored": lambda: _flapping(NOW),
    "flapping and quiet for long": lambda: replace(_flapping(NOW), now=NOW + 10 * MINUTE),
    "recurred": _recurred,
    "delayed, a minute later": _delayed_and_stored,
    "delayed, and one more rule": lambda: replace(
        _delayed_and_stored(), live=live(WEB, SSH, rule("rdp", priority=201))
    ),
    "Azure is busy": lambda: snapshot(
        WEB, SSH, attempt=RemediationAttempt(blocked=Blocked("AnotherOperationInProgress", "busy")), **FRESH
    ),
    "drift of a baseline that matched": lambda: with_status(
        snapshot(WEB, SSH), last_compliant=decide(snapshot(WEB)).status.last_compliant
    ),
    "a new baseline without an NSG": _new,
    "a new baseline without an NSG, pending": lambda: _new(PENDING),
    "a new baseline without an NSG, awaited since": lambda: _new("AwaitingRollout", rollout_since=NOW - MINUTE),
    "an NSG that never existed is not awaited": lambda: _new("Drifted"),
}


@pytest.mark.parametrize("why", SNAPSHOTS)
def test_a_decision_as_a_whole(why: str) -> None:
    # The other tests look at one value each; a text or a number that none of them looks at is still read by somebody.
    compare(
        GOLDEN / "decisions" / f"{why.replace(' ', '-').replace(',', '').replace(':', '')}.yaml",
        yaml_text(decision(decide(SNAPSHOTS[why]()))),
    )


def _unreadable(*incidents: NSGIncident) -> dict[str, Any]:
    taken = snapshot(WEB)
    failure = Failure("Unreadable", "rule open-ssh has no priority")
    made = decide_unreadable(
        UnreadableSnapshot(
            NOW + MINUTE, taken.subject, with_status(taken, effective_mode="Alert").baseline, incidents, failure
        )
    )
    return {"incident": step(made.incident), "status": model(made.status)}


def test_states_without_a_verdict_as_a_whole() -> None:
    # Nothing was compared, so each of them must say why, and keep the last verdict.
    stored = decide(snapshot(WEB, SSH)).status
    texts = {
        "an NSG that cannot be judged": _unreadable(),
        "an NSG that drifted and cannot be judged": _unreadable(*_drifting().incidents),
        "an invalid baseline": model(unreconciled(stored, Failure("InvalidSpec", "spec.rules[0]"), 2, LATER)),
        "an unreadable NSG": model(unreconciled(stored, Failure("Unreadable", "no priority"), 2, LATER)),
        "a baseline that was never compared": model(unreconciled(BaselineStatus(), Failure("NoScope", "none"), 1, NOW)),
        "a suspended baseline": model(suspended(stored, 2, LATER)),
        "a suspended baseline that was never compared": model(suspended(BaselineStatus(), 1, NOW)),
    }
    compare(GOLDEN / "without-a-verdict.yaml", yaml_text(texts))


def test_a_status_shows_a_limited_number_of_changes() -> None:
    # The maxima of the CRD: the API server would refuse the whole status.
    rules = [rule(f"r{number}", priority=200 + number) for number in range(60)]
    exceptions = [excepted(rule(f"e{number}", priority=400 + number)) for number in range(50)]
    status = decide(snapshot(WEB, *rules, spec={"exceptions": exceptions})).status
    assert (len(status.changes), len(status.exceptions)) == (50, 50)
    assert status.change_count == 60


def test_a_long_message_is_cut() -> None:
    # So that kubectl describe shows it in a few lines.
    rules = [rule(f"{'r' * 70}{number}", priority=200 + number, sourceAddressPrefix="Internet") for number in range(3)]
    verdict_reasons = decide(snapshot(WEB, *rules)).status.conditions[1].message
    assert len(verdict_reasons) <= 1024


def test_an_attempt_wrote_nothing_unless_it_says_so() -> None:
    # A write that is only assumed would be recorded as a remediation.
    assert RemediationAttempt() == RemediationAttempt(
        written=False, blocked=None, rollout_since=None, awaited_rollout=False
    )


def test_exceptions_that_end_together_are_sorted_by_name() -> None:
    # In the order in which kubectl and the documentation sort names: without case.
    names = ("aB", "a_b", "Aa")
    exceptions = [excepted(rule(name, priority=400 + number)) for number, name in enumerate(names)]
    status = decide(snapshot(WEB, spec={"exceptions": exceptions})).status
    assert [item.rule for item in status.exceptions] == ["a_b", "Aa", "aB"]


def test_the_severity_policy_of_the_installation_counts() -> None:
    # A service tags file or an own table changes what is critical.
    policy = replace(DEFAULT_SEVERITY_CONFIG.policy, management=())
    relaxed = replace(DEFAULT_SEVERITY_CONFIG, policy=policy)
    assert decide(snapshot(WEB, SSH)).status.severity == "critical"
    assert decide(snapshot(WEB, SSH, severity_config=relaxed)).status.severity != "critical"
