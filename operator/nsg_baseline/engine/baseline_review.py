"""The review of a baseline before the API server stores it: does it violate a guardrail?"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import InvalidObject, read
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.assignment import scope_of
from nsg_baseline.core.guardrails import Guardrail, NSGFacts, Violation, applying, approved_violations
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.text.guardrail_lines import document, lines
from nsg_baseline.core.text.phrasing import cut
from nsg_baseline.core.traffic.tags import TagTable
from nsg_baseline.engine.baseline_claims import readable, scopes
from nsg_baseline.engine.guardrail_catalog import GuardrailCatalog
from nsg_baseline.kube.admission import Review
from nsg_baseline.kube.store import Store

MESSAGE_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class BaselineReviewer:
    """Reviews baselines with the guardrails in the store. The live tags of an NSG are not known here."""

    store: Store
    catalog: GuardrailCatalog
    severity_config: SeverityConfig
    clock: Callable[[], datetime]

    async def __call__(self, new: Mapping[str, Any], old: Mapping[str, Any] | None) -> Review:
        """Return the answer about a baseline. A violation that the previous version had only causes a warning.

        Otherwise a baseline that violates a guardrail of today could be repaired only in one step.
        """
        current = readable(scopes(self.store))
        conditions = _Conditions(self.catalog.current().guardrails, current, self.clock(), self.severity_config.tags)
        check = partial(_violations, conditions)
        # A large baseline must not block the event loop.
        violations = await asyncio.to_thread(check, new)
        if not violations:
            return Review()
        before = await asyncio.to_thread(check, old) if old is not None else ()
        stored = [document(violation) for violation in before]
        added = [violation for violation in violations if document(violation) not in stored]
        if added:
            text = cut("; ".join(lines(added)), MESSAGE_LENGTH)
            return Review(refusal=f"{text}. See kubectl get nsgguardrail {added[0].guardrail} -o yaml")
        return Review(warnings=lines(violations))


@dataclass(frozen=True, slots=True)
class _Conditions:
    guardrails: tuple[Guardrail, ...]
    scopes: tuple[NSGScope, ...]
    now: datetime
    tags: TagTable | None


def _violations(conditions: _Conditions, manifest: Mapping[str, Any]) -> tuple[Violation, ...]:
    try:
        spec = read(NSGBaseline, {**manifest, "status": {}}).spec
    except InvalidObject:
        # The API server checks the schema, and the reconcile reports the rest.
        return ()
    nsg = NSGId.parse(spec.target.resource_id)
    scope = scope_of(nsg, conditions.scopes)
    facts = NSGFacts(nsg, scope.metadata.name if scope is not None else None, {}, spec.tags or {})
    guardrails = applying(conditions.guardrails, facts, conditions.now)
    return approved_violations(guardrails, spec, conditions.now, conditions.tags)
