"""The remediation: the write that makes live match approved, and why parts of it are left out.

A remediation is planned change by change: a change that cannot be reverted now is left out, and does not protect the
others.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nsg_baseline.api.baseline import BaselineSpec, Revertable, Reverted
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG, SeverityConfig
from nsg_baseline.core.changes import Change, fingerprint
from nsg_baseline.core.nsg import LiveNSG
from nsg_baseline.core.remediation_choice import Choice, choose
from nsg_baseline.core.restored_document import restored_document
from nsg_baseline.core.text.phrasing import counted, listed
from nsg_baseline.core.verdict import Verdict

CONTESTED_AFTER = 3
CONTESTED_WITHIN = timedelta(hours=1)
_NAMED_CHANGES = 3
_UNSETTLED = {
    "Updating": "Azure is still updating this NSG; the operator retries shortly",
    "Deleting": "this NSG is being deleted",
}
"""Provisioning states in which a write would meet one that has not ended. A failed one has: a write repairs the NSG."""


@dataclass(frozen=True, slots=True)
class RemediationPolicy:
    """What may be written: the kinds of change to revert, and how many at once without a confirmation.

    With `only` Openings, a change is reverted only if it allows traffic that is not approved.
    """

    revert: frozenset[Revertable]
    max_changes: int
    confirmed: str | None = None
    only: Reverted = "All"


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a remediation is not written, or not written in full."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A change that a remediation does not revert, and why."""

    change: Change
    blocked: Blocked


@dataclass(frozen=True, slots=True)
class Remediation:
    """One write: the whole NSG document, to be sent only if the NSG's etag is still `etag`.

    Attributes:
        plan_hash: confirms the write of all changes that may be reverted, those that are left out included.
        left_out: the other changes that may be reverted, the most severe first.
    """

    document: Mapping[str, Any]
    etag: str
    reverted: tuple[Change, ...]
    plan_hash: str
    left_out: tuple[LeftOut, ...] = ()

    @property
    def blocked(self) -> Blocked | None:
        """Why the remediation is not complete; None if it is."""
        return _summary(self.left_out) if self.left_out else None


def policy(spec: BaselineSpec, confirmed: str | None) -> RemediationPolicy:
    """Return what a baseline lets the operator write."""
    enforcement = spec.enforcement
    return RemediationPolicy(frozenset(enforcement.revert), enforcement.max_changes, confirmed, enforcement.only)


def plan(
    live: LiveNSG | None,
    verdict: Verdict,
    policy: RemediationPolicy,
    severity_config: SeverityConfig = DEFAULT_SEVERITY_CONFIG,
) -> Remediation | Blocked | None:
    """Return the remediation for an NSG, why it is blocked, or None if nothing is to be reverted."""
    if live is None:
        return Blocked("NSGDeleted", "the NSG does not exist; it is never re-created") if verdict.changes else None
    candidates = tuple(change for change in verdict.changes if _revertable(change, policy))
    if not candidates:
        return None
    if live.provisioning_state in _UNSETTLED:
        return Blocked(live.provisioning_state, _UNSETTLED[live.provisioning_state])
    hashed = _hash(live.id.key, candidates)
    unconfirmed = _unconfirmed(candidates, policy, hashed)
    wanted = tuple(change for change in candidates if change.urgent) if unconfirmed is not None else candidates
    # What merely denies more may still be in the way of a critical change.
    pool = tuple(change for change in verdict.changes if _is_reverted_kind(change, policy))
    choice = choose(live, verdict.expected, wanted, candidates, pool, severity_config)
    left_out = tuple(_left_out(candidates, choice, unconfirmed))
    if not choice.reverted:
        return _summary(left_out)
    return Remediation(restored_document(live, choice.reverted), live.etag, choice.reverted, hashed, left_out)


def plan_hash(nsg: str, changes: Iterable[Change], policy: RemediationPolicy) -> str | None:
    """Return the hash that confirms the remediation for the changes of an NSG; None if nothing is to be reverted."""
    reverted = [change for change in changes if _revertable(change, policy)]
    return _hash(nsg.lower(), reverted) if reverted else None


def _hash(nsg: str, reverted: Iterable[Change]) -> str:
    # Over both sides: a confirmation covers what is removed and what replaces it.
    return fingerprint(nsg, sorted([change.fingerprint, fingerprint(change.approved)] for change in reverted))


def _revertable(change: Change, policy: RemediationPolicy) -> bool:
    # The deny rule of an incident responder must not disappear.
    return _is_reverted_kind(change, policy) and (policy.only == "All" or change.opens)


def _is_reverted_kind(change: Change, policy: RemediationPolicy) -> bool:
    # A co-owner's rule may be reported for its exposure, but it still belongs to the co-owner.
    if change.tolerated_by is not None:
        return False
    # An association is a property of the subnet or the network interface; the operator does not write those.
    if change.kind == "NSGUpdated" and not all(name.startswith("tags.") for name in change.fields):
        return False
    return change.kind in policy.revert


def _unconfirmed(candidates: Sequence[Change], policy: RemediationPolicy, hashed: str) -> Blocked | None:
    """Return why changes are not reverted that are not urgent; None if the number of changes is allowed."""
    if len(candidates) <= policy.max_changes or policy.confirmed == hashed:
        return None
    confirm = f"annotate the baseline with nsg-baseline.io/confirm={hashed} to go on"
    return Blocked("TooManyChanges", f"{len(candidates)} changes, more than maxChanges {policy.max_changes}; {confirm}")


def _left_out(candidates: Iterable[Change], choice: Choice, unconfirmed: Blocked | None) -> Iterator[LeftOut]:
    """Yield the candidates that a write does not revert, in their order: the most severe first."""
    reverted = {change.fingerprint for change in choice.reverted}
    refused = {item.change.fingerprint: Blocked(item.reason, item.message) for item in choice.refused}
    for change in candidates:
        blocked = refused.get(change.fingerprint, unconfirmed)
        if change.fingerprint not in reverted and blocked is not None:
            yield LeftOut(change, blocked)


def _summary(left_out: Sequence[LeftOut]) -> Blocked:
    """Return the reason of the most severe change, and the messages of all; each message is given once."""
    messages = list(dict.fromkeys(item.blocked.message for item in left_out))
    more = len(messages) - _NAMED_CHANGES
    rest = f"; {counted(more, 'more reason')}" if more > 0 else ""
    return Blocked(left_out[0].blocked.reason, "; ".join(messages[:_NAMED_CHANGES]) + rest)


def contested(incidents: Iterable[NSGIncident], now: datetime) -> Blocked | None:
    """Block if another writer keeps changing the NSG: it was restored three times within an hour and changed again.

    `incidents` are all incidents about one baseline.
    """
    incidents = tuple(incidents)
    restores = [
        action
        for incident in incidents
        for action in incident.status.actions
        if action.kind == "Remediated" and now - action.at < CONTESTED_WITHIN
    ]
    if len(restores) < CONTESTED_AFTER:
        return None
    changed_by = (caller for incident in incidents for caller in incident.status.changed_by)
    callers = dict.fromkeys(f"{'' if caller.certain else 'possibly '}{caller.name}" for caller in changed_by)
    writers = listed(list(callers)[:3]) if callers else "an unknown writer"
    message = f"restored {len(restores)} times within an hour and changed again by {writers}; stop that writer"
    return Blocked("Contested", f"{message}, or approve the change")
