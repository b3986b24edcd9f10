"""Which scope an NSG belongs to, and which baseline owns it there."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.api.common import EffectiveMode, ObjectKey
from nsg_baseline.api.scope import AllowedNamespaces, NSGScope, ScopeSpec
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.patterns import any_matches

RefusalReason = Literal["InvalidSpec", "NoScope", "NamespaceNotAllowed", "Conflict", "TooManyBaselines", "Suspended"]
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a baseline is not reconciled. `owner` is the baseline that manages the NSG, if that is the reason."""

    reason: RefusalReason
    message: str
    owner: ObjectKey | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A baseline's claim on an NSG.

    The claim of a baseline that is suspended or invalid counts as well: its NSG is not unbaselined, and no other
    baseline takes it over. `inactive` is why such a baseline is not reconciled. `attachments` are the folded ids of the
    subnets and interfaces that it approves.
    """

    key: ObjectKey
    nsg: NSGId
    created: datetime | None
    inactive: Refusal | None = None
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which baseline manages which NSG.

    Attributes:
        owners: for each scope the baselines that own NSGs there, by folded NSG id.
        refused: why some baselines are not reconciled.
    """

    owners: Mapping[str, Mapping[str, ObjectKey]]
    refused: Mapping[ObjectKey, Refusal]

    def active(self, scope: str) -> dict[str, ObjectKey]:
        """Return the baselines to reconcile in a scope, by folded NSG id."""
        return {nsg: key for nsg, key in self.owners.get(scope, {}).items() if key not in self.refused}

    def inactive(self, scope: str) -> frozenset[str]:
        """Return the folded ids of a scope's NSGs whose baselines are suspended or invalid."""
        return frozenset(nsg for nsg, key in self.owners.get(scope, {}).items() if key in self.refused)


def scope_of(nsg: NSGId, scopes: Iterable[NSGScope]) -> NSGScope | None:
    """Return the most specific scope of an NSG: one of its resource group before one of its subscription.

    Of equally specific scopes the older takes precedence, then the one whose name sorts first.
    """
    candidates = [scope for scope in scopes if covers(scope.spec, nsg)]
    return min(candidates, key=_precedence, default=None)


def covers(spec: ScopeSpec, nsg: NSGId) -> bool:
    """Return whether a scope's subscription and resource groups contain this NSG."""
    if spec.subscription_id.lower() != nsg.subscription.lower():
        return False
    groups = spec.resource_groups
    return groups is None or nsg.resource_group.lower() in {group.lower() for group in groups}


def allows(allowed: AllowedNamespaces, namespace: str, labels: Mapping[str, str]) -> bool:
    """Return whether a scope honours the baselines of a namespace with these labels."""
    if allowed.names is not None:
        return namespace in allowed.names
    if allowed.selector is not None:
        return allowed.selector.match_labels.items() <= labels.items()
    return allowed.all is True


def assign(
    scopes: Iterable[NSGScope], claims: Iterable[Claim], namespaces: Mapping[str, Mapping[str, str]]
) -> Assignment:
    """Decide which baselines own their NSGs. `namespaces` holds the labels of each namespace.

    If a scope lists its namespaces by name, an earlier namespace takes precedence over a later one. Then the oldest
    baselines take precedence, then those whose key sorts first, both for an NSG and for a scope's limit of baselines
    per namespace. A suspended or invalid baseline counts as well. The NSG of a baseline above the limit is
    unbaselined, so that it is still reported.
    """
    scopes = sorted(scopes, key=_precedence)
    owners: dict[str, dict[str, ObjectKey]] = {scope.metadata.name: {} for scope in scopes}
    counts: Counter[tuple[str, str]] = Counter()
    refused: dict[ObjectKey, Refusal] = {}
    covered = ((claim, scope_of(claim.nsg, scopes)) for claim in claims)
    for claim, scope in sorted(covered, key=lambda pair: _claim_precedence(*pair)):
        refusal = _refusal(claim, scope, owners, counts, namespaces)
        if refusal is not None:
            refused[claim.key] = refusal
        if scope is not None and refusal is claim.inactive:
            owners[scope.metadata.name][claim.nsg.key] = claim.key
            counts[scope.metadata.name, claim.key.namespace] += 1
    return Assignment(owners, refused)


def effective_mode(scope: ScopeSpec, baseline: BaselineSpec) -> EffectiveMode:
    """Return the mode in effect for a baseline that is accepted in a scope."""
    if baseline.suspend:
        return "Off"
    both_enforce = scope.max_mode == "Enforce" and baseline.mode == "Enforce"
    return "Enforce" if both_enforce and not scope.suspend_enforcement else "Alert"


def is_ignored(spec: ScopeSpec, nsg: NSGId) -> bool:
    """Return whether a scope ignores an NSG without a baseline."""
    rule = spec.unbaselined
    groups, names = rule.ignore_resource_groups, rule.ignore_names
    return rule.mode == "Ignore" or any_matches(groups, nsg.resource_group) or any_matches(names, nsg.name)


def _refusal(
    claim: Claim,
    scope: NSGScope | None,
    owners: Mapping[str, Mapping[str, ObjectKey]],
    counts: Mapping[tuple[str, str], int],
    namespaces: Mapping[str, Mapping[str, str]],
) -> Refusal | None:
    if scope is None:
        return Refusal("NoScope", f"no NSGScope covers {claim.nsg}")
    namespace, name = claim.key.namespace, scope.metadata.name
    allowed = scope.spec.allowed_namespaces
    if allowed is None or not allows(allowed, namespace, namespaces.get(namespace, {})):
        return Refusal("NamespaceNotAllowed", f"NSGScope {name} does not allow baselines in namespace {namespace}")
    owner = owners[name].get(claim.nsg.key)
    if owner is not None:
        return Refusal("Conflict", f"the NSG is managed by baseline {'/'.join(owner)}, which takes precedence", owner)
    limit = allowed.max_baselines_per_namespace
    if counts.get((name, namespace), 0) >= limit:
        return Refusal(
            "TooManyBaselines",
            f"NSGScope {name} accepts {limit} baselines of namespace {namespace}, the oldest first "
            "(spec.allowedNamespaces.maxBaselinesPerNamespace)",
        )
    return claim.inactive


def _claim_precedence(claim: Claim, scope: NSGScope | None) -> tuple[int, datetime, ObjectKey]:
    allowed = scope.spec.allowed_namespaces if scope is not None else None
    names = allowed.names if allowed is not None and allowed.names is not None else ()
    rank = names.index(claim.key.namespace) if claim.key.namespace in names else len(names)
    return rank, claim.created or _BEGINNING, claim.key


def _precedence(scope: NSGScope) -> tuple[bool, datetime, str]:
    meta = scope.metadata
    return scope.spec.resource_groups is None, meta.creation_timestamp or _BEGINNING, meta.name
