"""Status of an NSGBaseline, as the operator writes it."""

from typing import Annotated, Literal

from pydantic import Field

from nsg_baseline.api.changes import REASON_LENGTH, ChangeStatus, ExposureStatus
from nsg_baseline.api.common import Conditions, EffectiveMode, StatusShape, Timestamp

DriftSeverity = Literal["critical", "high", "medium", "low", "info", "none"]


class LastCompliant(StatusShape):
    """Live state when it last matched the baseline."""

    live_hash: Annotated[str, Field(description="Hash of the whole live NSG.", max_length=64)]
    compared_hash: Annotated[
        str, Field(description="Hash of the part of the live NSG that this baseline compares.", max_length=64)
    ]
    generation: Annotated[int, Field(description="Generation of the baseline at that time.", ge=0)]


class LastSeen(StatusShape):
    """What of the NSG is not compared with the baseline, when it was read last. What changes of it is reported once."""

    since: Annotated[Timestamp, Field(description="Time since which it is so.")]
    resource_guid: Annotated[
        str | None, Field(description="Guid that Azure gave to the NSG when it was created.", max_length=64)
    ] = None
    flow_logs: Annotated[bool, Field(description="Whether the NSG has flow logs.")] = False
    failed: Annotated[
        tuple[str, ...],
        Field(
            description="What has the provisioning state Failed: names of approved rules, and `*` for the NSG itself.",
            max_length=50,
            strict=False,
        ),
    ] = ()
    unknown_properties: Annotated[
        tuple[str, ...],
        Field(
            description="Properties of the NSG that the operator does not know, and those of approved rules as "
            "RULE/PROPERTY.",
            max_length=50,
            strict=False,
        ),
    ] = ()


class ExceptionStatus(StatusShape):
    """An exception that has not ended."""

    rule: Annotated[str, Field(description="Name of the approved rule.", max_length=80)]
    until: Annotated[
        Timestamp, Field(description="Time at which the exception ends. A rule that still exists then is reported.")
    ]
    in_use: Annotated[bool, Field(description="Whether the rule exists in Azure.")]
    reason: Annotated[str, Field(description="Reason for the approval, such as a ticket.", max_length=256)]
    approved_by: Annotated[str, Field(description="Person who approved the exception.", max_length=256)]


class BaselineReference(StatusShape):
    """Identity of a baseline."""

    namespace: Annotated[str, Field(description="Namespace of the baseline.", max_length=63)]
    name: Annotated[str, Field(description="Name of the baseline.", max_length=253)]


class RuleAuthor(StatusShape):
    """Certain author of a rule that `tolerate.caller` tolerates."""

    rule: Annotated[str, Field(description="Name of the rule.", max_length=128)]
    fingerprint: Annotated[
        str, Field(description="Fingerprint of the rule, which changes with its meaning.", max_length=32)
    ]
    caller: Annotated[
        str,
        Field(
            description="Identity that first wrote the rule with this meaning, proven by the Azure Activity Log.",
            max_length=256,
        ),
    ]


class BaselineStatus(StatusShape):
    """Result of the last reconcile of the baseline."""

    observed_generation: Annotated[
        int | None, Field(description="Generation of the spec at the last reconcile; -1 before the first one.", ge=-1)
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
        Field(description="Reason for the severity, with the rule that determines it.", max_length=REASON_LENGTH),
    ] = None
    changes: Annotated[
        tuple[ChangeStatus, ...],
        Field(description="Changes, the most severe first. Long lists are truncated.", max_length=50, strict=False),
    ] = ()
    exposure: Annotated[
        tuple[ExposureStatus, ...],
        Field(description="Traffic that the changes newly allow or deny.", max_length=50, strict=False),
    ] = ()
    exceptions: Annotated[
        tuple[ExceptionStatus, ...],
        Field(description="Exceptions that have not ended, ordered by their end.", max_length=50, strict=False),
    ] = ()
    rule_authors: Annotated[
        tuple[RuleAuthor, ...],
        Field(
            description="Certain authors of the rules that `tolerate.caller` tolerates.",
            max_length=200,
            strict=False,
        ),
    ] = ()
    plan_hash: Annotated[
        str | None,
        Field(
            description="Hash of the remediation that would restore the approved rules, as `nsgb plan "
            "--enforce` shows it.",
            max_length=64,
        ),
    ] = None
    managed_by: Annotated[
        BaselineReference | None,
        Field(description="Baseline that manages the NSG, while this baseline is refused because of it."),
    ] = None
    incident: Annotated[str | None, Field(description="Name of the open incident.", max_length=253)] = None
    last_compliant: Annotated[
        LastCompliant | None,
        Field(
            description="Live state when it last matched; distinguishes changes in Azure from edits of the baseline."
        ),
    ] = None
    last_seen: Annotated[
        LastSeen | None, Field(description="What of the NSG is not compared, when it was read last.")
    ] = None
    rollout_since: Annotated[
        Timestamp | None, Field(description="Time of the first edit of this baseline that has not reached Azure.")
    ] = None
    last_handled_reconcile_at: Annotated[
        str | None,
        Field(
            description="Last value of the `nsg-baseline.io/requestedAt` annotation that the operator handled.",
            max_length=256,
        ),
    ] = None
