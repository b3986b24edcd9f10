"""The input and the result of a scope's reconcile."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.guardrail_decisions import GuardrailResult
from nsg_baseline.core.guardrails import GuardrailSet
from nsg_baseline.core.observations import Failure, UnbaselinedNSG


@dataclass(frozen=True, slots=True)
class ScopeSnapshot:
    """A scope as it is now.

    Attributes:
        scope: the scope.
        scopes: all scopes, to determine which NSGs belong to this one.
        baselines: the scope's active baselines, by folded NSG id.
        guardrails: the guardrails that are in force, for NSGs with and without a baseline.
        inactive: folded ids of NSGs whose baselines are suspended or invalid. These NSGs are not reconciled, and they
            do not count as unbaselined.
    """

    scope: NSGScope
    scopes: tuple[NSGScope, ...]
    baselines: Mapping[str, ObjectKey]
    inactive: frozenset[str] = frozenset()
    guardrails: GuardrailSet = field(default_factory=GuardrailSet)


@dataclass(slots=True)
class ScopeResult:
    """The result of one reconcile of a scope.

    Attributes:
        nsgs: NSGs of the scope in the listing.
        drifted: baselines whose NSG drifts.
        unbaselined: NSGs without a baseline.
        guardrails: the result of each guardrail, by name.
        failure: why the reading is incomplete; nothing is concluded about NSGs that it does not contain.
        unreadable: elements of the listing without a valid NSG id.
        failed: NSGs whose reconcile ended with an unexpected exception.
        unsaved: baselines whose status or incident could not be stored.
        detected: folded ids of NSGs with changes of rules that the reading before did not show.
    """

    nsgs: int = 0
    drifted: int = 0
    unbaselined: list[UnbaselinedNSG] = field(default_factory=list)
    guardrails: Mapping[str, GuardrailResult] = field(default_factory=dict)
    failure: Failure | None = None
    unreadable: int = 0
    failed: int = 0
    unsaved: int = 0
    detected: set[str] = field(default_factory=set)
