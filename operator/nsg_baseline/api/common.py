"""Parts that the four kinds share: API group, object metadata, conditions and base models."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from nsg_baseline.api.cel import Cel, Extra

GROUP = "nsg-baseline.io"
VERSION = "v1alpha1"
API_VERSION: Literal["nsg-baseline.io/v1alpha1"] = "nsg-baseline.io/v1alpha1"

# Annotations that users set and the operator reads.
REQUESTED_AT = f"{GROUP}/requestedAt"
CONFIRM = f"{GROUP}/confirm"

Mode = Literal["Alert", "Enforce"]
EffectiveMode = Literal["Off", "Alert", "Enforce"]
Severity = Literal["critical", "high", "medium", "low", "info"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=253)]


_LONGEST_TIME = 40
# The server's date-time format alone accepts times that Python cannot represent: year 0, offsets of a day, a comma.
TIME_PATTERN = (
    r"^(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-[0-9]{2}-[0-9]{2}"
    r"[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_TIME = re.compile(TIME_PATTERN)


def at(field: str, words: str) -> PydanticCustomError:
    """Return the error of a check on an object, reported at one of its fields (in camelCase)."""
    return PydanticCustomError("at_field", "{words}", {"field": field, "words": words})


def parse_time(value: object) -> object:
    """Parse an RFC 3339 text as a time in UTC. Other values are returned unchanged, for pydantic.

    Raises:
        ValueError: the text is not a valid time.
    """
    if not isinstance(value, str):
        return value
    if not _TIME.fullmatch(value) or len(value) > _LONGEST_TIME:
        raise ValueError("must be an RFC 3339 time such as 2026-12-01T00:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("must be within the years 1 to 9999") from None


def format_time(value: datetime) -> str:
    """Format a time as Kubernetes does, in UTC and whole seconds."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Timestamp = Annotated[
    AwareDatetime,
    BeforeValidator(parse_time),
    PlainSerializer(format_time, return_type=str),
    Extra({"format": "date-time", "maxLength": _LONGEST_TIME}),
]

T = TypeVar("T")


def _refuse_repeats(items: tuple[T, ...]) -> tuple[T, ...]:
    for place, item in enumerate(items):
        if item in items[:place]:
            raise ValueError(_REPEATS)
    return items


_REPEATS = "must not contain an item twice"
# Not `x-kubernetes-list-type: set`, which merges the items of several appliers: a manually added item would stay after
# the next apply from Git.
UNIQUE = AfterValidator(_refuse_repeats)
UNIQUE_RULE = Cel("self.all(x, self.exists_one(y, x == y))", _REPEATS)


def _whole(value: object) -> object:
    """Convert 100.0 to 100, because JSON and the API server treat them as equal."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)


def without_nulls(value: Any) -> Any:
    """Drop the nulls of a map and of the maps in it, as the API server does before validation."""
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(item) for name, item in value.items() if item is not None}


class Shape(BaseModel):
    """A JSON object in camelCase, without type coercion, as the API server accepts it."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
    )


class SpecShape(Shape):
    """Part of a spec. Unknown fields are errors. A null counts as unset, as in the API server."""

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict) or None not in value.values():
            return value
        field_names = {name for key, field in cls.model_fields.items() for name in (key, field.alias)}
        return {name: item for name, item in value.items() if item is not None or name not in field_names}


class StatusShape(Shape):
    """Part of a status. Fields of other versions are ignored when a status is read."""

    model_config = ConfigDict(extra="ignore")

    def document(self) -> dict[str, Any]:
        """Return the JSON document without absent fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Condition(StatusShape):
    """A condition in the format that kubectl wait, Flux and Argo CD use."""

    type: Annotated[str, Field(description="Type of the condition.", max_length=316)]
    status: Annotated[Literal["True", "False", "Unknown"], Field(description="Status of the condition.")]
    reason: Annotated[str, Field(description="Reason in PascalCase.", max_length=1024)]
    message: Annotated[str, Field(description="Explanation of the reason.", max_length=32768)] = ""
    observed_generation: Annotated[
        int | None, Field(description="Generation of the spec that the condition describes.", ge=0)
    ] = None
    last_transition_time: Annotated[
        Timestamp, Field(description="Time at which the status of the condition last changed.")
    ]


Conditions = Annotated[
    tuple[Condition, ...],
    Field(
        description="Conditions of the object, one of each type.",
        max_length=8,
        strict=False,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]


PENDING = "Pending"
"""Reason of the conditions that the CRD sets before the first reconcile."""


def pending_condition(kind: str) -> dict[str, str]:
    """Return the condition of an object that the operator has not reconciled yet."""
    return {
        "type": kind,
        "status": "Unknown",
        "reason": PENDING,
        "message": "Waiting for the operator",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }


class ObjectKey(NamedTuple):
    """Identity of an object of one kind. The namespace of a cluster-scoped object is empty."""

    namespace: str
    name: str


class ObjectMeta(BaseModel):
    """The part of Kubernetes' object metadata that the operator reads."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: Timestamp | None = None
    deletion_timestamp: Timestamp | None = None
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}


class Resource(BaseModel):
    """A custom resource: metadata, spec and status. `names` are its names in the API."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    plural: ClassVar[str]
    short_names: ClassVar[tuple[str, ...]]
    namespaced: ClassVar[bool] = True
    columns: ClassVar[tuple["Column", ...]]
    initial_status: ClassVar[dict[str, Any]]
    """Status that the API server sets on a new object; it fills every printer column."""

    api_version: Literal["nsg-baseline.io/v1alpha1"] = API_VERSION
    metadata: ObjectMeta

    @property
    def key(self) -> ObjectKey:
        """The object's identity."""
        return ObjectKey(self.metadata.namespace, self.metadata.name)


class Column(BaseModel):
    """One column of `kubectl get`. A priority above 0 shows it with `-o wide` only."""

    model_config = ConfigDict(frozen=True)

    name: str
    path: str
    type: Literal["string", "integer", "date", "boolean"] = "string"
    priority: int = 0
    description: str


AGE = Column(
    name="Age", path=".metadata.creationTimestamp", type="date", description="Time since the creation of the object."
)


def condition_column(kind: str, description: str, *, part: str = "status", name: str = "", priority: int = 0) -> Column:
    """Return a column that shows one condition's status, or another part of it."""
    path = f'.status.conditions[?(@.type=="{kind}")].{part}'
    return Column(name=name or kind, path=path, priority=priority, description=description)
