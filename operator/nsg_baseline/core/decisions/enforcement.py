"""What to write to Azure now, or why not."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from nsg_baseline.api.common import CONFIRM, format_time
from nsg_baseline.api.durations import parse
from nsg_baseline.core.decisions.evaluation import Evaluation
from nsg_baseline.core.decisions.guardrails import REASON, explanation
from nsg_baseline.core.decisions.snapshot import Snapshot
from nsg_baseline.core.remediation import Blocked, Remediation, RemediationPolicy, contested, plan, policy
from nsg_baseline.core.text.phrasing import cut
from nsg_baseline.core.verdict import Verdict

TRANSIENT = (
    "Updating",
    "AnotherOperationInProgress",
    "NotLeading",
    "IncidentNotStored",
    "IntentNotConfirmed",
    "IntentChanged",
)
"""Reasons that end by themselves: the remediation is retried soon, because the exposure remains until then."""
MESSAGE_LENGTH = 900
"""Characters of the explanation of a violated guardrail, which an incident and a condition contain."""
RETRY_TRANSIENT_AFTER = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class NoWrite:
    """Nothing is to be written: live is as approved, enforcement is off, or the write was done."""


@dataclass(frozen=True, slots=True)
class AwaitReading:
    """A remediation waits until the whole scope is read."""


@dataclass(frozen=True, slots=True)
class ReadNSG:
    """Nothing blocks a remediation; read the NSG by id and decide again."""


Enforcement = NoWrite | AwaitReading | ReadNSG | Blocked | Remediation


def decide_enforcement(snapshot: Snapshot, evaluation: Evaluation) -> Enforcement:
    """Return the next step towards the approved rules in Azure."""
    if not is_enforced(snapshot) or evaluation.verdict.compliant:
        return NoWrite()
    if snapshot.attempt is not None:
        return snapshot.attempt.blocked or NoWrite()
    blocked = _blocked(snapshot)
    if blocked is not None:
        return blocked
    if snapshot.reading == "UnderWay":
        return AwaitReading()
    return _plan(snapshot, evaluation.verdict) if snapshot.read_for_write else ReadNSG()


def is_enforced(snapshot: Snapshot) -> bool:
    """Return whether both the scope and the baseline ask for enforcement."""
    spec = snapshot.baseline.spec
    return snapshot.scope.spec.max_mode == "Enforce" and spec.mode == "Enforce" and not spec.suspend


def delayed_until(snapshot: Snapshot, opened_at: datetime | None) -> datetime | None:
    """Return when `enforcement.delay` after the start of the drift ends; None if it ended."""
    until = (opened_at or snapshot.now) + parse(snapshot.baseline.spec.enforcement.delay)
    return until if snapshot.now < until else None


def remediation_policy(snapshot: Snapshot) -> RemediationPolicy:
    """Return what the baseline lets the operator write."""
    return policy(snapshot.baseline.spec, snapshot.baseline.metadata.annotations.get(CONFIRM))


def _blocked(snapshot: Snapshot) -> Blocked | None:
    """Return why nothing may be written, as far as that is known without another request to Azure."""
    if snapshot.scope.spec.suspend_enforcement:
        name = snapshot.scope.metadata.name
        return Blocked("EnforcementSuspended", f"suspendEnforcement of NSGScope {name} is true")
    if snapshot.violations:
        return Blocked(REASON, cut(f"the baseline is not accepted: {explanation(snapshot.violations)}", MESSAGE_LENGTH))
    incident = snapshot.open_incident
    until = delayed_until(snapshot, incident.status.opened_at if incident is not None else None)
    if until is not None:
        return Blocked("Delayed", f"enforcement.delay ends at {format_time(until)}; the rules are restored then")
    if snapshot.reading == "BrokenOff":
        return Blocked("IncompleteReading", "the scope was not read completely; nothing is written until it is")
    return snapshot.write_blocked or contested(snapshot.incidents, snapshot.now)


def _plan(snapshot: Snapshot, verdict: Verdict) -> Blocked | Remediation | NoWrite:
    return plan(snapshot.live, verdict, remediation_policy(snapshot), snapshot.severity_config) or NoWrite()
