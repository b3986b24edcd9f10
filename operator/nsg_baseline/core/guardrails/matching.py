"""Which NSGs a guardrail applies to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nsg_baseline.api.guardrail import GuardrailSpec, Match
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.patterns import any_matches


@dataclass(frozen=True, slots=True)
class NSGFacts:
    """What decides whether a guardrail applies to an NSG.

    Attributes:
        scope: name of its scope; None if it is not known. A guardrail for certain scopes then applies.
        tags: its resource tags; None if they are not known. A guardrail for certain tags then applies.
        approved_tags: the tags that its baseline approves. Removing such a tag in Azure changes nothing.
    """

    nsg: NSGId
    scope: str | None = None
    tags: Mapping[str, str] | None = field(default_factory=dict)
    approved_tags: Mapping[str, str] = field(default_factory=dict)


def applies(spec: GuardrailSpec, facts: NSGFacts) -> bool:
    """Return whether a guardrail applies to an NSG. An exception does not change that."""
    return _is_matched(spec.match, facts) and not _is_excluded(spec, facts)


def is_excepted(spec: GuardrailSpec, nsg: NSGId, now: datetime) -> bool:
    """Return whether an NSG has an exception now."""
    return any(now < exception.until and NSGId.parse(exception.resource_id) == nsg for exception in spec.exceptions)


def _is_matched(match: Match, facts: NSGFacts) -> bool:
    return (
        (match.scopes is None or facts.scope is None or facts.scope in match.scopes)
        and _fits(match.resource_groups, facts.nsg.resource_group)
        and _fits(match.names, facts.nsg.name)
        and (match.tags is None or _has_tags(match.tags, facts))
    )


def _fits(patterns: Iterable[str] | None, name: str) -> bool:
    return patterns is None or any_matches(patterns, name)


def _has_tags(wanted: Mapping[str, str], facts: NSGFacts) -> bool:
    """Return whether live or approved tags contain all that are wanted. Azure ignores the case of keys alone."""
    if facts.tags is None:
        return True
    approved, live = ({key.lower(): value for key, value in tags.items()} for tags in (facts.approved_tags, facts.tags))
    return all(value in (approved.get(key.lower()), live.get(key.lower())) for key, value in wanted.items())


def _is_excluded(spec: GuardrailSpec, facts: NSGFacts) -> bool:
    exclude = spec.exclude
    return (
        (exclude.scopes is not None and facts.scope in exclude.scopes)
        or any_matches(exclude.resource_groups or (), facts.nsg.resource_group)
        or any_matches(exclude.names or (), facts.nsg.name)
    )
