"""What a baseline approves against guardrails."""

from collections.abc import Iterable
from datetime import datetime

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.classification import classify
from nsg_baseline.core.guardrails.check import Guardrail, Violation, violations
from nsg_baseline.core.guardrails.matching import NSGFacts, applies, is_excepted
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.nsg import parse_approved
from nsg_baseline.core.traffic.tags import TagTable


def applying(guardrails: Iterable[Guardrail], facts: NSGFacts, now: datetime) -> tuple[Guardrail, ...]:
    """Return the guardrails that an NSG must fulfil now: those that apply and that it has no exception from."""
    return tuple(
        guardrail
        for guardrail in guardrails
        if applies(guardrail.spec, facts) and not is_excepted(guardrail.spec, facts.nsg, now)
    )


def approved_facts(spec: BaselineSpec, scope: str | None = None) -> NSGFacts:
    """Return what a baseline says about its NSG. Tags that it does not approve are not known."""
    return NSGFacts(NSGId.parse(spec.target.resource_id), scope, spec.tags)


def approved_violations(
    guardrails: Iterable[Guardrail], spec: BaselineSpec, now: datetime, tags: TagTable | None = None
) -> tuple[Violation, ...]:
    """Return the violations by the rules that a baseline approves, without and with its running exceptions."""
    guardrails = tuple(guardrails)
    if not guardrails:
        return ()
    approved = parse_approved(spec)
    permanent = violations(guardrails, approved.rules, tags)
    excepted = tuple(exception.rule for exception in approved.exceptions)
    if not excepted:
        return permanent
    reported = {_identity(violation) for violation in permanent}
    temporary = violations(guardrails, classify(approved, excepted, now).approved, tags)
    return (*permanent, *(violation for violation in temporary if _identity(violation) not in reported))


def _identity(violation: Violation) -> tuple[str, str, str | None]:
    return violation.guardrail, violation.clause, violation.rule.key if violation.rule is not None else None
