"""The normal form of a security rule, and equality by meaning.

Azure keeps much of a rule as it was sent: case of tags and protocols, `443-443`, bare addresses and /32, host bits,
order, singular or plural. None of it changes the meaning of the rule, so the normal form does not contain it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nsg_baseline.api.baseline import Comparison
from nsg_baseline.core.ids import fold
from nsg_baseline.core.intervals import ALL_IPV4, ALL_IPV6, LAST_PORT, Interval, merge, parse_ports, parse_prefix

PROTOCOLS = {"tcp": "Tcp", "udp": "Udp", "icmp": "Icmp", "esp": "Esp", "ah": "Ah", "*": "*"}
_DIRECTIONS = {"inbound": "Inbound", "outbound": "Outbound"}
_ACCESS = {"allow": "Allow", "deny": "Deny"}
# Default rules go up to 65500.
_LAST_PRIORITY = 65535


class UnreadableRuleError(ValueError):
    """A live rule has no valid value for a required field. Such a rule is never treated as absent."""

    def __init__(self, rule: str, problem: str) -> None:
        super().__init__(f"rule {rule}: {problem}")


@dataclass(frozen=True, slots=True)
class Addresses:
    """One side of a rule. `words` are service tags, `*` and texts that are neither prefix nor tag, folded."""

    ranges: tuple[Interval, ...] = ()
    words: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ports:
    """Merged port ranges. `words` holds texts that are not ports, as written."""

    ranges: tuple[Interval, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule by meaning. `document` is ARM's form of it, name and flattened properties, unknown ones included."""

    name: str
    priority: int
    direction: str
    access: str
    protocol: str
    source: Addresses
    source_ports: Ports
    destination: Addresses
    destination_ports: Ports
    description: str
    document: Mapping[str, Any] = field(compare=False, repr=False)

    @property
    def key(self) -> str:
        """The name, folded: ARM compares names without regard to case."""
        return self.name.lower()


def normalise(document: Mapping[str, Any]) -> Rule:
    """Return the normal form of a rule given as its name and flattened ARM properties.

    Raises:
        UnreadableRuleError: a field that every rule has is missing or of the wrong type.
    """
    name = document.get("name")
    if not isinstance(name, str) or not name:
        raise UnreadableRuleError("?", "name is missing")
    return Rule(
        name=name,
        priority=_priority(name, document.get("priority")),
        direction=_word(name, document, "direction", _DIRECTIONS),
        access=_word(name, document, "access", _ACCESS),
        protocol=_word(name, document, "protocol", PROTOCOLS),
        source=_addresses(name, document, "source"),
        source_ports=_ports(name, document, "source"),
        destination=_addresses(name, document, "destination"),
        destination_ports=_ports(name, document, "destination"),
        description=str(document.get("description") or ""),
        document=document,
    )


def differing_fields(approved: Rule, live: Rule, comparison: Comparison) -> tuple[str, ...]:
    """Return the names of the fields whose meaning differs, in ARM's terms; none for equal rules."""
    approved_facets, live_facets = _facets(approved, comparison), _facets(live, comparison)
    return tuple(name for name, value in approved_facets.items() if value != live_facets[name])


def semantic_key(rule: Rule, comparison: Comparison) -> tuple[Any, ...]:
    """Return a value that is equal for two rules if and only if they have the same name and the same meaning."""
    return rule.key, *_facets(rule, comparison).values()


def _facets(rule: Rule, comparison: Comparison) -> dict[str, Any]:
    source, destination = (_widened(side, comparison) for side in (rule.source, rule.destination))
    return {
        "priority": rule.priority,
        "direction": rule.direction,
        "access": rule.access,
        "protocol": rule.protocol,
        "sourceAddressPrefix": (source.ranges, source.words),
        "sourceApplicationSecurityGroups": source.groups,
        "sourcePortRange": (rule.source_ports.ranges, rule.source_ports.words),
        "destinationAddressPrefix": (destination.ranges, destination.words),
        "destinationApplicationSecurityGroups": destination.groups,
        "destinationPortRange": (rule.destination_ports.ranges, rule.destination_ports.words),
        "description": rule.description if comparison.descriptions else "",
    }


def _widened(side: Addresses, comparison: Comparison) -> Addresses:
    """Replace all of IPv4, with or without all of IPv6, by *, if the baseline treats them as equal."""
    if not comparison.any_equals_all_addresses or side.groups:
        return side
    everything = side.ranges in ((ALL_IPV4,), (ALL_IPV4, ALL_IPV6)) or "*" in side.words
    return Addresses(words=("*",)) if everything else side


def _priority(name: str, value: object) -> int:
    # Some template files write numbers as text.
    text = str(value) if isinstance(value, str) or (type(value) is int and 0 <= value <= _LAST_PRIORITY) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LAST_PRIORITY))):
        raise UnreadableRuleError(name, "priority is not a number from 0 to 65535")
    return int(text)


def _word(name: str, document: Mapping[str, Any], key: str, spellings: Mapping[str, str]) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise UnreadableRuleError(name, f"{key} is missing")
    return spellings.get(value.lower(), value.lower())


def _addresses(name: str, document: Mapping[str, Any], side: str) -> Addresses:
    ranges: list[Interval] = []
    words: set[str] = set()
    for text in _values(name, document, f"{side}AddressPrefix", f"{side}AddressPrefixes"):
        interval = parse_prefix(text)
        if interval is None:
            words.add(text.lower())
        else:
            ranges.append(interval)
    return Addresses(merge(ranges), tuple(sorted(words)), _groups(name, document, f"{side}ApplicationSecurityGroups"))


def _ports(name: str, document: Mapping[str, Any], side: str) -> Ports:
    ranges: list[Interval] = []
    words: set[str] = set()
    for text in _values(name, document, f"{side}PortRange", f"{side}PortRanges"):
        interval = parse_ports(text)
        if interval is None:
            words.add(text)
        else:
            ranges.append(interval)
    return Ports(merge(ranges), tuple(sorted(words)))


def _values(name: str, document: Mapping[str, Any], singular: str, plural: str) -> Iterable[str]:
    for value in (document.get(singular), *_list(name, document, plural)):
        # Empty text stands for an absent field in ARM's answers; numbers occur for ports in template files.
        if value is None or value == "":
            continue
        if not isinstance(value, str) and (type(value) is not int or not 0 <= value <= LAST_PORT):
            raise UnreadableRuleError(name, f"{singular} or {plural} holds something that is not text")
        yield str(value).strip()


def _list(name: str, document: Mapping[str, Any], key: str) -> list[Any] | tuple[Any, ...]:
    value = document.get(key)
    if value is None or value == "":
        return ()
    if not isinstance(value, list | tuple):
        raise UnreadableRuleError(name, f"{key} is not a list")
    return value


def _groups(name: str, document: Mapping[str, Any], key: str) -> tuple[str, ...]:
    ids: set[str] = set()
    for group in _list(name, document, key):
        group_id = group.get("id") if isinstance(group, Mapping) else None
        if not isinstance(group_id, str):
            raise UnreadableRuleError(name, f"{key} holds an entry without id")
        ids.add(fold(group_id))
    return tuple(sorted(ids))
