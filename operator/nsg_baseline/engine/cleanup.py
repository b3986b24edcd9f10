"""Statuses and incidents that no pass will touch: refused baselines, broken scopes, incidents about what is gone."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import BaselineStatus
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.scope import NSGScope, ScopeStatus
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.core.assignment import Refusal
from nsg_baseline.core.decisions.baseline_status import suspended, unreconciled
from nsg_baseline.core.observations import Failure
from nsg_baseline.core.scope_decisions import invalid_scope_status
from nsg_baseline.engine.baseline_claims import readable, scopes
from nsg_baseline.engine.incident_recorder import IncidentRecorder
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Stored

# A scope that is gone or wrong may be back in a minute; what another one says of the NSG is said.
_FINAL = ("NamespaceNotAllowed", "Conflict")
KEPT_FOR = timedelta(days=30)
KEPT_EACH = 20


async def report_refused_baselines(records: Records, refused: Mapping[ObjectKey, Refusal], now: datetime) -> None:
    """Say on each refused baseline why it is not looked at.

    Raises:
        KubeError: one could not be recorded.
    """
    for key, refusal in refused.items():
        stored = records.store.find(NSGBaseline, key)
        if stored is None:
            continue
        document = stored.document()
        known = BaselineStatus.model_validate(document.get("status") or {})
        generation = int(document["metadata"].get("generation") or 0)
        if refusal.reason == "Suspended":
            after = suspended(known, generation, now)
        else:
            after = unreconciled(known, Failure(refusal.reason, refusal.message), generation, now)
        await records.save_status(NSGBaseline, key, after)


async def report_invalid_baselines(records: Records, stored: Stored, error: InvalidObject, now: datetime) -> None:
    """Say on a scope what is wrong with it.

    Raises:
        KubeError: it could not be recorded.
    """
    document = stored.document()
    known = ScopeStatus.model_validate(document.get("status") or {})
    generation = int(document["metadata"].get("generation") or 0)
    after = invalid_scope_status(known, str(error), generation, now)
    await records.save_status(NSGScope, stored.key, after)


async def resolve_orphans(records: Records, refused: Mapping[ObjectKey, Refusal], now: datetime) -> None:
    """Resolve incidents whose baseline or scope is gone, or whose baseline may not speak for its NSG any more.

    Raises:
        KubeError: one could not be recorded.
    """
    # Of a scope that is gone or wrong for a minute another may take over, which says no.
    there = frozenset(one.metadata.name for one in readable(list(scopes(records.store))))
    recorder = IncidentRecorder(records)
    for incident in records.incidents.all():
        if incident.status.state != "Resolved" and not _has_subject(records, refused, there, incident):
            await recorder.resolve(incident, "TargetRemoved", now)


async def prune_incidents(records: Records, now: datetime) -> None:
    """Delete resolved incidents that are 30 days old, and of each subject all but the latest 20.

    Raises:
        KubeError: one could not be deleted.
    """
    recorder = IncidentRecorder(records)
    kept: dict[tuple[str, str, str], int] = {}
    for incident in sorted(records.incidents.all(), key=_resolved_at, reverse=True):
        at = incident.status.resolved_at
        if incident.status.state != "Resolved" or at is None:
            continue
        subject = (incident.metadata.namespace, incident.spec.kind, incident.spec.baseline or incident.spec.scope)
        kept[subject] = kept.get(subject, 0) + 1
        if kept[subject] > KEPT_EACH or now - at > KEPT_FOR:
            await recorder.delete(incident)


def _resolved_at(incident: NSGIncident) -> float:
    at = incident.status.resolved_at
    return at.timestamp() if at is not None else 0.0


def _has_subject(
    records: Records, refused: Mapping[ObjectKey, Refusal], scopes_there: frozenset[str], incident: NSGIncident
) -> bool:
    store = records.store
    if incident.spec.baseline is not None:
        key = ObjectKey(incident.metadata.namespace, incident.spec.baseline)
        refusal = refused.get(key)
        if refusal is not None and refusal.reason in _FINAL and incident.spec.scope in scopes_there:
            return False
        return store.find(NSGBaseline, key) is not None
    return store.find(NSGScope, ObjectKey("", incident.spec.scope)) is not None
