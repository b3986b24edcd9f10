"""NSGScope: a subscription, or some of its resource groups, that is watched with one identity."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticKnownError

from nsg_baseline.api.cel import Cel, rules_of
from nsg_baseline.api.common import (
    AGE,
    UNIQUE,
    UNIQUE_RULE,
    WHOLE,
    Column,
    Conditions,
    Mode,
    Resource,
    SpecShape,
    StatusShape,
    at,
    condition_column,
    pending_condition,
    without_nulls,
)
from nsg_baseline.api.durations import Duration, between
from nsg_baseline.api.patterns import (
    GROUP_NAME_PATTERN,
    GUID_PATTERN,
    LABEL_PATTERN,
    NAMESPACE_PATTERN,
    QUEUE_URL_PATTERN,
)

Guid = Annotated[str, StringConstraints(max_length=36, pattern=GUID_PATTERN)]
MAX_BASELINES_PER_NAMESPACE = 5000
"""The default limit: as many NSGs as Azure allows in a region of a subscription."""
_WHOSE = "exactly one of names, selector and all must be set"
GroupName = Annotated[str, StringConstraints(max_length=90, pattern=GROUP_NAME_PATTERN)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=90)]
NamespaceName = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=NAMESPACE_PATTERN)]
LabelValue = Annotated[str, StringConstraints(max_length=63, pattern=LABEL_PATTERN)]


def _refuse_numbers(value: Any) -> Any:
    """Reject numbers, because Python treats 1 as equal to True."""
    if value is not None and not isinstance(value, bool):
        raise PydanticKnownError("bool_type")
    return value


class Identity(SpecShape):
    """An Azure identity that the operator signs in with, by a federated credential."""

    client_id: Annotated[Guid, Field(description="Client id of the application or managed identity.")]
    tenant_id: Annotated[Guid, Field(description="Id of the tenant that the application belongs to.")]


class NamespaceSelector(SpecShape):
    """Selects namespaces by their labels."""

    match_labels: Annotated[
        dict[str, LabelValue],
        Field(description="Labels that a namespace must have, all of them.", min_length=1, max_length=20),
        BeforeValidator(without_nulls),
    ]


class AllowedNamespaces(SpecShape):
    """Namespaces whose baselines are honoured in a scope. Exactly one of names, selector and all must be set."""

    model_config = ConfigDict(
        json_schema_extra=rules_of(
            Cel("[has(self.names), has(self.selector), has(self.all)].exists_one(x, x)", _WHOSE, ".names")
        )
    )

    names: Annotated[
        tuple[NamespaceName, ...] | None,
        Field(
            description="Names of the namespaces. Of several baselines of one NSG, that of an earlier namespace "
            "manages it; of those in one namespace, the oldest.",
            min_length=1,
            max_length=200,
            strict=False,
        ),
        UNIQUE,
        UNIQUE_RULE,
    ] = None
    selector: Annotated[NamespaceSelector | None, Field(description="Selects namespaces by their labels.")] = None
    all: Annotated[
        Literal[True] | None, Field(description="Allows every namespace."), BeforeValidator(_refuse_numbers)
    ] = None
    max_baselines_per_namespace: Annotated[
        int,
        Field(
            description="Largest number of baselines of one namespace that may manage an NSG in this scope. "
            "The youngest above the limit are not accepted.",
            ge=1,
            le=100_000,
        ),
        WHOLE,
    ] = MAX_BASELINES_PER_NAMESPACE

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.names, self.selector, self.all)) != 1:
            raise at("names", _WHOSE)
        return self


class Unbaselined(SpecShape):
    """How NSGs without a baseline are handled."""

    mode: Annotated[
        Literal["Alert", "Ignore"], Field(description="Alert reports NSGs without a baseline; Ignore does not.")
    ] = "Alert"
    ignore_resource_groups: Annotated[
        tuple[Pattern, ...],
        Field(description="Resource groups to ignore. Patterns may contain * and ?.", max_length=100, strict=False),
    ] = ()
    ignore_names: Annotated[
        tuple[Pattern, ...],
        Field(description="NSG names to ignore. Patterns may contain * and ?.", max_length=100, strict=False),
    ] = ()


class Events(SpecShape):
    """Events of Azure, which make the operator read what changed at once."""

    queue_url: Annotated[
        str,
        Field(
            description="URL of the Storage Queue that Event Grid delivers the events of the subscription to. The "
            "operator moves messages that it cannot read to the queue of the same name with `-poison` at its end.",
            max_length=255,
            pattern=QUEUE_URL_PATTERN,
        ),
    ]


class ScopeSpec(SpecShape):
    """What to watch, with which identity, and which namespaces may define baselines."""

    subscription_id: Annotated[
        Guid,
        Cel(
            "self.lowerAscii() == oldSelf.lowerAscii()",
            "the subscription cannot change; create another scope for the other subscription and delete this one",
        ),
        Field(description="Id of the Azure subscription. It cannot change."),
    ]
    resource_groups: Annotated[
        tuple[GroupName, ...] | None,
        Field(
            description="Resource groups to watch. If unset, the whole subscription is watched.",
            min_length=1,
            max_length=200,
            strict=False,
        ),
        UNIQUE,
        UNIQUE_RULE,
    ] = None
    identity: Annotated[
        Identity | None,
        Field(description="Identity that reads and writes Azure. If unset, the workload identity of the pod is used."),
    ] = None
    interval: Annotated[
        Duration, between("10s", "24h"), Field(description="Time between two reconciles of the scope, from 10s to 24h.")
    ] = "60s"
    events: Annotated[
        Events | None,
        Field(
            description="Events of Azure, which make the operator read what changed at once. The scope is reconciled "
            "at each interval all the same."
        ),
    ] = None
    allowed_namespaces: Annotated[
        AllowedNamespaces | None,
        Field(description="Namespaces whose baselines are honoured in this scope. If unset, none are."),
    ] = None
    max_mode: Annotated[Mode, Field(description="Highest mode that baselines in this scope may use.")] = "Alert"
    suspend_enforcement: Annotated[
        bool, Field(description="Stop all writes to Azure in this scope. Alerts continue.")
    ] = False
    unbaselined: Annotated[Unbaselined, Field(description="How NSGs without a baseline are handled.")] = Unbaselined()


class ScopeStatus(StatusShape):
    """Result of the last reconcile of the scope."""

    observed_generation: Annotated[
        int | None, Field(description="Generation of the spec at the last reconcile; -1 before the first one.", ge=-1)
    ] = None
    conditions: Conditions = ()
    effective_mode: Annotated[
        Mode,
        Field(
            description="Highest mode in effect in this scope: `spec.maxMode`, or Alert while "
            "`spec.suspendEnforcement` is true."
        ),
    ] = "Alert"
    nsgs: Annotated[int, Field(description="Number of NSGs in the last complete reading of the scope.", ge=0)] = 0
    baselines: Annotated[int, Field(description="Number of baselines that manage an NSG in this scope.", ge=0)] = 0
    drifted: Annotated[int, Field(description="Number of baselines whose NSG has drifted.", ge=0)] = 0
    unbaselined: Annotated[int, Field(description="Number of NSGs that have no baseline.", ge=0)] = 0
    service_tags: Annotated[
        int | None,
        Field(description="The changeNumber of the service tags file that severities were computed with.", ge=0),
    ] = None
    last_handled_reconcile_at: Annotated[
        str | None,
        Field(
            description="Last value of the `nsg-baseline.io/requestedAt` annotation that the operator handled.",
            max_length=256,
        ),
    ] = None


class NSGScope(Resource):
    """Part of Azure that the operator watches."""

    plural: ClassVar[str] = "nsgscopes"
    short_names: ClassVar[tuple[str, ...]] = ("nsgscope",)
    namespaced: ClassVar[bool] = False
    columns: ClassVar[tuple[Column, ...]] = (
        Column(name="Subscription", path=".spec.subscriptionId", description="Id of the subscription."),
        condition_column("Ready", "Whether the last reconcile succeeded."),
        condition_column("Ready", "Reason of the Ready condition.", part="reason", name="Reason"),
        Column(name="NSGs", path=".status.nsgs", type="integer", description="Number of NSGs."),
        Column(name="Drifted", path=".status.drifted", type="integer", description="Baselines whose NSG has drifted."),
        Column(name="Unbaselined", path=".status.unbaselined", type="integer", description="NSGs without a baseline."),
        AGE,
        Column(name="Mode", path=".status.effectiveMode", priority=1, description="Highest mode in effect."),
    )
    initial_status: ClassVar[dict[str, Any]] = {
        "observedGeneration": -1,
        "conditions": [pending_condition("Ready")],
        "effectiveMode": "Alert",
        "nsgs": 0,
        "baselines": 0,
        "drifted": 0,
        "unbaselined": 0,
    }

    kind: Literal["NSGScope"] = "NSGScope"
    spec: ScopeSpec
    status: ScopeStatus = ScopeStatus()
