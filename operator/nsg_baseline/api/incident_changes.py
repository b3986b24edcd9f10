"""The changes and the history of an incident, as its status stores them."""

from typing import Annotated, Literal

from pydantic import Field

from nsg_baseline.api.changes import ChangeStatus, ExposureStatus
from nsg_baseline.api.common import Severity, StatusShape, Timestamp

Resolution = Literal["Reverted", "Remediated", "Approved", "Tolerated", "TargetRemoved", "TakenOver"]
IncidentResolution = Literal[Resolution, "Noted"]
ChangeEnd = Literal["Reverted", "Remediated", "Approved", "Tolerated", "TargetRemoved", "TakenOver", "Replaced"]
HistoryKind = Literal[
    "Appeared",
    "GotWorse",
    "WentAway",
    "Restored",
    "Blocked",
    "Acknowledged",
    "AcknowledgementEnded",
    "Attributed",
    "Notified",
    "Reopened",
    "Resolved",
]
HISTORY_TEXT_LENGTH = 300
OWN_REASON_LENGTH = 256


class IncidentChange(ChangeStatus):
    """A change of an incident: when it appeared, what it does by itself, and how it ended."""

    exposure: Annotated[
        tuple[ExposureStatus, ...],
        Field(description="Traffic that this change decides by itself.", max_length=2, strict=False),
    ] = ()
    reason: Annotated[
        str | None, Field(description="Reason for the severity of this change.", max_length=OWN_REASON_LENGTH)
    ] = None
    appeared_in: Annotated[int, Field(description="Revision of the incident in which the change appeared.", ge=0)] = 0
    acknowledged: Annotated[bool, Field(description="Whether the acknowledgement covers the change.")] = False
    recurrences: Annotated[
        int, Field(description="Number of times the change reappeared within minutes of its end.", ge=0)
    ] = 0
    absent_since: Annotated[
        Timestamp | None,
        Field(description="Time since which a change that keeps reappearing is absent. It ends if it stays absent."),
    ] = None
    ended_at: Annotated[Timestamp | None, Field(description="Time at which the change was no longer present.")] = None
    ended_in: Annotated[
        int | None, Field(description="Revision of the incident in which the change was gone.", ge=0)
    ] = None
    ended: Annotated[
        ChangeEnd | None, Field(description="How the change ended. Replaced: another change of the rule followed.")
    ] = None


class HistoryEntry(StatusShape):
    """Something that happened in an incident."""

    at: Annotated[Timestamp, Field(description="Time of the entry.")]
    kind: Annotated[HistoryKind, Field(description="What happened.")]
    severity: Annotated[Severity, Field(description="Severity of the change, or of the incident at that time.")]
    text: Annotated[str, Field(description="Details in one line.", max_length=HISTORY_TEXT_LENGTH)] = ""


class Acknowledgement(StatusShape):
    """The acknowledgement that the operator recorded last."""

    at: Annotated[Timestamp, Field(description="Time at which it was recorded.")]
    by: Annotated[str, Field(description="Person who acknowledged the incident.", max_length=256)]
    note: Annotated[str, Field(description="Note of that person.", max_length=1024)] = ""
    revision: Annotated[
        int | None, Field(description="Revision of the incident up to which it covers changes.", ge=0)
    ] = None
    until: Annotated[Timestamp | None, Field(description="Time at which it ends; unset if it does not end.")] = None
