"""NSGAlertRoute: whom to tell, of what, how often."""

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, StringConstraints

from nsg_baseline.api.cel import Extra
from nsg_baseline.api.common import (
    AGE,
    UNIQUE,
    UNIQUE_RULE,
    WHOLE,
    Column,
    Conditions,
    Resource,
    Severity,
    SpecShape,
    StatusShape,
    condition_column,
    pending_condition,
)
from nsg_baseline.api.durations import Duration, between
from nsg_baseline.api.incident import IncidentKind
from nsg_baseline.api.schema import SERVED_DEFAULT

NotificationEvent = Literal["Opened", "Updated", "Attributed", "Remediated", "Acknowledged", "Resolved", "Reminder"]
ALL_KINDS: tuple[IncidentKind, ...] = ("Drift", "Unbaselined", "WatchLost")
ALL_NOTIFICATION_EVENTS: tuple[NotificationEvent, ...] = get_args(NotificationEvent)


class SecretKey(SpecShape):
    """A key of a Secret in the route's own namespace."""

    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"),
        Field(description="Name of the Secret."),
    ]
    key: Annotated[
        str,
        StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$"),
        Field(description="Key in the Secret."),
    ]


class RouteSpec(SpecShape):
    """Where alerts go."""

    urls_from: Annotated[SecretKey, Field(description="Apprise URLs, one a line.")]
    min_severity: Annotated[
        Severity, Extra({SERVED_DEFAULT: "low"}), Field(description="Ignore incidents below this severity.")
    ] = "low"
    kinds: Annotated[
        tuple[IncidentKind, ...],
        Field(
            description="Kinds of incident to tell of.",
            min_length=1,
            max_length=3,
            strict=False,
        ),
        UNIQUE,
        UNIQUE_RULE,
    ] = ALL_KINDS
    send: Annotated[
        tuple[NotificationEvent, ...],
        Field(
            description="Turns of an incident to tell of.",
            min_length=1,
            max_length=7,
            strict=False,
        ),
        UNIQUE,
        UNIQUE_RULE,
    ] = ALL_NOTIFICATION_EVENTS
    group_wait: Annotated[
        Duration, between("0s", "10m"), Field(description="How long to wait for more before a message is sent.")
    ] = "10s"
    remind_every: Annotated[
        Duration, between("5m", "720h"), Field(description="How often to repeat an open, unacknowledged incident.")
    ] = "24h"
    max_messages_per_hour: Annotated[int, Field(description="Beyond it, one digest.", ge=1, le=1000), WHOLE] = 30
    suspend: Annotated[bool, Field(description="Send nothing.")] = False


class Message(StatusShape):
    """A message on its way to one channel: repeated after a crash, it has the same key."""

    channel: Annotated[str, Field(description="The channel, by a mark of its URL.", max_length=64)]
    key: Annotated[str, Field(description="What repeats of the message are known by.", max_length=400)]
    incidents: Annotated[
        tuple[Annotated[str, Field(max_length=400)], ...],
        Field(description="What it tells, each by the key that it would have alone.", max_length=5000, strict=False),
    ]
    thread: Annotated[
        str, Field(description="The alert or ticket that several incidents share; empty for their own.", max_length=400)
    ] = ""
    sent: Annotated[bool, Field(description="Whether it got through, and only its record is missing.")] = False


class RouteStatus(StatusShape):
    """Whether alerts get through."""

    observed_generation: Annotated[
        int | None, Field(description="The generation of the spec that was used, -1 before the first look.", ge=-1)
    ] = None
    conditions: Conditions = ()
    channels: Annotated[int, Field(description="Number of channels that the Secret configures.", ge=0)] = 0
    in_flight: Annotated[
        tuple[Message, ...],
        Field(
            description="Messages that are on their way, or not recorded yet.",
            max_length=1000,
            strict=False,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["channel", "key"]},
        ),
    ] = ()


class NSGAlertRoute(Resource):
    """A way by which people hear of incidents."""

    plural: ClassVar[str] = "nsgalertroutes"
    short_names: ClassVar[tuple[str, ...]] = ("nsgroute",)
    columns: ClassVar[tuple[Column, ...]] = (
        condition_column("Ready", "Whether alerts get through."),
        condition_column("Ready", "Why.", part="reason", name="Reason"),
        Column(name="Min Severity", path=".spec.minSeverity", description="What weighs less is passed over."),
        Column(name="Channels", path=".status.channels", type="integer", description="Channels that the Secret names."),
        AGE,
    )
    initial_status: ClassVar[dict[str, Any]] = {
        "observedGeneration": -1,
        "conditions": [pending_condition("Ready")],
        "channels": 0,
    }

    kind: Literal["NSGAlertRoute"] = "NSGAlertRoute"
    spec: RouteSpec
    status: RouteStatus = RouteStatus()
