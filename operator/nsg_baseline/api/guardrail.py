"""NSGGuardrail: traffic that no NSG may allow, or that every NSG must allow, whatever a baseline approves."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from nsg_baseline.api.cel import Cel, Extra, rules_of
from nsg_baseline.api.common import (
    AGE,
    TIME_PATTERN,
    Column,
    Name,
    Resource,
    Severity,
    SpecShape,
    Timestamp,
    at,
    condition_column,
    pending_condition,
    without_nulls,
)
from nsg_baseline.api.guardrail_clause import Clause, NeverClause
from nsg_baseline.api.guardrail_status import GuardrailStatus
from nsg_baseline.api.patterns import NSG_ID_PATTERN, is_nsg_id
from nsg_baseline.api.schema import SERVED_DEFAULT

MAX_CLAUSES = 20
MAX_EXCEPTIONS = 100
_NOTHING = "never or always must have a clause"
_TARGET = "must be the resource id of a network security group"


def _nsg_id(text: str) -> str:
    if not is_nsg_id(text):
        raise ValueError(_TARGET)
    return text


NamePattern = Annotated[str, StringConstraints(min_length=1, max_length=90)]
Patterns = Annotated[tuple[NamePattern, ...], Field(min_length=1, max_length=100, strict=False)]
Scopes = Annotated[tuple[Name, ...], Field(min_length=1, max_length=100, strict=False)]


class Exclude(SpecShape):
    """NSGs that a guardrail does not apply to. An NSG is excluded if one of the lists contains it.

    Tags cannot exclude an NSG: everyone who may edit its tags could lift the guardrail.
    """

    scopes: Annotated[Scopes | None, Field(description="Names of scopes whose NSGs are excluded.")] = None
    resource_groups: Annotated[
        Patterns | None,
        Field(description="Resource groups whose NSGs are excluded, case-insensitive. Patterns may contain * and ?."),
    ] = None
    names: Annotated[
        Patterns | None,
        Field(
            description="Names of excluded NSGs, case-insensitive, with * and ?. Everyone who may create an NSG can "
            "choose such a name; prefer `exceptions`, or also limit `match`."
        ),
    ] = None


class Match(SpecShape):
    """NSGs that a guardrail applies to. An NSG must fulfil each part that is set."""

    scopes: Annotated[Scopes | None, Field(description="Names of scopes. If unset, all scopes.")] = None
    resource_groups: Annotated[
        Patterns | None,
        Field(description="Resource groups, case-insensitive. Patterns may contain * and ?. If unset, all."),
    ] = None
    names: Annotated[
        Patterns | None,
        Field(description="Names of NSGs, case-insensitive. Patterns may contain * and ?. If unset, all."),
    ] = None
    tags: Annotated[
        dict[str, Annotated[str, StringConstraints(max_length=256)]] | None,
        Field(
            description="Resource tags that the NSG or its baseline has, all of them. Everyone who may edit the tags "
            "of an NSG without a baseline can remove it from the guardrail; prefer scopes and resource groups.",
            min_length=1,
            max_length=20,
        ),
        BeforeValidator(without_nulls),
    ] = None


class GuardrailException(SpecShape):
    """An NSG that may violate a guardrail until a date."""

    resource_id: Annotated[
        str,
        StringConstraints(max_length=512),
        AfterValidator(_nsg_id),
        Cel(f"self.matches(r'{NSG_ID_PATTERN}')", _TARGET),
        Field(description="Resource id of the NSG."),
    ]
    until: Annotated[
        Timestamp, Extra({"pattern": TIME_PATTERN}), Field(description="Time at which the exception ends.")
    ]
    reason: Annotated[
        str, Field(description="Reason for the exception, such as a ticket.", min_length=1, max_length=256)
    ]
    approved_by: Annotated[str, Field(description="Person who approved the exception.", min_length=1, max_length=256)]


class GuardrailSpec(SpecShape):
    """Traffic that no matching NSG may allow, and traffic that every matching NSG must allow."""

    model_config = ConfigDict(
        json_schema_extra=rules_of(
            Cel(
                "(has(self.never) && self.never.size() > 0) || (has(self.always) && self.always.size() > 0)",
                _NOTHING,
                ".never",
            )
        )
    )

    description: Annotated[
        str, Field(description="Purpose of the guardrail. Messages about a violation contain it.", max_length=256)
    ] = ""
    match: Annotated[
        Match, Field(description="NSGs that the guardrail applies to. If unset, all NSGs of all scopes.")
    ] = Match()
    exclude: Annotated[Exclude, Field(description="NSGs that the guardrail does not apply to.")] = Exclude()
    never: Annotated[
        tuple[NeverClause, ...],
        Field(
            description="Connections that no matching NSG may allow, by any rule or default rule.",
            max_length=MAX_CLAUSES,
            strict=False,
        ),
    ] = ()
    always: Annotated[
        tuple[Clause, ...],
        Field(
            description="Connections that every matching NSG must allow, all of them.",
            max_length=MAX_CLAUSES,
            strict=False,
        ),
    ] = ()
    severity: Annotated[Severity, Extra({SERVED_DEFAULT: "high"}), Field(description="Severity of a violation.")] = (
        "high"
    )
    exceptions: Annotated[
        tuple[GuardrailException, ...],
        Field(description="NSGs that may violate the guardrail until a date.", max_length=MAX_EXCEPTIONS, strict=False),
    ] = ()

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.never and not self.always:
            raise at("never", _NOTHING)
        return self


class NSGGuardrail(Resource):
    """Traffic that no NSG may allow, or that every NSG must allow, whatever a baseline approves."""

    plural: ClassVar[str] = "nsgguardrails"
    short_names: ClassVar[tuple[str, ...]] = ("nsgguard",)
    namespaced: ClassVar[bool] = False
    columns: ClassVar[tuple[Column, ...]] = (
        Column(name="Severity", path=".spec.severity", description="Severity of a violation."),
        condition_column("Ready", "Whether the guardrail is checked."),
        Column(name="NSGs", path=".status.nsgs", type="integer", description="Number of NSGs that it applies to."),
        Column(
            name="Violating", path=".status.violating", type="integer", description="Number of NSGs that violate it."
        ),
        Column(
            name="Excepted",
            path=".status.excepted",
            type="integer",
            description="Number of NSGs that have an exception now.",
        ),
        AGE,
        condition_column("Ready", "Message of the Ready condition.", part="message", name="Message", priority=1),
    )
    initial_status: ClassVar[dict[str, Any]] = {
        "observedGeneration": -1,
        "conditions": [pending_condition("Ready")],
        "nsgs": 0,
        "violating": 0,
        "excepted": 0,
    }

    kind: Literal["NSGGuardrail"] = "NSGGuardrail"
    spec: GuardrailSpec
    status: GuardrailStatus = GuardrailStatus()
