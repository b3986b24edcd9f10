"""The two sides of a comparison: an NSG as approved, and as it is live."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nsg_baseline.api.baseline import BaselineSpec, Comparison, Tolerated
from nsg_baseline.api.rule import SecurityRule
from nsg_baseline.core.ids import NSGId, fold
from nsg_baseline.core.rules import Rule, normalise

STRICT = Comparison()


class UnreadableNSGError(ValueError):
    """A document is not an NSG in the form of ARM's REST API."""


@dataclass(frozen=True, slots=True)
class LiveNSG:
    """An NSG as Azure has it. `document` is ARM's whole response."""

    id: NSGId
    etag: str
    provisioning_state: str
    rules: tuple[Rule, ...]
    tags: Mapping[str, str]
    subnets: frozenset[str]
    network_interfaces: frozenset[str]
    document: Mapping[str, Any] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ApprovedException:
    """A rule that is approved until `until`."""

    rule: Rule
    until: datetime


@dataclass(frozen=True, slots=True)
class ApprovedNSG:
    """An NSG as its baseline declares it. Parts that are None are not compared.

    `rule_authors` has the known authors of live rules, by folded name of the rule.
    """

    id: NSGId
    rules: tuple[Rule, ...]
    tags: Mapping[str, str] | None = None
    subnets: frozenset[str] | None = None
    network_interfaces: frozenset[str] | None = None
    tolerate: tuple[Tolerated, ...] = ()
    exceptions: tuple[ApprovedException, ...] = ()
    comparison: Comparison = STRICT
    rule_authors: Mapping[str, str] = field(default_factory=dict)


def parse_live(document: Mapping[str, Any]) -> LiveNSG:
    """Read an NSG in the form of ARM's REST API.

    Raises:
        UnreadableNSGError: the document is not such an NSG.
        UnreadableRuleError: one of its rules cannot be read.
    """
    properties = document.get("properties")
    if not isinstance(properties, Mapping) or not isinstance(properties.get("securityRules"), list):
        raise UnreadableNSGError("properties.securityRules is missing")
    return LiveNSG(
        id=_id(document.get("id")),
        etag=str(document.get("etag") or ""),
        provisioning_state=str(properties.get("provisioningState") or ""),
        rules=_rules(properties["securityRules"]),
        tags=_tags(document.get("tags")),
        subnets=_references(properties, "subnets"),
        network_interfaces=_references(properties, "networkInterfaces"),
        document=document,
    )


def parse_approved(spec: BaselineSpec) -> ApprovedNSG:
    """Read what a baseline approves."""
    attached = spec.associations
    return ApprovedNSG(
        id=NSGId.parse(spec.target.resource_id),
        rules=tuple(parse_rule(rule) for rule in spec.rules),
        tags=spec.tags,
        subnets=_folded(attached.subnets) if attached else None,
        network_interfaces=_folded(attached.network_interfaces) if attached else None,
        tolerate=spec.tolerate,
        exceptions=tuple(
            ApprovedException(parse_rule(exception.rule), exception.until) for exception in spec.exceptions
        ),
        comparison=spec.comparison,
    )


def parse_rule(rule: SecurityRule) -> Rule:
    """Read an approved rule."""
    return normalise(rule.model_dump(by_alias=True, exclude_unset=True, exclude_none=True, mode="json"))


def flatten(rule: Any) -> dict[str, Any]:
    """Return a rule of ARM's REST form as its name and properties on one level.

    Raises:
        UnreadableNSGError: it is not an object with properties.
    """
    if not isinstance(rule, Mapping) or not isinstance(rule.get("properties"), Mapping):
        raise UnreadableNSGError("properties.securityRules holds something that is not a rule")
    return {**rule["properties"], "name": rule.get("name")}


def _rules(documents: Iterable[Any]) -> tuple[Rule, ...]:
    rules = tuple(normalise(flatten(document)) for document in documents)
    duplicates = [name for name, count in Counter(rule.key for rule in rules).items() if count > 1]
    if duplicates:
        # Comparisons and writes find rules by name, so they would miss one of the two.
        raise UnreadableNSGError(f"properties.securityRules holds more than one rule named {duplicates[0]}")
    return rules


def _id(value: object) -> NSGId:
    try:
        return NSGId.parse(str(value))
    except ValueError as error:
        raise UnreadableNSGError(str(error)) from None


def _tags(value: Any) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UnreadableNSGError("tags is not an object")
    return {str(key): str(text) for key, text in value.items()}


def _references(properties: Mapping[str, Any], key: str) -> frozenset[str]:
    references = properties.get(key)
    if references is None:
        return frozenset()
    if not isinstance(references, list):
        raise UnreadableNSGError(f"properties.{key} is not a list")
    ids = [reference.get("id") if isinstance(reference, Mapping) else None for reference in references]
    if any(not isinstance(resource_id, str) for resource_id in ids):
        raise UnreadableNSGError(f"properties.{key} holds an entry without id")
    return frozenset(fold(str(resource_id)) for resource_id in ids)


def _folded(ids: Iterable[str] | None) -> frozenset[str] | None:
    return None if ids is None else frozenset(map(fold, ids))
