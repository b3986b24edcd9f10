"""What guardrails mean for a baseline: one that violates a guardrail is not accepted, and not enforced."""

from collections.abc import Sequence

from nsg_baseline.core.decisions.snapshot import Snapshot
from nsg_baseline.core.guardrails import Guardrail, NSGFacts, Violation, applying, approved_violations
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.guardrail_lines import lines

REASON = "GuardrailViolated"


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
