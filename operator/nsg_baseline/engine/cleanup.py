"""Statuses and incidents that no reconcile updates: refused baselines, invalid scopes, incidents without a subject."""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache

import structlog

from nsg_baseline.alerts.pending import reached_nobody
from nsg_baseline.alerts.route_groups import members
from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import BaselineReference, BaselineStatus
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.scope import NSGScope, ScopeStatus
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.core.assignment import Refusal
from nsg_baseline.core.decisions.baseline_status import suspended, unreconciled
from nsg_baseline.core.incident_retention import expired
from nsg_baseline.core.observations import Failure
from nsg_baseline.core.scope_decisions import invalid_scope_status
from nsg_baseline.engine.approved_tags import BaselineTags
from nsg_baseline.engine.baseline_claims import readable, scopes
from nsg_baseline.engine.incident_recorder import IncidentRecorder
from nsg_baseline.engine.takeovers import report_loss
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Stored, resource

log = structlog.get_logger(__name__)

# These reasons are final. A missing or invalid scope may return within a minute.
_FINAL = ("NamespaceNotAllowed", "Conflict", "TooManyBaselines")


async def report_refused_baselines(records: Records, refused: Mapping[ObjectKey, Refusal], now: datetime) -> None:
    """Store in the status of each refused baseline why it is not reconciled.

    Raises:
        KubeError: a status could not be saved.
    """
    for key, refusal in refused.items():
        stored = records.store.find(NSGBaseline, key)
        if stored is None:
            continue
        document = stored.document()
        current = BaselineStatus.model_validate(document.get("status") or {})
        generation = int(document["metadata"].get("generation") or 0)
        if refusal.reason == "Suspended":
            after = suspended(current, generation, now)
        else:
            after = unreconciled(current, Failure(refusal.reason, refusal.message), generation, now)
        if refusal.owner is not None:
            # Before the status is saved, because only the previous status shows that the baseline managed the NSG.
            await report_loss(records, stored, refusal.owner, now)
            after = after.model_copy(update={"managed_by": BaselineReference(**refusal.owner._asdict())})
        await records.save_status(NSGBaseline, key, after)


async def report_invalid_scope(records: Records, stored: Stored, error: InvalidObject, now: datetime) -> None:
    """Store the validation error of a scope in its status.

    Raises:
        KubeError: the status could not be saved.
    """
    document = stored.document()
    current = ScopeStatus.model_validate(document.get("status") or {})
    generation = int(document["metadata"].get("generation") or 0)
    after = invalid_scope_status(current, str(error), generation, now)
    await records.save_status(NSGScope, stored.key, after)


async def resolve_orphans(records: Records, refused: Mapping[ObjectKey, Refusal], now: datetime) -> None:
    """Resolve incidents whose baseline or scope was deleted, or whose baseline no longer owns its NSG.

    Raises:
        KubeError: an incident could not be saved.
    """
    # While a scope is missing, a wider scope may refuse its baselines; that refusal resolves nothing.
    scope_names = frozenset(scope.metadata.name for scope in readable(list(scopes(records.store))))
    recorder = IncidentRecorder(records)
    for incident in records.incidents.all():
        if incident.status.state != "Resolved" and not _has_subject(records, refused, scope_names, incident):
            await recorder.resolve(incident, "TargetRemoved", now)


async def prune_incidents(records: Records, operator_namespace: str, now: datetime) -> None:
    """Delete the resolved incidents that are not kept any longer.

    Raises:
        KubeError: an incident could not be deleted.
    """
    recorder, tags = IncidentRecorder(records), BaselineTags(records.store)

    @cache
    def routes() -> tuple[NSGAlertRoute, ...]:
        # Read only if an incident has expired: this runs at each edit of any baseline, and there can be hundreds.
        return tuple(_routes(records))

    def is_undelivered(incident: NSGIncident) -> bool:
        return reached_nobody(routes(), incident, operator_namespace, now, tags.of)

    for incident in expired(records.incidents.all(), now, is_undelivered):
        if is_undelivered(incident):
            log.error("an incident that reached nobody is deleted", incident="/".join(incident.key))
        await recorder.delete(incident)


def _routes(records: Records) -> Iterator[NSGAlertRoute]:
    for stored in records.store.stored(NSGAlertRoute):
        with contextlib.suppress(InvalidObject):
            yield from members(resource(NSGAlertRoute, stored))


def _has_subject(
    records: Records, refused: Mapping[ObjectKey, Refusal], scope_names: frozenset[str], incident: NSGIncident
) -> bool:
    store = records.store
    if incident.spec.baseline is not None:
        key = ObjectKey(incident.metadata.namespace, incident.spec.baseline)
        refusal = refused.get(key)
        if refusal is not None and refusal.reason in _FINAL and incident.spec.scope in scope_names:
            return False
        return store.find(NSGBaseline, key) is not None
    return store.find(NSGScope, ObjectKey("", incident.spec.scope)) is not None
