"""Status of an NSGGuardrail, as the operator writes it."""

from typing import Annotated, Literal

from pydantic import Field

from nsg_baseline.api.common import Conditions, StatusShape

SHOWN_VIOLATIONS = 20
TEXT_LENGTH = 1024


class ViolationStatus(StatusShape):
    """Traffic by which an NSG violates the guardrail."""

    nsg: Annotated[str, Field(description="Resource id of the NSG.", max_length=512)]
    clause: Annotated[
        str, Field(description="Violated clause of the spec, such as never[0], counted from 0.", max_length=16)
    ]
    effect: Annotated[
        Literal["Allowed", "Denied"],
        Field(description="Allowed for a clause of never, Denied for a clause of always."),
    ]
    rule: Annotated[
        str | None,
        Field(description="Rule that decides the traffic; unset if no rule of the NSG does.", max_length=128),
    ] = None
    text: Annotated[str, Field(description="Description of the traffic.", max_length=TEXT_LENGTH)]


class GuardrailStatus(StatusShape):
    """Result of the last reconciles of all scopes."""

    observed_generation: Annotated[
        int | None, Field(description="Generation of the spec at the last check; -1 before the first one.", ge=-1)
    ] = None
    conditions: Conditions = ()
    nsgs: Annotated[int, Field(description="Number of NSGs that the guardrail applies to.", ge=0)] = 0
    violating: Annotated[int, Field(description="Number of NSGs that violate the guardrail.", ge=0)] = 0
    excepted: Annotated[int, Field(description="Number of NSGs that have an exception now.", ge=0)] = 0
    violations: Annotated[
        tuple[ViolationStatus, ...],
        Field(description="First violations, sorted by NSG.", max_length=SHOWN_VIOLATIONS, strict=False),
    ] = ()
