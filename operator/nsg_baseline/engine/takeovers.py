"""Reports takeovers in both namespaces."""

from collections.abc import Iterable
from datetime import datetime

import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import BaselineStatus
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.core.assignment import scope_of
from nsg_baseline.core.decisions.takeover import decide_loss, reports_loss
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.incident_steps import IncidentStep
from nsg_baseline.engine.baseline_claims import readable, scopes
from nsg_baseline.engine.incident_recorder import REFUSED, IncidentRecorder
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Store, Stored, resource

log = structlog.get_logger(__name__)


def previous_owner_reports(store: Store, baseline: NSGBaseline) -> bool:
    """Return whether the baseline that managed the NSG before still exists and reports its loss itself."""
    owner = baseline.status.managed_by
    stored = store.find(NSGBaseline, ObjectKey(owner.namespace, owner.name)) if owner is not None else None
    return stored is not None and reports_loss(BaselineStatus.model_validate(stored.status()), baseline.key)


async def report_takeover(
    recorder: IncidentRecorder, steps: Iterable[IncidentStep], baseline: NSGBaseline, now: datetime
) -> None:
    """Record a takeover in the namespace of the new owner, and in that of the previous one if it still exists.

    Raises:
        KubeError: the incident of the new owner could not be stored.
    """
    for step in steps:
        if step.subject.namespace == baseline.metadata.namespace:
            await recorder.carry_out(step, baseline, now)
        else:
            await _report_to_previous_owner(recorder, step, _previous_owner(baseline, step), now)


async def report_loss(records: Records, stored: Stored, owner: ObjectKey, now: datetime) -> None:
    """Record that a baseline lost its NSG to an owner in another namespace.

    Raises:
        KubeError: the incident could not be stored.
    """
    try:
        baseline = resource(NSGBaseline, stored)
    except InvalidObject:
        return
    scope = scope_of(NSGId.parse(baseline.spec.target.resource_id), readable(scopes(records.store)))
    if scope is not None:
        step = decide_loss(scope.metadata.name, baseline, owner, now)
        await _report_to_previous_owner(IncidentRecorder(records), step, baseline, now)


async def _report_to_previous_owner(
    recorder: IncidentRecorder, step: IncidentStep | None, about: NSGBaseline, now: datetime
) -> None:
    try:
        await recorder.carry_out(step, about, now)
    except KubeError as error:
        if error.status not in REFUSED:
            raise
        # The namespace may be deleted. That must not delay the reconciles and the reports of other namespaces.
        log.warning("loss not reported", baseline=about.key, reason=error.reason, message=error.message)


def _previous_owner(baseline: NSGBaseline, step: IncidentStep) -> NSGBaseline:
    """Return a baseline with the name of the previous owner, which is deleted, as the subject of an event."""
    place = {"namespace": step.subject.namespace, "name": step.subject.name, "uid": "", "resource_version": ""}
    return baseline.model_copy(update={"metadata": baseline.metadata.model_copy(update=place)})
