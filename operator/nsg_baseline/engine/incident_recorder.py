"""The only writer of incidents and of the Kubernetes events about them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from nsg_baseline.api.common import Resource
from nsg_baseline.api.incident import IncidentStatus, NSGIncident
from nsg_baseline.api.incident_changes import Resolution
from nsg_baseline.core.incident_steps import IncidentNotice, IncidentStep, notice_id
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.core.incidents import resolved
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.records import Records

REFUSED = range(400, 429)
"""HTTP statuses with which the API server refuses a request permanently."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class IncidentRecorder:
    """Opens, updates and resolves incidents."""

    records: Records

    async def carry_out(self, step: IncidentStep | None, about: Resource, now: datetime) -> NSGIncident | None:
        """Store the next state of an incident and return the incident as stored; None without a step.

        The step's Kubernetes events about the object `about` are posted before the status is stored, under names that
        are the same when the step is repeated. An operator that is killed in between repeats the step, so no event is
        lost or posted twice.

        Raises:
            KubeError: something could not be stored; the next reconcile repeats the step.
        """
        if step is None:
            return None
        incident = step.stored
        if incident is None:
            opened_at = step.status.opened_at or now
            incident = await self.records.create_incident(step.subject, step.nsg, opened_at)
        for notice in step.notices:
            await self.post(notice, about, f"{incident.metadata.name}.{notice_id(notice, step.status)}", now)
        return await self.records.update_incident(incident, step.status)

    async def resolve(self, incident: NSGIncident, resolution: Resolution, now: datetime) -> None:
        """Resolve an incident whose subject is gone. Without that object, no Kubernetes event can be posted.

        Raises:
            KubeError: the status could not be stored.
        """
        status = resolved(incident.status, resolution, None, now)
        await self.records.update_incident(incident, status)

    async def amend(self, incident: NSGIncident, change: Callable[[IncidentStatus], IncidentStatus | None]) -> None:
        """Apply a change to an incident's latest status; None changes nothing.

        Raises:
            KubeError: the status could not be stored.
        """
        await self.records.change(incident.key, change)

    async def delete(self, incident: NSGIncident) -> None:
        """Delete an incident.

        Raises:
            KubeError: the incident could not be deleted.
        """
        await self.records.forget(incident)

    def about(self, subject: IncidentSubject) -> tuple[NSGIncident, ...]:
        """Return all incidents about a subject, open and resolved."""
        return self.records.incidents.about(subject)

    async def post(self, notice: IncidentNotice, about: Resource, name: str, now: datetime) -> None:
        """Post a Kubernetes event about an object. If an event of that name exists, nothing is posted.

        Raises:
            KubeError: the event could not be stored; the next reconcile repeats it.
        """
        try:
            await self.records.post_event(about, notice.reason, notice.message, now, warning=notice.warning, name=name)
        except KubeError as error:
            if error.status not in REFUSED:
                raise
            # The incident must be stored even without permission to post events, because alerts are sent from it.
            log.warning("event refused", name=name, reason=error.reason, message=error.message)
