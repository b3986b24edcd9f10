"""Which scope an NSG belongs to, and whose baseline holds there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.api.common import EffectiveMode
from nsg_baseline.api.scope import AllowedNamespaces, NSGScope, ScopeSpec
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.patterns import any_matches

Key = tuple[str, str]
RefusalReason = Literal["InvalidSpec", "NoScope", "NamespaceNotAllowed", "Conflict", "Suspended"]
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a baseline is not looked at."""

    reason: RefusalReason
    message: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A baseline's claim on an NSG.

    One that is idle, being suspended or invalid, speaks for its NSG all the same:
    the NSG is neither without a baseline nor free for another.
    """

    key: Key
    nsg: NSGId
    created: datetime | None
    idle: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """For each scope the baselines that speak there, by NSG; and why some baselines are not looked at."""

    held: Mapping[str, Mapping[str, Key]]
    refused: Mapping[Key, Refusal]

    def looked_at(self, scope: str) -> dict[str, Key]:
        """Return the baselines to look at in a scope, by NSG."""
        return {nsg: key for nsg, key in self.held.get(scope, {}).items() if key not in self.refused}

    def silent(self, scope: str) -> frozenset[str]:
        """Return the NSGs of a scope whose baselines are suspended or invalid."""
        return frozenset(nsg for nsg, key in self.held.get(scope, {}).items() if key in self.refused)


def scope_of(nsg: NSGId, scopes: Iterable[NSGScope]) -> NSGScope | None:
    """Return the scope that names the NSG's resource group, else the one for its whole subscription.

    Of two equals the older holds, of two as old the one whose name comes first.
    """
    candidates = [scope for scope in scopes if covers(scope.spec, nsg)]
    return min(candidates, key=_precedence, default=None)


def covers(spec: ScopeSpec, nsg: NSGId) -> bool:
    """Say whether a scope's subscription and resource groups hold this NSG."""
    if spec.subscription_id.lower() != nsg.subscription.lower():
        return False
    groups = spec.resource_groups
    return groups is None or nsg.resource_group.lower() in {group.lower() for group in groups}


def allows(allowed: AllowedNamespaces | None, namespace: str, labels: Mapping[str, str]) -> bool:
    """Say whether baselines of a namespace with these labels are believed."""
    if allowed is None:
        return False
    if allowed.names is not None:
        return namespace in allowed.names
    if allowed.selector is not None:
        return allowed.selector.match_labels.items() <= labels.items()
    return allowed.all is True


def assign(
    scopes: Iterable[NSGScope], claims: Iterable[Claim], namespaces: Mapping[str, Mapping[str, str]]
) -> Assignment:
    """Decide for every baseline whether and where it holds. `namespaces` are the labels by namespace."""
    scopes = sorted(scopes, key=_precedence)
    held: dict[str, dict[str, Key]] = {scope.metadata.name: {} for scope in scopes}
    refused: dict[Key, Refusal] = {}
    for claim in sorted(claims, key=lambda one: (one.created or _BEGINNING, one.key)):
        scope = scope_of(claim.nsg, scopes)
        refusal = _refusal(claim, scope, held, namespaces)
        if refusal is not None:
            refused[claim.key] = refusal
        if scope is not None and refusal is claim.idle:
            held[scope.metadata.name][claim.nsg.key] = claim.key
    return Assignment(held, refused)


def effective_mode(scope: ScopeSpec, baseline: BaselineSpec) -> EffectiveMode:
    """Return the mode in effect for a baseline that is accepted in a scope."""
    if baseline.suspend:
        return "Off"
    both_enforce = scope.max_mode == "Enforce" and baseline.mode == "Enforce"
    return "Enforce" if both_enforce and not scope.suspend_enforcement else "Alert"


def is_ignored(spec: ScopeSpec, nsg: NSGId) -> bool:
    """Say whether an NSG without a baseline is passed over in this scope."""
    rule = spec.unbaselined
    groups, names = rule.ignore_resource_groups, rule.ignore_names
    return rule.mode == "Ignore" or any_matches(groups, nsg.resource_group) or any_matches(names, nsg.name)


def _refusal(
    claim: Claim,
    scope: NSGScope | None,
    held: Mapping[str, Mapping[str, Key]],
    namespaces: Mapping[str, Mapping[str, str]],
) -> Refusal | None:
    if scope is None:
        return Refusal("NoScope", f"no NSGScope covers {claim.nsg}")
    namespace, name = claim.key[0], scope.metadata.name
    if not allows(scope.spec.allowed_namespaces, namespace, namespaces.get(namespace, {})):
        return Refusal("NamespaceNotAllowed", f"NSGScope {name} does not allow baselines in namespace {namespace}")
    holder = held[name].get(claim.nsg.key)
    if holder is not None:
        return Refusal("Conflict", f"the older baseline {'/'.join(holder)} speaks for this NSG")
    return claim.idle


def _precedence(scope: NSGScope) -> tuple[bool, datetime, str]:
    meta = scope.metadata
    return scope.spec.resource_groups is None, meta.creation_timestamp or _BEGINNING, meta.name
