"""What the operator writes into a baseline's status."""

from typing import Annotated, Literal

from pydantic import Field

from nsg_baseline.api.changes import REASON_LENGTH, ChangeStatus, ExposureStatus
from nsg_baseline.api.common import Conditions, EffectiveMode, StatusShape, Timestamp

DriftSeverity = Literal["critical", "high", "medium", "low", "info", "none"]


class LastCompliant(StatusShape):
    """The live state at the last look that found it as approved."""

    live_hash: Annotated[str, Field(description="Hash of all that was live.", max_length=64)]
    compared_hash: Annotated[
        str, Field(description="Hash of the live state that this baseline compares.", max_length=64)
    ]
    generation: Annotated[int, Field(description="The baseline's generation then.", ge=0)]


class ExceptionStatus(StatusShape):
    """An exception that has not ended."""

    rule: Annotated[str, Field(description="Name of the rule that may be there.", max_length=80)]
    until: Annotated[Timestamp, Field(description="When it ends: what is still there then is reported.")]
    in_use: Annotated[bool, Field(description="Whether Azure has the rule now.")]
    reason: Annotated[str, Field(description="Why, or the ticket.", max_length=256)]
    approved_by: Annotated[str, Field(description="Who approved it.", max_length=256)]


class RuleAuthor(StatusShape):
    """Who wrote a rule that is tolerated for that."""

    rule: Annotated[str, Field(description="Name of the rule.", max_length=128)]
    fingerprint: Annotated[
        str, Field(description="Tells this rule from the same name with another meaning.", max_length=32)
    ]
    caller: Annotated[str, Field(description="By Azure's Activity Log.", max_length=256)]


class BaselineStatus(StatusShape):
    """What the last look found."""

    observed_generation: Annotated[
        int | None, Field(description="The generation of the spec that was judged, -1 before the first look.", ge=-1)
    ] = None
    conditions: Conditions = ()
    effective_mode: Annotated[
        EffectiveMode,
        Field(
            description="Mode in effect. Off: the NSG is not compared (the baseline is suspended or not accepted). "
            "Alert: drift is reported. Enforce: the scope and the baseline both allow remediation."
        ),
    ] = "Off"
    change_count: Annotated[int, Field(description="Number of changes at the last comparison with Azure.", ge=0)] = 0
    severity: Annotated[
        DriftSeverity,
        Field(description="Severity of the drift as a whole at the last comparison with Azure; none without drift."),
    ] = "none"
    severity_reason: Annotated[
        str | None,
        Field(description="Why they weigh that much, with the rule that weighs most.", max_length=REASON_LENGTH),
    ] = None
    changes: Annotated[
        tuple[ChangeStatus, ...], Field(description="The changes, heaviest first.", max_length=50, strict=False)
    ] = ()
    exposure: Annotated[
        tuple[ExposureStatus, ...], Field(description="Traffic newly allowed or denied.", max_length=50, strict=False)
    ] = ()
    exceptions: Annotated[
        tuple[ExceptionStatus, ...],
        Field(description="Exceptions that have not ended, the next to end first.", max_length=50, strict=False),
    ] = ()
    rule_authors: Annotated[
        tuple[RuleAuthor, ...],
        Field(description="Writers of rules that are tolerated by their caller.", max_length=200, strict=False),
    ] = ()
    plan_hash: Annotated[
        str | None,
        Field(description="Mark of the write that would put it back; see `nsgb plan --enforce`.", max_length=64),
    ] = None
    incident: Annotated[str | None, Field(description="Name of the open incident.", max_length=253)] = None
    last_compliant: Annotated[LastCompliant | None, Field(description="Live as it last matched; tells who moved.")] = (
        None
    )
    rollout_since: Annotated[
        Timestamp | None, Field(description="Since when an edit of this baseline waits to reach Azure.")
    ] = None
    last_handled_reconcile_at: Annotated[
        str | None, Field(description="The last value of the requestedAt annotation that was acted on.", max_length=256)
    ] = None
