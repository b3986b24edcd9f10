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
Preset = Literal["AKS", "DefenderJIT", "Databricks", "SQLManagedInstance"]
_TARGET = (
    "must be the resource id of a network security group: /subscriptions/<id>/resourceGroups/<group>"
    "/providers/Microsoft.Network/networkSecurityGroups/<name>"
)
_WRITER = "exactly one of preset, name must be set"
_UPWARDS = "must not be below min"
Revertable = Literal["RuleCreated", "RuleUpdated", "RuleDeleted", "NSGUpdated"]


def _nsg_id(text: str) -> str:
    if not is_nsg_id(text):
        raise ValueError(_TARGET)
    return text


class Target(SpecShape):
    """The NSG that a baseline speaks of."""

    resource_id: Annotated[
        str,
        StringConstraints(max_length=512),
        AfterValidator(_nsg_id),
        Cel(f"self.matches(r'{NSG_ID_PATTERN}')", _TARGET),
        # Only the case may change: Azure itself spells ids with changing case.
        Cel(
            "self.lowerAscii() == oldSelf.lowerAscii()",
            "the target cannot change; create another baseline for the other NSG and delete this one",
        ),
        Field(description="Resource id of the NSG, as the portal and the az CLI show it. It cannot change."),
    ]


class Associations(SpecShape):
    """Where the NSG must be attached. Each key is compared only if it is present."""

    subnets: Annotated[
        tuple[ResourceId, ...] | None, Field(description="Ids of the subnets.", max_length=1000, strict=False)
    ] = None
    network_interfaces: Annotated[
        tuple[ResourceId, ...] | None,
        Field(description="Ids of the network interfaces.", max_length=1000, strict=False),
    ] = None


class PriorityRange(SpecShape):
    """Priorities from one to another, both included."""

    model_config = ConfigDict(
        json_schema_extra=rules_of(Cel("!has(self.min) || !has(self.max) || self.min <= self.max", _UPWARDS, ".max"))
    )

    min: Annotated[int, Field(description="The lowest number.", ge=100, le=4096), WHOLE] = 100
    max: Annotated[int, Field(description="The highest number.", ge=100, le=4096), WHOLE] = 4096

    @model_validator(mode="after")
    def _upwards(self) -> Self:
        if self.min > self.max:
            raise at("max", _UPWARDS)
        return self


class Tolerated(SpecShape):
    """A co-owner: another legitimate writer of rules in this NSG. A preset, or a pattern of one's own."""

    model_config = ConfigDict(json_schema_extra=rules_of(Cel("has(self.preset) != has(self.name)", _WRITER, ".name")))

    preset: Annotated[
        Preset | None,
        Field(description="A writer whose rules the operator knows, by name and shape."),
    ] = None
    name: Annotated[
        str | None,
        Field(
            description="Name of the rules, with * and ?. Case means nothing. A name is easily taken: limit it.",
            min_length=1,
            max_length=80,
        ),
    ] = None
    direction: Annotated[Literal["Inbound", "Outbound"] | None, Field(description="Only rules of this direction.")] = (
        None
    )
    access: Annotated[Literal["Allow", "Deny"] | None, Field(description="Only rules of this access.")] = None
    protocol: Annotated[
        RuleProtocol | None,
        Field(description="Only rules of this protocol; * stands for rules that are for all. Case means nothing."),
    ] = None
    priorities: Annotated[PriorityRange | None, Field(description="Only rules with these priorities.")] = None
    destination_ports: Annotated[
        tuple[Annotated[PortsOrAny, StringConstraints(min_length=1)], ...],
        Field(
            description="Only rules whose destination ports are all among these ports and ranges.",
            max_length=100,
            strict=False,
        ),
    ] = ()

    caller: Annotated[
        str | None,
        Field(
            description="Only rules that this one wrote last, by Azure's Activity Log: a sign-in name, the id of an "
            "application, or the resource id of a managed identity. Until the log has it, the rule is reported.",
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
    """A time-boxed approval of one deviation: this rule may be there, as it is written here, until then."""

    rule: Annotated[
        SecurityRule, Field(description="The rule as it may be. It stands beside the approved rule of its name.")
    ]
    until: Annotated[Timestamp, Extra({"pattern": TIME_PATTERN}), Field(description="When the approval ends.")]
    reason: Annotated[str, Field(description="Why, or the ticket.", min_length=1, max_length=256)]
    approved_by: Annotated[str, Field(description="Who approved it.", min_length=1, max_length=256)]


class Comparison(SpecShape):
    """What counts as equal."""

    descriptions: Annotated[bool, Field(description="Compare descriptions too.")] = False
    any_equals_all_addresses: Annotated[bool, Field(description="Take * and 0.0.0.0/0 with ::/0 for the same.")] = False


class Enforcement(SpecShape):
    """What enforce mode may put back, and how carefully."""

    revert: Annotated[
        tuple[Revertable, ...],
        Field(
            description="Kinds of change that are reverted.",
            max_length=4,
            strict=False,
        ),
        UNIQUE,
        UNIQUE_RULE,
    ] = ("RuleCreated", "RuleUpdated", "RuleDeleted")
    delay: Annotated[
        Duration, between("0s", "24h"), Field(description="How long a change may stand before it is reverted.")
    ] = "0s"
    max_changes: Annotated[
        int,
        Field(description="More differing rules than this are not reverted without a confirmation.", ge=1, le=1000),
        WHOLE,
    ] = 10


class BaselineSpec(SpecShape):
    """What is approved, and what to do about deviations."""

    target: Annotated[Target, Field(description="The NSG.")]
    mode: Annotated[
        Mode, Field(description="Alert tells; Enforce also puts the approved rules back, where the scope allows it.")
    ] = "Alert"
    suspend: Annotated[bool, Field(description="Stop looking at this NSG.")] = False
    rules: Annotated[
        tuple[SecurityRule, ...],
        Field(
            description="The complete set of approved custom rules. An empty list approves none.",
            max_length=1000,
            strict=False,
            # Not a list-map: the API server merges those rule by rule, and a rule that somebody added by hand would
            # stay approved through every later apply from Git. It would also double the object's size.
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ]
    tags: Annotated[
        dict[str, Annotated[str, StringConstraints(max_length=256)]] | None,
        Field(description="Resource tags. Only the keys given here are compared.", max_length=50),
        BeforeValidator(without_nulls),
    ] = None
    associations: Annotated[Associations | None, Field(description="Where the NSG must be attached.")] = None
    tolerate: Annotated[
        tuple[Tolerated, ...], Field(description="Other legitimate writers of rules.", max_length=20, strict=False)
    ] = ()
    exceptions: Annotated[
        tuple[ApprovedException, ...], Field(description="Deviations approved for a time.", max_length=50, strict=False)
    ] = ()
    comparison: Annotated[Comparison, Field(description="What counts as equal.")] = Comparison()
    rollout_grace: Annotated[
        Duration,
        between("0s", "24h"),
        Field(description="How long a deviation that an edit of this baseline made is awaited before it alerts."),
    ] = "30m"
    enforcement: Annotated[Enforcement, Field(description="What enforce mode may do.")] = Enforcement()


class NSGBaseline(Resource):
    """The approved rules of one Azure Network Security Group."""

    plural: ClassVar[str] = "nsgbaselines"
    short_names: ClassVar[tuple[str, ...]] = ("nsgb",)
    columns: ClassVar[tuple[Column, ...]] = (
        Column(name="Mode", path=".status.effectiveMode", description="Mode in effect: Off, Alert or Enforce."),
        condition_column("Ready", "Whether the last look succeeded."),
        condition_column("Compliant", "Whether live matches approved."),
        Column(name="Changes", path=".status.changeCount", type="integer", description="How many changes there are."),
        Column(name="Severity", path=".status.severity", description="The heaviest change's severity."),
        AGE,
        Column(name="NSG", path=".spec.target.resourceId", priority=1, description="The NSG's resource id."),
        condition_column("Compliant", "Why it is not compliant.", part="message", name="Message", priority=1),
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
