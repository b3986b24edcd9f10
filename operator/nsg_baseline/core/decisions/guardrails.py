"""What guardrails mean for a baseline: one that violates a guardrail is not accepted, and not enforced."""

from collections.abc import Sequence

from nsg_baseline.core.changes import fingerprint
from nsg_baseline.core.conditions import find_condition
from nsg_baseline.core.decisions.snapshot import Snapshot
from nsg_baseline.core.guardrails import Guardrail, NSGFacts, Violation, applying, approved_violations
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.incident_steps import IncidentNotice
from nsg_baseline.core.text.guardrail_lines import lines
from nsg_baseline.core.text.phrasing import cut

REASON = "GuardrailViolated"
# `kubectl describe` shows this much in a few lines.
MESSAGE_LENGTH = 1024


def violations_of_baseline(snapshot: Snapshot, guardrails: Sequence[Guardrail]) -> tuple[Violation, ...]:
    """Return the violations by the rules that the baseline of a snapshot approves."""
    spec, live = snapshot.baseline.spec, snapshot.live
    nsg = NSGId.parse(spec.target.resource_id)
    tags = live.tags if live is not None else {}
    facts = NSGFacts(nsg, snapshot.scope.metadata.name, tags, spec.tags or {})
    tag_table = snapshot.severity_config.tags
    return approved_violations(applying(guardrails, facts, snapshot.now), spec, snapshot.now, tag_table)


def explanation(violations: Sequence[Violation]) -> str:
    """Return why a baseline is not accepted."""
    return "; ".join(lines(violations))


def refusal_message(violations: Sequence[Violation]) -> str:
    """Return why a baseline is not accepted, in the length of a condition."""
    return cut(explanation(violations), MESSAGE_LENGTH)


def refusal(snapshot: Snapshot) -> IncidentNotice | None:
    """Return the event about a baseline that is not accepted; None if its status gives the same reason already."""
    if not snapshot.violations:
        return None
    message = refusal_message(snapshot.violations)
    stored = find_condition(snapshot.baseline.status.conditions, "Accepted")
    return None if stored is not None and stored.message == message else IncidentNotice(REASON, message)


def refusal_id(notice: IncidentNotice, snapshot: Snapshot) -> str:
    """Return the name of that event: the same when the decision is repeated."""
    metadata = snapshot.baseline.metadata
    return f"{metadata.name[:200]}.{fingerprint(metadata.uid, metadata.generation, notice.message)[:16]}"
