"""The next stored state of an incident, with the Kubernetes events that report it."""

from collections.abc import Iterable
from dataclasses import dataclass

from nsg_baseline.api.incident import IncidentStatus, NSGIncident
from nsg_baseline.core.changes import fingerprint
from nsg_baseline.core.incident_names import incident_name
from nsg_baseline.core.incident_subject import IncidentSubject


@dataclass(frozen=True, slots=True)
class IncidentNotice:
    """A Kubernetes event about the baseline or the scope of an incident."""

    reason: str
    message: str
    warning: bool = True


@dataclass(frozen=True, slots=True)
class IncidentStep:
    """A change of one incident.

    Attributes:
        subject: what the incident is about.
        stored: the incident as it is stored; None to create one.
        status: its next status.
        nsg: id of the NSG, for a new incident about one.
        notices: events to post, in order.
    """

    subject: IncidentSubject
    stored: NSGIncident | None
    status: IncidentStatus
    nsg: str | None = None
    notices: tuple[IncidentNotice, ...] = ()

    @property
    def name(self) -> str:
        """Name of the incident, stored or new."""
        return self.stored.metadata.name if self.stored is not None else new_name(self.subject, self.status)


def new_name(subject: IncidentSubject, status: IncidentStatus) -> str:
    """Return the name of a new incident.

    Raises:
        ValueError: the status says nothing about when the incident opened.
    """
    if status.opened_at is None:
        raise ValueError(f"the incident about {subject.name} has no time of opening")
    unique = f"{subject.namespace}/{subject.name}"
    return incident_name(subject.kind, subject.name, unique, status.opened_at)


def open_incident(incidents: Iterable[NSGIncident]) -> NSGIncident | None:
    """Return the open incident; the oldest if there are several. One without a stored status counts as open."""
    candidates = (incident for incident in incidents if incident.status.state != "Resolved")
    return min(candidates, key=lambda incident: incident.metadata.name, default=None)


def notice_id(notice: IncidentNotice, status: IncidentStatus) -> str:
    """Return the part of an event's name that identifies it among the events of its incident.

    It is derived from the revision, the fingerprints and the reason, so the same step always gives the same name.
    """
    return f"{status.revision}.{fingerprint(notice.reason, status.fingerprints)[:8]}"
