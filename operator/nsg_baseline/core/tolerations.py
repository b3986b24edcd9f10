"""Co-owners: other legitimate writers of rules in an NSG."""

from collections.abc import Iterable

from nsg_baseline.api.baseline import Tolerated
from nsg_baseline.core.intervals import merge, parse_ports
from nsg_baseline.core.patterns import matches
from nsg_baseline.core.presets import PRESETS
from nsg_baseline.core.rules import PROTOCOLS, Ports, Rule


def co_owner_of(rule: Rule, tolerate: Iterable[Tolerated], writer: str | None = None) -> str | None:
    """Return the declared co-owner of a rule, as a preset's name or a pattern; None if there is none.

    `writer` is the last author of the rule, if it is known.
    """
    return next((entry.preset or entry.name for entry in tolerate if _fits(rule, entry, writer)), None)


def _fits(rule: Rule, entry: Tolerated, writer: str | None) -> bool:
    if not _is_within(rule, entry):
        return False
    if entry.caller is not None and (writer is None or entry.caller.lower() != writer.lower()):
        return False
    return PRESETS[entry.preset](rule) if entry.preset is not None else matches(entry.name or "", rule.name)


def _is_within(rule: Rule, entry: Tolerated) -> bool:
    """Return whether a rule is within the limits of an entry. An absent field sets no limit."""
    protocol = entry.protocol.lower() if entry.protocol is not None else None
    return (
        entry.direction in (None, rule.direction)
        and entry.access in (None, rule.access)
        and (protocol is None or PROTOCOLS.get(protocol, protocol) == rule.protocol)
        and (entry.priorities is None or entry.priorities.min <= rule.priority <= entry.priorities.max)
        and (not entry.destination_ports or _are_among(rule.destination_ports, entry.destination_ports))
    )


def _are_among(ports: Ports, allowed: Iterable[str]) -> bool:
    allowed_ports = merge(interval for text in allowed if (interval := parse_ports(text)) is not None)
    return not ports.words and merge((*allowed_ports, *ports.ranges)) == allowed_ports
