"""Merges unsaved changes of a status with the status that the API server has."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from nsg_baseline.api.changes import ChangeStatus
from nsg_baseline.api.common import Resource
from nsg_baseline.api.incident import Delivery, IncidentStatus, NSGIncident
from nsg_baseline.core.attribution import carried, overall
from nsg_baseline.core.incident_history import merged
from nsg_baseline.core.incidents import SHOWN_ACTIONS, SHOWN_EVENTS


def merged_status(
    kind: type[Resource], base: Mapping[str, Any], local: Mapping[str, Any], remote: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the status to store.

    Args:
        kind: the kind of the object. Only the statuses of incidents have several writers.
        base: the status of the API server before the local changes.
        local: the status with the local changes.
        remote: the current status of the API server.
    """
    if local in (base, remote):
        return remote
    if kind is not NSGIncident or remote == base:
        return local
    try:
        statuses = [IncidentStatus.model_validate(status) for status in (base, local, remote)]
    except ValidationError:
        # An edit made it invalid. It is not updated, and no notification is sent, until it is corrected.
        return remote
    return merged_incident(*statuses).document()


def merged_incident(base: IncidentStatus, local: IncidentStatus, remote: IncidentStatus) -> IncidentStatus:
    """Return the local status with the deliveries, actions and callers that others stored since `base`."""
    updates: dict[str, object] = {"deliveries": _deliveries(base, local, remote)}
    if remote.actions != base.actions:
        own_actions = [action for action in local.actions if action not in base.actions + remote.actions]
        updates["actions"] = (*remote.actions, *own_actions)[-SHOWN_ACTIONS:]
    if remote.revision > base.revision:
        # Two changes with the same revision would be notified only once.
        updates["revision"] = remote.revision + local.revision - base.revision
        own = local.revision - base.revision
        updates["events"] = (*remote.events, *(local.events[-own:] if own > 0 else ()))[-SHOWN_EVENTS:]
    if remote.history != base.history:
        updates["history"] = merged(base, local, remote)
    if local.model_copy(update={"deliveries": base.deliveries}) == base:
        return remote.model_copy(update=updates)
    return local.model_copy(update=updates | _authors(base, local, remote))


def _authors(base: IncidentStatus, local: IncidentStatus, remote: IncidentStatus) -> dict[str, object]:
    changes = _attributed(local.changes, remote.changes)
    updates: dict[str, object] = {"changes": changes}
    if remote.changed_by != base.changed_by and local.changed_by == base.changed_by:
        updates["changed_by"] = remote.changed_by
    if any(change.fingerprint for change in changes):
        updates["attribution"] = overall(changes)
    elif remote.attribution != base.attribution and local.attribution == base.attribution:
        updates["attribution"] = remote.attribution
    return updates


def _attributed(local: Iterable[ChangeStatus], remote: Iterable[ChangeStatus]) -> tuple[ChangeStatus, ...]:
    """Return the local changes with the authors of both. A change that appeared again since has another author."""
    stored = {(change.fingerprint, change.since): change for change in remote if change.fingerprint}
    return tuple(_with_author(change, stored.get((change.fingerprint or "", change.since))) for change in local)


def _with_author(change: ChangeStatus, remote: ChangeStatus | None) -> ChangeStatus:
    is_answered = remote is not None and (remote.attribution is not None or not change.changed_by)
    return carried(change, remote) if remote is not None and is_answered and change.attribution is None else change


def _deliveries(base: IncidentStatus, local: IncidentStatus, remote: IncidentStatus) -> tuple[Delivery, ...]:
    """Return the deliveries of both statuses. Of each route, the local delivery is kept if it changed since `base`."""
    before = {delivery.route: delivery for delivery in base.deliveries}
    own = {entry.route: entry for entry in local.deliveries if entry != before.get(entry.route)}
    others = (entry for entry in remote.deliveries if entry.route not in own)
    return (*others, *own.values())


def with_deliveries_only(base: Mapping[str, Any], local: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the status `base` of an incident with the deliveries of `local`."""
    before, after = IncidentStatus.model_validate(base), IncidentStatus.model_validate(local)
    return before.model_copy(update={"deliveries": _deliveries(before, after, before)}).document()
