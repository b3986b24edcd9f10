"""The evaluation of a snapshot: the verdict, and whether an edit of the baseline still waits for its rollout."""

from dataclasses import dataclass, replace
from datetime import datetime

from nsg_baseline.api.baseline_status import RuleAuthor
from nsg_baseline.api.common import PENDING
from nsg_baseline.api.durations import parse
from nsg_baseline.core.conditions import find_condition
from nsg_baseline.core.decisions.snapshot import Snapshot
from nsg_baseline.core.nsg import parse_approved
from nsg_baseline.core.rule_authors import recorded_authors
from nsg_baseline.core.verdict import Verdict, drift_origin, judge


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A verdict, and how the baseline's history explains it.

    Attributes:
        authors: known authors of live rules, where the baseline tolerates rules by their author.
        rollout_since: since when an edit of the baseline has waited to reach Azure; None if none does.
        rollout_until: when its grace period ends.
        awaiting_rollout: whether the drift is only such an edit, within its grace period.
    """

    verdict: Verdict
    authors: tuple[RuleAuthor, ...]
    rollout_since: datetime | None
    rollout_until: datetime | None
    awaiting_rollout: bool


def evaluate(snapshot: Snapshot) -> Evaluation:
    """Judge a snapshot."""
    baseline = snapshot.baseline
    parsed = parse_approved(baseline.spec)
    authors = recorded_authors(baseline, snapshot.open_incident, snapshot.live, parsed)
    approved = replace(parsed, rule_authors={author.rule.lower(): author.caller for author in authors})
    verdict = judge(approved, snapshot.live, snapshot.now, snapshot.severity_config)
    rollout_since = _rollout_since(snapshot, verdict)
    rollout_until = rollout_since + parse(baseline.spec.rollout_grace) if rollout_since is not None else None
    awaiting = rollout_until is not None and snapshot.now < rollout_until and _is_explained(snapshot, verdict)
    return Evaluation(verdict, authors, rollout_since, rollout_until, awaiting)


def _rollout_since(snapshot: Snapshot, verdict: Verdict) -> datetime | None:
    """Return the time of the first edit that is not in Azure yet; drift of another origin does not restart it."""
    if verdict.compliant:
        return None
    if snapshot.attempt is not None and snapshot.attempt.written:
        return snapshot.attempt.rollout_since
    status, generation = snapshot.baseline.status, snapshot.baseline.metadata.generation
    is_edited = status.last_compliant is not None and generation > status.last_compliant.generation
    return (status.rollout_since or snapshot.now) if is_edited or _precedes_nsg(snapshot, verdict) else None


def _is_explained(snapshot: Snapshot, verdict: Verdict) -> bool:
    """Return whether an edit of the baseline explains the whole drift."""
    if snapshot.attempt is not None and snapshot.attempt.written:
        # The operator's own write changed live; the edit explains what it left if it explained the drift before.
        return snapshot.attempt.awaited_rollout
    last_compliant, generation = snapshot.baseline.status.last_compliant, snapshot.baseline.metadata.generation
    origin = drift_origin(verdict, last_compliant, generation)
    return origin == "Baseline" or _precedes_nsg(snapshot, verdict)


def _precedes_nsg(snapshot: Snapshot, verdict: Verdict) -> bool:
    """Return whether the baseline was applied before its NSG was created."""
    status = snapshot.baseline.status
    compliant = find_condition(status.conditions, "Compliant")
    never_compared = compliant is None or compliant.reason == PENDING
    awaited = status.rollout_since is not None or never_compared
    return verdict.live_hash is None and status.last_compliant is None and awaited
