"""Stores the result of the guardrails: incidents of each scope, and the status of each guardrail over all scopes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nsg_baseline.api.common import ObjectKey, Resource
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.guardrail_status import GuardrailStatus
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.core.guardrail_decisions import (
    GuardrailObservation,
    GuardrailResult,
    decide_guardrails,
    guardrail_status,
    invalid_guardrail_status,
)
from nsg_baseline.engine.guardrail_catalog import GuardrailCatalog
from nsg_baseline.engine.incident_recorder import IncidentRecorder
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scope_snapshot import ScopeSnapshot
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Stored, resource

Results = Mapping[str, GuardrailResult]


async def report_violations(
    dependencies: Dependencies, snapshot: ScopeSnapshot, results: Results, *, is_complete: bool
) -> None:
    """Store the incidents about guardrails in a scope.

    Raises:
        KubeError: something could not be stored; the next reconcile does it again.
    """
    records, scope = dependencies.records, snapshot.scope
    incidents = records.incidents.about_guardrails(scope.metadata.name)
    now = dependencies.clock()
    observation = GuardrailObservation(now, dependencies.namespace, scope, is_complete, results, incidents)
    for step in decide_guardrails(observation):
        about = _guardrail(records, step.subject.guardrail or "") or scope
        await IncidentRecorder(records).carry_out(step, about, now)


def _guardrail(records: Records, name: str) -> Resource | None:
    stored = records.store.find(NSGGuardrail, ObjectKey("", name))
    try:
        return resource(NSGGuardrail, stored) if stored is not None else None
    except InvalidObject:
        return None


@dataclass(slots=True)
class GuardrailBoard:
    """The results of all scopes, from which the status of each guardrail is computed."""

    records: Records
    catalog: GuardrailCatalog
    clock: Callable[[], datetime]
    _results: dict[str, Results] = field(default_factory=dict)
    _scopes: frozenset[str] = frozenset()

    def match_scopes(self, scopes: frozenset[str]) -> None:
        """Set the names of all scopes, and forget the results of others."""
        self._scopes = scopes
        self._results = {name: results for name, results in self._results.items() if name in scopes}

    async def report(self, scope: str, results: Results) -> None:
        """Store the statuses that the results of a scope change.

        Until each scope has a result, only invalid guardrails get a status: a count over some scopes would mislead.

        Raises:
            KubeError: a status could not be stored; the next reconcile does it again.
        """
        self._results[scope] = results
        for stored, error in self.catalog.invalid():
            status, generation = _stored_status(stored)
            after = invalid_guardrail_status(status, str(error), generation, self.clock())
            await self.records.save_status(NSGGuardrail, stored.key, after)
        if self._scopes <= self._results.keys():
            for guardrail in self.catalog.current().guardrails:
                await self._save(guardrail.name)

    async def _save(self, name: str) -> None:
        key = ObjectKey("", name)
        stored = self.records.store.find(NSGGuardrail, key)
        by_scope = [results[name] for results in self._results.values() if name in results]
        # A scope that has not checked a new guardrail yet has no result for it.
        if stored is not None and len(by_scope) == len(self._results):
            status, generation = _stored_status(stored)
            await self.records.save_status(
                NSGGuardrail, key, guardrail_status(status, by_scope, generation, self.clock())
            )


def _stored_status(stored: Stored) -> tuple[GuardrailStatus, int]:
    document = stored.document()
    generation = int(document["metadata"].get("generation") or 0)
    return GuardrailStatus.model_validate(document.get("status") or {}), generation
