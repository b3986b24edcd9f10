"""Reads the users' input again before a write to Azure, because a watch can be interrupted without an error."""

from collections.abc import Iterable

import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import CONFIRM
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.core.assignment import allows, scope_of
from nsg_baseline.core.decisions.write_conditions import Intent
from nsg_baseline.core.guardrails import Guardrail
from nsg_baseline.core.ids import NSGId
from nsg_baseline.engine.baseline_claims import readable, scopes
from nsg_baseline.engine.guardrail_catalog import versions_in_force
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import resource

log = structlog.get_logger(__name__)


async def read_intent(
    records: Records, scope: NSGScope, baseline: NSGBaseline, guardrails: Iterable[Guardrail]
) -> Intent:
    """Return whether the API server still has the scope, the baseline and the guardrails as given.

    The store follows the response. `guardrails` are all that are in force, because a new one may forbid the write.
    """
    try:
        await records.read_again(NSGBaseline, baseline.key)
        await records.list_again(NSGScope)
        await records.list_again(NSGGuardrail)
        allowed = scope.spec.allowed_namespaces
        if allowed is not None and allowed.selector is not None:
            await records.list_namespaces_again()
    except KubeError as error:
        log.warning("intent not read", baseline=baseline.key, reason=error.reason, message=error.message)
        return "Unknown"
    are_guardrails_current = {guardrail.version for guardrail in guardrails} == versions_in_force(records.store)
    is_current = _is_current(records, baseline) and _is_scope_current(records, scope, baseline)
    return "Current" if is_current and are_guardrails_current else "Changed"


def _is_current(records: Records, baseline: NSGBaseline) -> bool:
    stored = records.store.find(NSGBaseline, baseline.key)
    if stored is None:
        return False
    try:
        latest = resource(NSGBaseline, stored)
    except InvalidObject:
        return False
    same_object = latest.metadata.uid == baseline.metadata.uid and latest.metadata.deletion_timestamp is None
    confirmed = latest.metadata.annotations.get(CONFIRM) == baseline.metadata.annotations.get(CONFIRM)
    return same_object and confirmed and latest.spec == baseline.spec


def _is_scope_current(records: Records, scope: NSGScope, baseline: NSGBaseline) -> bool:
    """Return whether the NSG belongs to the same scope, with the same spec, and the namespace is allowed there."""
    latest = scope_of(NSGId.parse(baseline.spec.target.resource_id), readable(scopes(records.store)))
    if latest is None or latest.metadata.uid != scope.metadata.uid or latest.spec != scope.spec:
        return False
    allowed, namespace = latest.spec.allowed_namespaces, baseline.key.namespace
    return allowed is not None and allows(allowed, namespace, records.store.namespaces.get(namespace, {}))
