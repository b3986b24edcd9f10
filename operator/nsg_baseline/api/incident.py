"""NSGIncident: a stretch of time in which one NSG deviates. Written by the operator; also its outbox."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from nsg_baseline.api.cel import Cel, rules_of
from nsg_baseline.api.changes import REASON_LENGTH, ChangeStatus, ExposureStatus
from nsg_baseline.api.common import AGE, Column, Name, Resource, Severity, SpecShape, StatusShape, Timestamp

IncidentKind = Literal["Drift", "Unbaselined", "WatchLost"]
IncidentState = Literal["Open", "Resolved"]
Resolution = Literal["Reverted", "Remediated", "Approved", "Tolerated", "TargetRemoved"]
CallerKind = Literal["User", "ServicePrincipal", "ManagedIdentity"]
Attribution = Literal["Found", "NotFound"]
ActionKind = Literal["Remediated", "Blocked"]
IncidentEvent = Literal["Opened", "Updated", "Attributed", "Remediated", "Acknowledged", "Resolved"]


def _fixed(field: str) -> Cel:
    """What an incident is about never changes; an absent field stays absent."""
    mine, old = f"self.{field}", f"oldSelf.{field}"
    return Cel(
        f"has({mine}) == has({old}) && (!has({mine}) || {mine} == {old})",
        f"{field} cannot change: the operator opens another incident for anything else",
        f".{field}",
    )


class Acknowledged(SpecShape):
    """Somebody knows. It stops reminders."""

    by: Annotated[str, Field(description="Who.", min_length=1, max_length=256)]
    note: Annotated[str, Field(description="What they say.", max_length=1024)] = ""


class IncidentSpec(SpecShape):
    """What the incident is about. Only `acknowledged` is the users' to write."""

    model_config = ConfigDict(json_schema_extra=rules_of(*map(_fixed, ("kind", "scope", "baseline", "nsg"))))

    kind: Annotated[IncidentKind, Field(description="Drift of one baseline, or Unbaselined or WatchLost of a scope.")]
    scope: Annotated[Name, Field(description="Name of the scope.")]
    baseline: Annotated[Name | None, Field(description="Name of the baseline, in this namespace.")] = None
    nsg: Annotated[str | None, Field(description="Id of the NSG.", max_length=512)] = None
    acknowledged: Annotated[Acknowledged | None, Field(description="Set it to stop reminders.")] = None


class Action(StatusShape):
    """What the operator did, or why it did not."""

    kind: Annotated[ActionKind, Field(description="What became of it.")]
    at: Annotated[Timestamp, Field(description="When.")]
    reason: Annotated[str, Field(description="Why, as one word.", max_length=128)]
    message: Annotated[str, Field(description="Why, in words.", max_length=1024)] = ""


class Caller(StatusShape):
    """Who changed something, by Azure's Activity Log."""

    name: Annotated[
        str, Field(description="Sign-in name of a user, else the name or id of an application.", max_length=256)
    ]
    kind: Annotated[CallerKind, Field(description="What it is.")]
    client: Annotated[
        str | None, Field(description="By what: the portal, the CLI and so on, where it is known.", max_length=128)
    ] = None
    address: Annotated[str | None, Field(description="From which address.", max_length=64)] = None
    at: Annotated[Timestamp, Field(description="When.")]
    operation: Annotated[str, Field(description="Azure's name of what was done.", max_length=256)]
    rule: Annotated[str | None, Field(description="Name of the rule, where it was one.", max_length=128)] = None
    correlation_id: Annotated[str, Field(description="Azure's id of the request.", max_length=64)]


class Delivery(StatusShape):
    """What one route has been told."""

    route: Annotated[str, Field(description="Namespace and name of the route.", max_length=320)]
    revision: Annotated[int, Field(description="The revision that it was told last.", ge=0)]
    at: Annotated[Timestamp, Field(description="When.")]
    first_at: Annotated[Timestamp | None, Field(description="When it was told of the incident at all.")] = None
    pending_channels: Annotated[
        dict[str, int] | None,
        Field(
            description="Channels of the route that lack this revision, by a mark of their URL, with what they have.",
            max_length=100,
        ),
    ] = None
    threads: Annotated[
        dict[str, str] | None,
        Field(
            description="By a mark of a channel's URL: the alert or ticket shared with others; empty for its own.",
            max_length=100,
        ),
    ] = None
    reminders: Annotated[int, Field(description="How often it was reminded since.", ge=0)] = 0


class IncidentStatus(StatusShape):
    """How the incident stands."""

    state: Annotated[IncidentState | None, Field(description="Open, or Resolved.")] = None
    revision: Annotated[int, Field(description="Grows whenever there is something to tell.", ge=0)] = 0
    event: Annotated[IncidentEvent | None, Field(description="What the latest revision tells.")] = None
    severity: Annotated[Severity | None, Field(description="How much all changes together weigh, at their worst.")] = (
        None
    )
    severity_reason: Annotated[
        str | None,
        Field(description="Why they weigh that much, with the rule that weighs most.", max_length=REASON_LENGTH),
    ] = None
    opened_at: Annotated[Timestamp | None, Field(description="When the deviation was first seen.")] = None
    updated_at: Annotated[Timestamp | None, Field(description="When the latest revision was made.")] = None
    resolved_at: Annotated[Timestamp | None, Field(description="When the deviation was gone.")] = None
    resolution: Annotated[Resolution | None, Field(description="How it ended.")] = None
    summary: Annotated[str | None, Field(description="The incident in one line.", max_length=1024)] = None
    change_count: Annotated[int | None, Field(description="How many changes there are.", ge=0)] = None
    changes: Annotated[
        tuple[ChangeStatus, ...], Field(description="The changes, heaviest first.", max_length=1000, strict=False)
    ] = ()
    exposure: Annotated[
        tuple[ExposureStatus, ...], Field(description="Traffic newly allowed or denied.", max_length=50, strict=False)
    ] = ()
    fingerprints: Annotated[
        tuple[Annotated[str, Field(max_length=32)], ...],
        Field(description="One for each change; tells a new change from a known one.", max_length=10000, strict=False),
    ] = ()
    actions: Annotated[
        tuple[Action, ...], Field(description="What the operator did.", max_length=20, strict=False)
    ] = ()
    attribution: Annotated[
        Attribution | None, Field(description="Whether it was found out who did it; absent while it is looked for.")
    ] = None
    changed_by: Annotated[
        tuple[Caller, ...], Field(description="Who did it, the latest first.", max_length=20, strict=False)
    ] = ()
    reopen_count: Annotated[int, Field(description="How often it came back within minutes of its end.", ge=0)] = 0
    quiet_since: Annotated[
        Timestamp | None, Field(description="Since when a flapping deviation is away; it ends when that lasts.")
    ] = None
    acknowledged_at: Annotated[Timestamp | None, Field(description="When somebody acknowledged it.")] = None
    deliveries: Annotated[
        tuple[Delivery, ...],
        Field(
            description="What each route has been told.",
            max_length=200,
            strict=False,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["route"]},
        ),
    ] = ()


class NSGIncident(Resource):
    """A stretch of time in which an NSG deviates from what is approved."""

    plural: ClassVar[str] = "nsgincidents"
    short_names: ClassVar[tuple[str, ...]] = ("nsgi",)
    columns: ClassVar[tuple[Column, ...]] = (
        Column(name="Kind", path=".spec.kind", description="Drift, Unbaselined or WatchLost."),
        Column(name="State", path=".status.state", description="Open or Resolved."),
        Column(name="Severity", path=".status.severity", description="Highest severity of the incident so far."),
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
