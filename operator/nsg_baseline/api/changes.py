"""Changes and exposure as they stand in a status: short enough for etcd and for a reader."""

from typing import Annotated, Literal

from pydantic import Field

from nsg_baseline.api.common import Severity, StatusShape

ChangeKind = Literal["RuleCreated", "RuleUpdated", "RuleDeleted", "NSGUpdated", "NSGDeleted", "NSGCreated"]
SIDE_LENGTH = 1024
REASON_LENGTH = 512


class ChangeStatus(StatusShape):
    """One difference between approved and live."""

    kind: Annotated[ChangeKind, Field(description="What happened.")]
    nsg: Annotated[
        str | None, Field(description="Id of the NSG, where the object is not about one NSG.", max_length=512)
    ] = None
    rule: Annotated[str | None, Field(description="Name of the rule.", max_length=128)] = None
    severity: Annotated[Severity, Field(description="How much it weighs.")]
    approved: Annotated[str | None, Field(description="The approved side in one line.", max_length=SIDE_LENGTH)] = None
    live: Annotated[str | None, Field(description="The live side in one line.", max_length=SIDE_LENGTH)] = None
    fields: Annotated[
        tuple[Annotated[str, Field(max_length=128)], ...],
        Field(description="Names of the fields that differ.", max_length=64, strict=False),
    ] = ()
    tolerated_by: Annotated[str | None, Field(description="The co-owner whose rule this is.", max_length=80)] = None


class ExposureStatus(StatusShape):
    """Traffic that the changes newly allow or deny."""

    effect: Annotated[Literal["Allowed", "Denied"], Field(description="What becomes of the traffic now.")]
    direction: Annotated[Literal["Inbound", "Outbound"], Field(description="Seen from the NSG.")]
    text: Annotated[str, Field(description="The traffic in words.", max_length=1024)]
    approved_rule: Annotated[str | None, Field(description="The rule that decided it as approved.", max_length=128)] = (
        None
    )
    live_rule: Annotated[str | None, Field(description="The rule that decides it now.", max_length=128)] = None
