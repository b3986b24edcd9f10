"""Request bodies as the Activity Log shows them, read without tolerance.

The sender of a request chooses how its body is written. A body that Azure reads in one way and the operator in another
could hide what was written, so anything unusual makes the whole body unreadable.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nsg_baseline.core.nsg import flatten
from nsg_baseline.core.rules import Rule, normalise

_RULE_SIDES = ("AddressPrefix", "AddressPrefixes", "ApplicationSecurityGroups", "PortRange", "PortRanges")
_NAMES = (
    *("name", "location", "tags", "properties", "securityRules", "id", "description", "priority", "direction"),
    *("access", "protocol", *(f"{side}{part}" for side in ("source", "destination") for part in _RULE_SIDES)),
)
_SPELLING = {name.lower(): name for name in _NAMES}


class UnreadableBodyError(ValueError):
    """A body is missing, truncated, ambiguous or not what its operation takes."""


@dataclass(frozen=True, slots=True)
class Body:
    """A request body.

    Attributes:
        document: the body, its names spelled as ARM documents them.
        rules: the rules that a write of a whole NSG lists, by folded name; None if it does not list rules.
    """

    document: Mapping[str, Any]
    rules: Mapping[str, Mapping[str, Any]] | None

    def rule_of_rule(self, name: str) -> Rule:
        """Return the rule that a write of one rule holds; the name is that of its path.

        Raises:
            UnreadableBodyError: it holds no readable rule.
        """
        return _rule({**self.document, "name": name})

    def rule_of_nsg(self, key: str) -> Rule | None:
        """Return the rule of a folded name that a write of a whole NSG lists; None if the write leaves it out.

        Raises:
            UnreadableBodyError: the body does not list rules, or the rule is not readable.
        """
        if self.rules is None:
            raise UnreadableBodyError("no list of rules")
        item = self.rules.get(key)
        return None if item is None else _rule(item)

    def all_rules(self) -> dict[str, Rule]:
        """Return all rules that a write of a whole NSG lists, by folded name.

        Raises:
            UnreadableBodyError: the body does not list rules, or a rule is not readable.
        """
        if self.rules is None:
            raise UnreadableBodyError("no list of rules")
        return {key: _rule(item) for key, item in self.rules.items()}

    @property
    def updates_tags_alone(self) -> bool:
        """Whether the body is an update of the tags: a write of a whole NSG must name its location."""
        return not {"location", "properties"} & self.document.keys()

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags that a write of an NSG holds; a write without tags removes them.

        Raises:
            UnreadableBodyError: they are not texts.
        """
        tags = self.document.get("tags") or {}
        if not isinstance(tags, Mapping) or not all(isinstance(value, str) for value in tags.values()):
            raise UnreadableBodyError("tags are not texts")
        return dict(tags)


def parse_body(text: str) -> Body | None:
    """Return a body; None if it cannot be read, or if a name or a rule occurs twice."""
    try:
        document = json.loads(text, object_pairs_hook=_object)
        return Body(document, _rules(document)) if isinstance(document, Mapping) else None
    except (ValueError, RecursionError):
        return None


def _rules(document: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]] | None:
    properties = document.get("properties")
    items = properties.get("securityRules") if isinstance(properties, Mapping) else None
    if not isinstance(items, Sequence) or isinstance(items, str):
        return None
    rules: dict[str, Mapping[str, Any]] = {}
    for item in items:
        name = item.get("name") if isinstance(item, Mapping) else None
        if not isinstance(name, str) or not name or name.lower() in rules:
            raise UnreadableBodyError("a rule without a name of its own")
        rules[name.lower()] = item
    return rules


def _rule(item: Mapping[str, Any]) -> Rule:
    try:
        return normalise(flatten(item))
    except ValueError as error:
        raise UnreadableBodyError(str(error)) from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    # ARM takes the names of properties in any case.
    names = [name.lower() for name, _ in pairs]
    if len(set(names)) < len(names) or any(not name.isascii() and _resembles(name) for name in names):
        # Which of the two Azure takes, and whether it takes letters that only fold to ASCII, is not documented.
        raise UnreadableBodyError("an ambiguous name")
    return {_SPELLING.get(name.lower(), name): value for name, value in pairs}


def _resembles(name: str) -> bool:
    return unicodedata.normalize("NFKC", name).upper().lower() in _SPELLING
