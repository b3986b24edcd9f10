"""What the four kinds share: the group, object metadata, conditions and the strictness of their models."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
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

GROUP = "nsg-baseline.io"
VERSION = "v1alpha1"
API_VERSION: Literal["nsg-baseline.io/v1alpha1"] = "nsg-baseline.io/v1alpha1"

# Annotations that users set and the operator reads.
REQUESTED_AT = f"{GROUP}/requestedAt"
CONFIRM = f"{GROUP}/confirm"

Mode = Literal["Alert", "Enforce"]
Severity = Literal["critical", "high", "medium", "low", "info"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=253)]


def parse_time(value: object) -> object:
    """Read RFC 3339 text as a time; leave the rest to pydantic."""
    if not isinstance(value, str):
        return value
    if "T" not in value.upper():
        raise ValueError("must be an RFC 3339 time such as 2026-12-01T00:00:00Z")
    return datetime.fromisoformat(value.upper())


def format_time(value: datetime) -> str:
    """Write a time as Kubernetes does, in UTC and whole seconds."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Timestamp = Annotated[
    AwareDatetime,
    BeforeValidator(parse_time),
    PlainSerializer(format_time, return_type=str),
    Field(json_schema_extra={"format": "date-time"}),
]


class Shape(BaseModel):
    """A JSON object in camelCase, without coercion, as the API server would take it."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
    )


class SpecShape(Shape):
    """What users write: unknown fields and nulls are mistakes, named as such."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_nulls(cls, value: Any) -> Any:
        nulls = [name for name, item in value.items() if item is None] if isinstance(value, dict) else []
        if nulls:
            raise ValueError(f"{nulls[0]}: must not be null; leave the field out instead")
        return value


class StatusShape(Shape):
    """What the operator writes. Fields of a newer or older version are passed over when read back."""

    model_config = ConfigDict(extra="ignore")

    def document(self) -> dict[str, Any]:
        """Return the JSON form, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Condition(StatusShape):
    """One aspect of an object's state, in the form that kubectl wait, Flux and Argo CD read."""

    type: Annotated[str, Field(description="Name of the aspect.", max_length=316)]
    status: Annotated[Literal["True", "False", "Unknown"], Field(description="Whether it holds.")]
    reason: Annotated[str, Field(description="Why, as one word in PascalCase.", max_length=1024)]
    message: Annotated[str, Field(description="Why, in words.", max_length=32768)] = ""
    observed_generation: Annotated[int | None, Field(description="The generation that was looked at.", ge=0)] = None
    last_transition_time: Annotated[Timestamp, Field(description="When `status` last changed.")]


Conditions = Annotated[
    tuple[Condition, ...],
    Field(
        description="Ready, Compliant and others, each once.",
        max_length=8,
        strict=False,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]


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
    """A custom resource: metadata, spec and status. `names` tells the API server how to serve it."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    plural: ClassVar[str]
    short_names: ClassVar[tuple[str, ...]]
    namespaced: ClassVar[bool] = True
    columns: ClassVar[tuple["Column", ...]]

    api_version: Literal["nsg-baseline.io/v1alpha1"] = API_VERSION
    metadata: ObjectMeta

    @property
    def key(self) -> tuple[str, str]:
        """Return (namespace, name); the namespace of a cluster-scoped object is empty."""
        return self.metadata.namespace, self.metadata.name


class Column(BaseModel):
    """One column of `kubectl get`. A priority above 0 shows it with `-o wide` only."""

    model_config = ConfigDict(frozen=True)

    name: str
    path: str
    type: Literal["string", "integer", "date", "boolean"] = "string"
    priority: int = 0
    description: str


AGE = Column(name="Age", path=".metadata.creationTimestamp", type="date", description="Since the object was created.")


def condition_column(kind: str, description: str, *, part: str = "status", name: str = "", priority: int = 0) -> Column:
    """Return a column that shows one condition's status, or another part of it."""
    path = f'.status.conditions[?(@.type=="{kind}")].{part}'
    return Column(name=name or kind, path=path, priority=priority, description=description)
