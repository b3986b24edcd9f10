"""Changes and exposure as a status stores them, with bounded length."""

from typing import Annotated, Literal

from pydantic import Field

from nsg_baseline.api.common import Severity, StatusShape, Timestamp

ChangeKind = Literal[
    "RuleCreated", "RuleUpdated", "RuleDeleted", "NSGUpdated", "NSGDeleted", "NSGCreated", "GuardrailViolated"
]
Attribution = Literal["Found", "Uncertain", "NotFound"]
SIDE_LENGTH = 1024
REASON_LENGTH = 512


class ChangeStatus(StatusShape):
    """A difference between approved and live."""

    kind: Annotated[ChangeKind, Field(description="Kind of the change.")]
    nsg: Annotated[
        str | None, Field(description="Resource id of the NSG, if the object concerns several NSGs.", max_length=512)
    ] = None
    rule: Annotated[str | None, Field(description="Name of the rule.", max_length=128)] = None
    severity: Annotated[Severity, Field(description="Severity of the change.")]
    approved: Annotated[str | None, Field(description="Approved side in one line.", max_length=SIDE_LENGTH)] = None
    live: Annotated[str | None, Field(description="Live side in one line.", max_length=SIDE_LENGTH)] = None
    fields: Annotated[
        tuple[Annotated[str, Field(max_length=128)], ...],
        Field(description="Names of the fields that differ.", max_length=64, strict=False),
    ] = ()
    tolerated_by: Annotated[str | None, Field(description="Co-owner of the rule.", max_length=80)] = None
    fingerprint: Annotated[
        str | None, Field(description="Fingerprint of the change, equal for equal changes.", max_length=32)
    ] = None
    since: Annotated[Timestamp | None, Field(description="Time at which the change was first seen.")] = None
    absent_at: Annotated[
        Timestamp | None,
        Field(description="Latest time at which the NSG was read without the change. Unset if it is not known."),
    ] = None
    attribution: Annotated[
        Attribution | None,
        Field(
            description="Found: a request body in the Activity Log proves who made the change. Uncertain: the log "
            "names identities that may have made it. NotFound: it names no identity. Unset while the log is searched."
        ),
    ] = None
    changed_by: Annotated[
        tuple[Annotated[str, Field(max_length=256)], ...],
        Field(
            description="Identity that made the change, if `attribution` is Found; otherwise the identities that may "
            "have made it.",
            max_length=5,
            strict=False,
        ),
    ] = ()


class ExposureStatus(StatusShape):
    """Connections that the changes newly allow or deny."""

    effect: Annotated[Literal["Allowed", "Denied"], Field(description="Whether the traffic is now allowed or denied.")]
    direction: Annotated[
        Literal["Inbound", "Outbound"], Field(description="Direction of the connections, seen from the NSG.")
    ]
    text: Annotated[str, Field(description="Description of the traffic.", max_length=1024)]
    approved_rule: Annotated[
        str | None, Field(description="Approved rule that decides this traffic.", max_length=128)
    ] = None
    live_rule: Annotated[str | None, Field(description="Live rule that decides this traffic.", max_length=128)] = None
