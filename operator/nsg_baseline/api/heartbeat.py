"""The heartbeat of a route: a daily message, and the URLs of dead man's switches."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from nsg_baseline.api.cel import Cel, rules_of
from nsg_baseline.api.common import SpecShape, StatusShape, Timestamp, at
from nsg_baseline.api.patterns import DAY_TIME_PATTERN, URL_KEY_PATTERN, URL_SOURCE_PATTERN

_WHICH = "at or urlsFrom must be set"


class SecretKey(SpecShape):
    """A key of a Secret in the route's own namespace."""

    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=253, pattern=URL_SOURCE_PATTERN),
        Field(description="Name of the Secret."),
    ]
    key: Annotated[
        str,
        StringConstraints(min_length=1, max_length=253, pattern=URL_KEY_PATTERN),
        Field(description="Key in the Secret."),
    ]


class Heartbeat(SpecShape):
    """Signs of life, in routes of the operator's namespace: silence can then not be mistaken for calm."""

    model_config = ConfigDict(json_schema_extra=rules_of(Cel("has(self.at) || has(self.urlsFrom)", _WHICH, ".at")))

    at: Annotated[
        str | None,
        StringConstraints(max_length=5, pattern=DAY_TIME_PATTERN),
        Field(
            description="Time of a daily message, in UTC: what is watched, which scopes cannot be read, and how many "
            "incidents are open. Pagers and tickets do not receive it."
        ),
    ] = None
    urls_from: Annotated[
        SecretKey | None,
        Field(
            description="Key of a Secret that contains the URLs of dead man's switches, one per line. They are called "
            "while all scopes are reconciled in time and without a failure, at most once a minute."
        ),
    ] = None

    @model_validator(mode="after")
    def _any(self) -> Self:
        if self.at is None and self.urls_from is None:
            raise at("at", _WHICH)
        return self


class HeartbeatStatus(StatusShape):
    """The last daily message."""

    day: Annotated[str, Field(description="Date on which the message was due, in UTC.", max_length=10)]
    sent_at: Annotated[Timestamp, Field(description="Time of the last attempt.")]
    pending_channels: Annotated[
        tuple[str, ...],
        Field(
            description="Channels that have not received it, by the fingerprint of their URL.",
            max_length=100,
            strict=False,
        ),
    ] = ()
