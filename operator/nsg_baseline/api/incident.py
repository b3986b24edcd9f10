"""NSGIncident: a period of drift, written by the operator. It also records the delivered notifications."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from nsg_baseline.api.cel import Cel, Extra, rules_of
from nsg_baseline.api.changes import REASON_LENGTH, Attribution, ExposureStatus
from nsg_baseline.api.common import (
    AGE,
    TIME_PATTERN,
    WHOLE,
    Column,
    EffectiveMode,
    Name,
    Resource,
    Severity,
    SpecShape,
    StatusShape,
    Timestamp,
)
from nsg_baseline.api.incident_changes import Acknowledgement, HistoryEntry, IncidentChange, IncidentResolution

IncidentKind = Literal["Drift", "Unbaselined", "WatchLost", "Guardrail"]
IncidentState = Literal["Open", "Resolved"]
CallerKind = Literal["User", "ServicePrincipal", "ManagedIdentity"]
DetectedBy = Literal["Listing", "Event", "ActivityLog"]
ActionKind = Literal["Remediated", "Blocked"]
IncidentEvent = Literal[
    "Opened", "Updated", "Escalated", "Eased", "Attributed", "Remediated", "Blocked", "Acknowledged", "Resolved"
]


def _fixed(field: str) -> Cel:
    """Return the rule that a field cannot be changed, added or removed."""
    new, old = f"self.{field}", f"oldSelf.{field}"
    return Cel(
        f"has({new}) == has({old}) && (!has({new}) || {new} == {old})",
        f"{field} cannot change; the operator opens a separate incident for another subject",
        f".{field}",
    )


_FIXED = ("kind", "scope", "subscription", "baseline", "guardrail", "nsg")


class Acknowledged(SpecShape):
    """An acknowledgement of the changes that are open when it is given. It stops reminders about them."""

    by: Annotated[str, Field(description="Person who acknowledged the incident.", min_length=1, max_length=256)]
    note: Annotated[str, Field(description="Note of that person.", max_length=1024)] = ""
    revision: Annotated[
        int | None,
        Field(
            description="Revision of the incident that this person saw. Changes of later revisions are not covered. "
            "If unset, the changes are covered that are open when the operator reads the acknowledgement.",
            ge=1,
        ),
        WHOLE,
    ] = None
    until: Annotated[
        Timestamp | None,
        Extra({"pattern": TIME_PATTERN}),
        Field(description="Time at which the acknowledgement ends and reminders continue. If unset, it does not end."),
    ] = None


class IncidentSpec(SpecShape):
    """What the incident is about. Users write `acknowledged` only."""

    model_config = ConfigDict(json_schema_extra=rules_of(*map(_fixed, _FIXED)))

    kind: Annotated[
        IncidentKind,
        Field(
            description="Drift concerns a baseline; Unbaselined and WatchLost concern a scope; Guardrail concerns all "
            "NSGs of a scope that violate one guardrail."
        ),
    ]
    scope: Annotated[Name, Field(description="Name of the scope.")]
    subscription: Annotated[
        str | None,
        Field(description="Id of the subscription of the scope, if the incident concerns a scope.", max_length=36),
    ] = None
    baseline: Annotated[Name | None, Field(description="Name of the baseline, in the same namespace.")] = None
    guardrail: Annotated[Name | None, Field(description="Name of the guardrail.")] = None
    nsg: Annotated[str | None, Field(description="Resource id of the NSG.", max_length=512)] = None
    acknowledged: Annotated[
        Acknowledged | None, Field(description="Acknowledgement of what is open now. Set it to stop reminders.")
    ] = None


class Action(StatusShape):
    """A remediation that the operator wrote, or the reason why it is blocked."""

    kind: Annotated[ActionKind, Field(description="Remediated or Blocked.")]
    at: Annotated[Timestamp, Field(description="Time of the event.")]
    reason: Annotated[str, Field(description="Reason in PascalCase.", max_length=128)]
    message: Annotated[str, Field(description="Explanation of the reason.", max_length=1024)] = ""


class Caller(StatusShape):
    """An identity that changed something, according to the Azure Activity Log."""

    name: Annotated[str, Field(description="Sign-in name of a user, or name or id of an application.", max_length=256)]
    kind: Annotated[CallerKind, Field(description="Type of the identity.")]
    client: Annotated[
        str | None,
        Field(
            description="Client application such as the Azure portal or the Azure CLI, if it is known.", max_length=128
        ),
    ] = None
    address: Annotated[str | None, Field(description="IP address of the caller.", max_length=64)] = None
    at: Annotated[Timestamp, Field(description="Time of the event.")]
    operation: Annotated[str, Field(description="Name of the Azure operation.", max_length=256)]
    rule: Annotated[
        str | None, Field(description="Name of the rule, if the operation was on a rule.", max_length=128)
    ] = None
    correlation_id: Annotated[str, Field(description="Correlation id of the request in Azure.", max_length=64)]
    certain: Annotated[
        bool,
        Field(description="Whether the Activity Log proves that this identity made a change. Otherwise it may have."),
    ] = False


class Delivery(StatusShape):
    """Notifications that one route has delivered."""

    route: Annotated[
        str,
        Field(
            description="Namespace and name of the route, and the group of its channels if it has any.", max_length=350
        ),
    ]
    revision: Annotated[int, Field(description="Revision of the last notification.", ge=0)]
    at: Annotated[Timestamp, Field(description="Time of the event.")]
    first_at: Annotated[Timestamp | None, Field(description="Time of the first notification.")] = None
    pending_channels: Annotated[
        dict[str, int] | None,
        Field(
            description="Channels that have not received this revision, by the fingerprint of their URL, "
            "with their last revision.",
            max_length=100,
        ),
    ] = None
    threads: Annotated[
        dict[str, str] | None,
        Field(
            description="Key of the shared alert or ticket by channel fingerprint; empty if the incident has its own.",
            max_length=100,
        ),
    ] = None
    reminders: Annotated[int, Field(description="Number of reminders since this revision.", ge=0)] = 0


class IncidentStatus(StatusShape):
    """State of the incident."""

    state: Annotated[IncidentState | None, Field(description="Open or Resolved.")] = None
    revision: Annotated[int, Field(description="Number of the latest event. Each event increases it.", ge=0)] = 0
    event: Annotated[IncidentEvent | None, Field(description="Latest event of the incident.")] = None
    events: Annotated[
        tuple[IncidentEvent, ...],
        Field(description="Events of the latest revisions, the latest last.", max_length=50, strict=False),
    ] = ()
    severity: Annotated[Severity | None, Field(description="Severity of what is open now, or was last.")] = None
    highest_severity: Annotated[Severity | None, Field(description="Highest severity of the incident so far.")] = None
    severity_reason: Annotated[
        str | None,
        Field(description="Reason for the severity, with the rule that determines it.", max_length=REASON_LENGTH),
    ] = None
    opened_at: Annotated[Timestamp | None, Field(description="Time at which the drift was first seen.")] = None
    detected_by: Annotated[
        DetectedBy | None,
        Field(
            description="How the drift was detected: by a listing of the scope, by an event of Azure, or in the "
            "Activity Log after it ended."
        ),
    ] = None
    updated_at: Annotated[Timestamp | None, Field(description="Time of the latest event.")] = None
    resolved_at: Annotated[Timestamp | None, Field(description="Time at which the incident was resolved.")] = None
    resolution: Annotated[
        IncidentResolution | None,
        Field(description="How the incident was resolved. Noted: it was never open, and only reports something once."),
    ] = None
    summary: Annotated[str | None, Field(description="The incident in one line.", max_length=1024)] = None
    change_count: Annotated[int | None, Field(description="Number of changes.", ge=0)] = None
    changes: Annotated[
        tuple[IncidentChange, ...],
        Field(
            description="Open changes, the most severe first. Long lists are truncated. Of a resolved incident, the "
            "changes that were open until its end.",
            max_length=1000,
            strict=False,
        ),
    ] = ()
    ended_changes: Annotated[
        tuple[IncidentChange, ...],
        Field(
            description="Changes that ended while the incident remained open, the latest last. If there are too many, "
            "those of the lowest severity are removed first.",
            max_length=100,
            strict=False,
        ),
    ] = ()
    history: Annotated[
        tuple[HistoryEntry, ...],
        Field(
            description="What happened in the incident, the latest last. If there are too many entries, those of the "
            "lowest severity are removed first.",
            max_length=200,
            strict=False,
        ),
    ] = ()
    exposure: Annotated[
        tuple[ExposureStatus, ...],
        Field(description="Traffic that the changes newly allow or deny.", max_length=50, strict=False),
    ] = ()
    fingerprints: Annotated[
        tuple[Annotated[str, Field(max_length=32)], ...],
        Field(description="Fingerprint of each change; used to recognise new changes.", max_length=10000, strict=False),
    ] = ()
    actions: Annotated[
        tuple[Action, ...],
        Field(
            description="Remediations written, and reasons why they are blocked, the latest last.",
            max_length=20,
            strict=False,
        ),
    ] = ()
    effective_mode: Annotated[
        EffectiveMode | None,
        Field(description="Mode of the baseline in effect. Enforce: the operator restores the approved rules."),
    ] = None
    blocked_since: Annotated[
        Timestamp | None, Field(description="Time since which the remediation is blocked; unset if it is not.")
    ] = None
    attribution: Annotated[
        Attribution | None,
        Field(
            description="Found: the Activity Log proves the author of each change. Uncertain: it names identities that "
            "may have made them. NotFound: it names no identity. Unset while the log is searched."
        ),
    ] = None
    changed_by: Annotated[
        tuple[Caller, ...],
        Field(
            description="Identities that made the changes or may have made them, the latest first.",
            max_length=20,
            strict=False,
        ),
    ] = ()
    reopen_count: Annotated[
        int, Field(description="Number of times the drift reappeared within minutes of its end.", ge=0)
    ] = 0
    quiet_since: Annotated[
        Timestamp | None,
        Field(
            description="Time since which drift that keeps reappearing is absent. The incident is "
            "resolved if it stays absent."
        ),
    ] = None
    acknowledged_at: Annotated[
        Timestamp | None,
        Field(description="Time of the acknowledgement that covers everything that is open; unset if none does."),
    ] = None
    acknowledgement: Annotated[
        Acknowledgement | None, Field(description="Acknowledgement that the operator recorded last.")
    ] = None
    deliveries: Annotated[
        tuple[Delivery, ...],
        Field(
            description="Notifications that each route has delivered.",
            max_length=200,
            strict=False,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["route"]},
        ),
    ] = ()


class NSGIncident(Resource):
    """Period of drift, of NSGs without a baseline, of a scope that cannot be read, or of a violated guardrail."""

    plural: ClassVar[str] = "nsgincidents"
    short_names: ClassVar[tuple[str, ...]] = ("nsgi",)
    columns: ClassVar[tuple[Column, ...]] = (
        Column(name="Kind", path=".spec.kind", description="Drift, Unbaselined, WatchLost or Guardrail."),
        Column(name="State", path=".status.state", description="Open or Resolved."),
        Column(name="Severity", path=".status.severity", description="Severity of what is open now, or was last."),
        Column(name="Summary", path=".status.summary", description="The incident in one line."),
        AGE,
        Column(name="Scope", path=".spec.scope", priority=1, description="Name of the scope."),
        Column(name="Event", path=".status.event", priority=1, description="Latest event of the incident."),
    )
    initial_status: ClassVar[dict[str, Any]] = {
        "state": "Open",
        "event": "Opened",
        "revision": 0,
        "severity": "info",
        "summary": "Waiting for the operator to record the changes",
    }

    kind: Literal["NSGIncident"] = "NSGIncident"
    spec: IncidentSpec
    status: IncidentStatus = IncidentStatus()
