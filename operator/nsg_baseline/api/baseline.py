"""NSGBaseline: the approved rules of one NSG. Owned by the team that owns the NSG."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from nsg_baseline.api.baseline_status import BaselineStatus
from nsg_baseline.api.cel import Cel, Extra, rules_of
from nsg_baseline.api.common import (
    AGE,
    TIME_PATTERN,
    UNIQUE,
    UNIQUE_RULE,
    WHOLE,
    Column,
    Mode,
    Resource,
    SpecShape,
    Timestamp,
    at,
    condition_column,
    pending_condition,
    without_nulls,
)
from nsg_baseline.api.durations import Duration, between
from nsg_baseline.api.patterns import NSG_ID_PATTERN, RESOURCE_ID_PATTERN, is_nsg_id
from nsg_baseline.api.rule import PortsOrAny, RuleProtocol, SecurityRule

ResourceId = Annotated[str, StringConstraints(max_length=512, pattern=RESOURCE_ID_PATTERN)]
Preset = Literal[
    "AKS", "ARO", "ClusterAPI", "DefenderJIT", "Databricks", "EntraDomainServices", "NRMS", "SQLManagedInstance"
]
_TARGET = (
    "must be the resource id of a network security group: /subscriptions/<id>/resourceGroups/<group>"
    "/providers/Microsoft.Network/networkSecurityGroups/<name>"
)
_WRITER = "exactly one of preset and name must be set"
_UPWARDS = "must not be below min"
Revertable = Literal["RuleCreated", "RuleUpdated", "RuleDeleted", "NSGUpdated"]
Reverted = Literal["All", "Openings"]


def _nsg_id(text: str) -> str:
    if not is_nsg_id(text):
        raise ValueError(_TARGET)
    return text


class Target(SpecShape):
    """The NSG that a baseline manages."""

    resource_id: Annotated[
        str,
        StringConstraints(max_length=512),
        AfterValidator(_nsg_id),
        Cel(f"self.matches(r'{NSG_ID_PATTERN}')", _TARGET),
        # Only the case may change, because Azure returns ids in different cases.
        Cel(
            "self.lowerAscii() == oldSelf.lowerAscii()",
            "the target cannot change; create another baseline for the other NSG and delete this one",
        ),
        Field(description="Resource id of the NSG, as the portal and the az CLI show it. It cannot change."),
    ]


class Associations(SpecShape):
    """Subnets and network interfaces that the NSG must be attached to. Unset fields are not compared."""

    subnets: Annotated[
        tuple[ResourceId, ...] | None, Field(description="Resource ids of the subnets.", max_length=1000, strict=False)
    ] = None
    network_interfaces: Annotated[
        tuple[ResourceId, ...] | None,
        Field(description="Resource ids of the network interfaces.", max_length=1000, strict=False),
    ] = None


class PriorityRange(SpecShape):
    """Range of priorities, inclusive."""

    model_config = ConfigDict(
        json_schema_extra=rules_of(Cel("!has(self.min) || !has(self.max) || self.min <= self.max", _UPWARDS, ".max"))
    )

    min: Annotated[int, Field(description="Lowest priority number.", ge=100, le=4096), WHOLE] = 100
    max: Annotated[int, Field(description="Highest priority number.", ge=100, le=4096), WHOLE] = 4096

    @model_validator(mode="after")
    def _upwards(self) -> Self:
        if self.min > self.max:
            raise at("max", _UPWARDS)
        return self


class Tolerated(SpecShape):
    """A co-owner: another legitimate writer of rules in this NSG. Either a preset or a name pattern."""

    model_config = ConfigDict(json_schema_extra=rules_of(Cel("has(self.preset) != has(self.name)", _WRITER, ".name")))

    preset: Annotated[
        Preset | None,
        Field(
            description="Built-in co-owner, whose rules are recognised by name and form. The form does not prove the "
            "origin; caller is."
        ),
    ] = None
    name: Annotated[
        str | None,
        Field(
            description="Name pattern of the rules, case-insensitive, with * and ?. Anyone can choose a "
            "name, so add further limits.",
            min_length=1,
            max_length=80,
        ),
    ] = None
    direction: Annotated[
        Literal["Inbound", "Outbound"] | None, Field(description="Limits the pattern to rules of this direction.")
    ] = None
    access: Annotated[
        Literal["Allow", "Deny"] | None, Field(description="Limits the pattern to rules with this access.")
    ] = None
    protocol: Annotated[
        RuleProtocol | None,
        Field(
            description="Limits the pattern to rules for this protocol, case-insensitive. The value * "
            "means rules for any protocol."
        ),
    ] = None
    priorities: Annotated[
        PriorityRange | None, Field(description="Limits the pattern to rules with these priorities.")
    ] = None
    destination_ports: Annotated[
        tuple[Annotated[PortsOrAny, StringConstraints(min_length=1)], ...],
        Field(
            description="Limits the pattern to rules whose destination ports are all within these ports and ranges.",
            max_length=100,
            strict=False,
        ),
    ] = ()

    caller: Annotated[
        str | None,
        Field(
            description="Limits the pattern to rules last modified by this identity, according to the "
            "Azure Activity Log: a sign-in "
            "name, an application id or the resource id of a managed identity. Until the log "
            "names it, rules are reported.",
            min_length=1,
            max_length=256,
        ),
    ] = None

    @model_validator(mode="after")
    def _preset_or_name(self) -> Self:
        if (self.preset is None) == (self.name is None):
            raise at("name", _WRITER)
        return self


class ApprovedException(SpecShape):
    """An approval of one rule until a date."""

    rule: Annotated[
        SecurityRule,
        Field(
            description="Rule that may exist until then, with exactly these values. The approved rule of the "
            "same name remains valid."
        ),
    ]
    until: Annotated[Timestamp, Extra({"pattern": TIME_PATTERN}), Field(description="Time at which the approval ends.")]
    reason: Annotated[
        str, Field(description="Reason for the approval, such as a ticket.", min_length=1, max_length=256)
    ]
    approved_by: Annotated[str, Field(description="Person who approved the exception.", min_length=1, max_length=256)]


class Comparison(SpecShape):
    """How approved and live rules are compared."""

    descriptions: Annotated[bool, Field(description="Compare the descriptions of rules.")] = False
    any_equals_all_addresses: Annotated[bool, Field(description="Treat * and the pair 0.0.0.0/0, ::/0 as equal.")] = (
        False
    )


class Enforcement(SpecShape):
    """Which changes are reverted in mode Enforce, and under which limits."""

    revert: Annotated[
        tuple[Revertable, ...],
        Field(
            description="Kinds of change that the operator reverts.",
            max_length=4,
            strict=False,
        ),
        UNIQUE,
        UNIQUE_RULE,
    ] = ("RuleCreated", "RuleUpdated", "RuleDeleted")
    only: Annotated[
        Reverted,
        Field(
            description="All reverts every change of these kinds. Openings reverts only those that allow traffic that "
            "is not approved, and keeps what only denies more."
        ),
    ] = "All"
    delay: Annotated[
        Duration, between("0s", "24h"), Field(description="Time between the detection of a change and its remediation.")
    ] = "0s"
    max_changes: Annotated[
        int,
        Field(description="Largest number of changed rules that are reverted without a confirmation.", ge=1, le=1000),
        WHOLE,
    ] = 10


class Review(SpecShape):
    """When the approved rules are due for a review, and who reviewed them last."""

    every_days: Annotated[
        int, Field(description="Number of days from one review to the next, such as 180.", ge=1, le=3650), WHOLE
    ]
    last_reviewed: Annotated[Timestamp, Extra({"pattern": TIME_PATTERN}), Field(description="Time of the last review.")]
    by: Annotated[str, Field(description="Person who reviewed the rules.", min_length=1, max_length=256)]


class BaselineSpec(SpecShape):
    """Approved rules of an NSG, and how drift is handled."""

    target: Annotated[Target, Field(description="The NSG that this baseline manages.")]
    mode: Annotated[
        Mode,
        Field(description="Alert reports drift. Enforce also restores the approved rules, if the scope allows it."),
    ] = "Alert"
    suspend: Annotated[bool, Field(description="Stop comparing the NSG with this baseline.")] = False
    rules: Annotated[
        tuple[SecurityRule, ...],
        Field(
            description="The complete set of approved custom rules. An empty list approves none.",
            max_length=1000,
            strict=False,
            # Not a list-map: the API server merges the items of a list-map, so a manually added rule would stay
            # approved after the next apply from Git. It would also double the size of the object.
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ]
    tags: Annotated[
        dict[str, Annotated[str, StringConstraints(max_length=256)]] | None,
        Field(description="Approved resource tags. Only these keys are compared.", max_length=50),
        BeforeValidator(without_nulls),
    ] = None
    associations: Annotated[Associations | None, Field(description="Approved attachments of the NSG.")] = None
    tolerate: Annotated[
        tuple[Tolerated, ...],
        Field(
            description="Co-owners: other legitimate writers of rules, whose rules are tolerated.",
            max_length=20,
            strict=False,
        ),
    ] = ()
    exceptions: Annotated[
        tuple[ApprovedException, ...],
        Field(description="Rules that are approved until a date.", max_length=50, strict=False),
    ] = ()
    review: Annotated[
        Review | None,
        Field(description="Periodic review of the approved rules. `nsgb report` shows when the next is due."),
    ] = None
    comparison: Annotated[Comparison, Field(description="How approved and live rules are compared.")] = Comparison()
    rollout_grace: Annotated[
        Duration,
        between("0s", "24h"),
        Field(description="Grace period after an edit of the baseline before the resulting drift raises an alert."),
    ] = "30m"
    enforcement: Annotated[Enforcement, Field(description="Limits of the remediation in mode Enforce.")] = Enforcement()


class NSGBaseline(Resource):
    """The approved rules of one Azure Network Security Group."""

    plural: ClassVar[str] = "nsgbaselines"
    short_names: ClassVar[tuple[str, ...]] = ("nsgb",)
    columns: ClassVar[tuple[Column, ...]] = (
        Column(name="Mode", path=".status.effectiveMode", description="Mode in effect: Off, Alert or Enforce."),
        condition_column("Ready", "Whether the last reconcile succeeded."),
        condition_column("Compliant", "Whether live matches approved."),
        Column(name="Changes", path=".status.changeCount", type="integer", description="Number of changes."),
        Column(name="Severity", path=".status.severity", description="Severity of the drift; none without drift."),
        AGE,
        Column(name="NSG", path=".spec.target.resourceId", priority=1, description="The NSG's resource id."),
        condition_column(
            "Compliant", "Message of the Compliant condition.", part="message", name="Message", priority=1
        ),
    )
    initial_status: ClassVar[dict[str, Any]] = {
        "observedGeneration": -1,
        "conditions": [pending_condition("Ready"), pending_condition("Compliant")],
        "effectiveMode": "Off",
        "changeCount": 0,
        "severity": "none",
    }

    kind: Literal["NSGBaseline"] = "NSGBaseline"
    spec: BaselineSpec
    status: BaselineStatus = BaselineStatus()
