"""NSGAlertRoute: which notifications to send, and to which channels."""

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from nsg_baseline.api.cel import Cel, Extra, rules_of
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
    Timestamp,
    at,
    condition_column,
    pending_condition,
)
from nsg_baseline.api.durations import Duration, between
from nsg_baseline.api.heartbeat import Heartbeat, HeartbeatStatus, SecretKey
from nsg_baseline.api.incident import IncidentKind
from nsg_baseline.api.message_templates import MessageTemplates
from nsg_baseline.api.route_match import ChannelGroup, RouteMatch
from nsg_baseline.api.schema import SERVED_DEFAULT

NotificationEvent = Literal[
    "Opened",
    "Updated",
    "Escalated",
    "Eased",
    "Attributed",
    "Remediated",
    "Blocked",
    "Acknowledged",
    "Resolved",
    "Reminder",
]
ALL_KINDS: tuple[IncidentKind, ...] = ("Drift", "Unbaselined", "WatchLost", "Guardrail")
ALL_NOTIFICATION_EVENTS: tuple[NotificationEvent, ...] = get_args(NotificationEvent)


_WHERE = "urlsFrom or channels must be set"
_SAME_NAME = "must not contain two groups of the same name"


def _refuse_equal_names(groups: tuple[ChannelGroup, ...]) -> tuple[ChannelGroup, ...]:
    if len({group.name for group in groups}) < len(groups):
        raise ValueError(_SAME_NAME)
    return groups


class RouteSpec(SpecShape):
    """Which notifications to send, and to which channels."""

    model_config = ConfigDict(
        json_schema_extra=rules_of(Cel("has(self.urlsFrom) || has(self.channels)", _WHERE, ".urlsFrom"))
    )

    urls_from: Annotated[
        SecretKey | None,
        Field(
            description="Key of a Secret that contains Apprise URLs, one per line. They get all incidents of the route."
        ),
    ] = None
    channels: Annotated[
        tuple[ChannelGroup, ...],
        Field(
            description="Groups of channels, each with its own match: a pager for critical incidents, a chat for "
            "the rest.",
            min_length=1,
            max_length=10,
            strict=False,
        ),
        AfterValidator(_refuse_equal_names),
        Cel("self.all(x, self.exists_one(y, x.name == y.name))", _SAME_NAME),
    ] = ()
    min_severity: Annotated[
        Severity, Extra({SERVED_DEFAULT: "low"}), Field(description="Ignore incidents below this severity.")
    ] = "low"
    match: Annotated[
        RouteMatch | None,
        Field(
            description="Incidents to notify about; all if unset. A route that was notified of an incident also "
            "receives its later events."
        ),
    ] = None
    kinds: Annotated[
        tuple[IncidentKind, ...],
        Field(
            description="Kinds of incident to notify about.",
            min_length=1,
            max_length=4,
            strict=False,
        ),
        UNIQUE,
        UNIQUE_RULE,
    ] = ALL_KINDS
    send: Annotated[
        tuple[NotificationEvent, ...],
        Field(
            description="Incident events to notify about. Opened includes drift that reappears. Remediated includes a "
            "restore that resolves the incident.",
            min_length=1,
            max_length=10,
            strict=False,
        ),
        UNIQUE,
        UNIQUE_RULE,
    ] = ALL_NOTIFICATION_EVENTS
    group_wait: Annotated[
        Duration, between("0s", "10m"), Field(description="How long to wait so that related incidents can be grouped.")
    ] = "10s"
    remind_every: Annotated[
        Duration,
        between("5m", "720h"),
        Field(description="Interval between reminders of an open incident that is not acknowledged."),
    ] = "24h"
    max_messages_per_hour: Annotated[
        int,
        Field(description="Hourly limit per channel. Above it, notifications are batched into digests.", ge=1, le=1000),
        WHOLE,
    ] = 30
    heartbeat: Annotated[
        Heartbeat | None, Field(description="Signs of life, in routes of the operator's namespace.")
    ] = None
    templates: Annotated[
        MessageTemplates | None,
        Field(
            description="Templates of title and body of messages about incidents. A message whose template fails has "
            "the built-in form."
        ),
    ] = None
    acknowledgements: Annotated[
        Literal["Ignore", "Poll"],
        Field(
            description="Poll: each minute, read from PagerDuty, Opsgenie and Jira Service Management who acknowledged "
            "the alerts of this route, and acknowledge the incidents. Ignore does not."
        ),
    ] = "Ignore"
    suspend: Annotated[bool, Field(description="Stop sending notifications and heartbeats.")] = False

    @model_validator(mode="after")
    def _any(self) -> Self:
        if self.urls_from is None and not self.channels:
            raise at("urlsFrom", _WHERE)
        return self


class IncidentRevision(StatusShape):
    """What a notification is about: one revision of an incident, or one reminder of that revision."""

    namespace: Annotated[str, Field(description="Namespace of the incident.", max_length=63)]
    name: Annotated[str, Field(description="Name of the incident.", max_length=253)]
    revision: Annotated[int, Field(description="Revision of the incident.", ge=0)]
    reminder: Annotated[int, Field(description="Number of the reminder; 0 if it is not a reminder.", ge=0)] = 0


class Message(StatusShape):
    """A message to one channel whose delivery is not recorded yet."""

    channel: Annotated[str, Field(description="Fingerprint of the URL of the channel.", max_length=64)]
    key: Annotated[str, Field(description="Key of the message. A repeated delivery has the same key.", max_length=400)]
    incidents: Annotated[
        tuple[IncidentRevision, ...],
        Field(description="Incident revisions that the message is about.", max_length=5000, strict=False),
    ]
    thread: Annotated[
        str,
        Field(
            description="Key of the alert or ticket that several incidents share; empty if each has its own.",
            max_length=400,
        ),
    ] = ""
    group: Annotated[
        str,
        Extra({SERVED_DEFAULT: ""}),
        Field(description="Name of the group of channels; empty for urlsFrom.", max_length=30),
    ] = ""
    sent: Annotated[bool, Field(description="Whether the message was delivered and only its record is missing.")] = (
        False
    )


class Selection(StatusShape):
    """Which incidents the route selects."""

    digest: Annotated[str, Field(description="Fingerprint of the fields that select incidents.", max_length=64)]
    since: Annotated[Timestamp, Field(description="Time since which the route has selected the same incidents.")]


class RouteStatus(StatusShape):
    """Result of the last delivery of the route."""

    observed_generation: Annotated[
        int | None, Field(description="Generation of the spec at the last delivery; -1 before the first one.", ge=-1)
    ] = None
    conditions: Conditions = ()
    channels: Annotated[int, Field(description="Number of channels that the Secret configures.", ge=0)] = 0
    undelivered: Annotated[
        int, Field(description="Number of notifications that some channel could not receive yet.", ge=0)
    ] = 0
    heartbeat: Annotated[HeartbeatStatus | None, Field(description="The last daily message.")] = None
    selection: Annotated[
        Selection | None,
        Field(
            description="Which incidents the route selects, and since when. An incident that ended after that stays "
            "pending until a channel has received it."
        ),
    ] = None
    in_flight: Annotated[
        tuple[Message, ...],
        Field(
            description="Messages whose delivery is not recorded yet.",
            max_length=1000,
            strict=False,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["group", "channel", "key"],
            },
        ),
    ] = ()


class NSGAlertRoute(Resource):
    """Sends notifications about incidents to channels."""

    plural: ClassVar[str] = "nsgalertroutes"
    short_names: ClassVar[tuple[str, ...]] = ("nsgroute",)
    columns: ClassVar[tuple[Column, ...]] = (
        condition_column("Ready", "Whether notifications are delivered."),
        condition_column("Ready", "Reason of the Ready condition.", part="reason", name="Reason"),
        Column(name="Min Severity", path=".spec.minSeverity", description="Incidents below this severity are ignored."),
        Column(
            name="Undelivered",
            path=".status.undelivered",
            type="integer",
            description="Number of notifications that some channel could not receive yet.",
        ),
        Column(name="Channels", path=".status.channels", type="integer", description="Number of channels."),
        AGE,
    )
    initial_status: ClassVar[dict[str, Any]] = {
        "observedGeneration": -1,
        "conditions": [pending_condition("Ready")],
        "channels": 0,
        "undelivered": 0,
    }

    kind: Literal["NSGAlertRoute"] = "NSGAlertRoute"
    spec: RouteSpec
    status: RouteStatus = RouteStatus()
