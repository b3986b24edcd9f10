"""Guardrails: `violations(guardrails, rules)` says which traffic of an NSG violates them, exactly. Pure."""

from nsg_baseline.core.guardrails.approval import applying, approved_facts, approved_violations
from nsg_baseline.core.guardrails.check import Guardrail, Violation, compiled, violations
from nsg_baseline.core.guardrails.guardrail_set import GuardrailSet
from nsg_baseline.core.guardrails.matching import NSGFacts, applies, is_excepted

__all__ = [
    "Guardrail",
    "GuardrailSet",
    "NSGFacts",
    "Violation",
    "applies",
    "applying",
    "approved_facts",
    "approved_violations",
    "compiled",
    "is_excepted",
    "violations",
]
