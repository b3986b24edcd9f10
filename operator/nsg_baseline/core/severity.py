"""Severity: how serious the traffic is that a set of changes newly allows or denies.

It is derived from the exposure, not from the text of rules: an open rule after a deny rule may have no exposure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from nsg_baseline.api.common import Severity
from nsg_baseline.core.intervals import ALL_PORTS, Interval, common, merge, port_text, without
from nsg_baseline.core.severity_policy import (
    DEFAULT_SEVERITY_POLICY,
    SEVERITIES,
    SEVERITY_REASONS,
    SeverityPolicy,
    SeverityReason,
    port_set,
)
from nsg_baseline.core.traffic.likely import likely
from nsg_baseline.core.traffic.model import Box, Entry
from nsg_baseline.core.traffic.sources import contains_platform, is_internet_wide, is_private, wide_ports

_EXPLANATIONS: Mapping[SeverityReason, str] = {
    "InternetToProtocol": "{} opens protocols other than TCP, UDP and ICMP to the Internet",
    "PublicToManagement": "{} opens a management or database port to public addresses",
    "PublicAllowed": "{} allows traffic from some public addresses",
    "PrivateAllowed": "{} allows traffic from private addresses",
    "OutboundAllowed": "{} allows outbound traffic",
    "PlatformDenied": "{} also blocks the platform's health probes or gateway manager",
    "Denied": "{} blocks traffic that was allowed",
    "IcmpOnly": "{} affects only ICMP",
    "Conditional": "{} affects only public addresses in VirtualNetwork",
}
_WEB = "80,443"
_SHOWN_MORE = 2


@dataclass(frozen=True, slots=True)
class Rating:
    """The severity of an exposure and its reason. `explanation` continues a sentence after `because`."""

    severity: Severity
    reason: SeverityReason
    explanation: str


def rate(entries: Iterable[Entry], policy: SeverityPolicy = DEFAULT_SEVERITY_POLICY) -> Rating:
    """Return the rating of an exposure: that of its most severe part."""
    entries = tuple(entries)
    reasons = _reasons(entries, policy)
    return worst_rating((rated(policy, reason, explanation) for reason, explanation in reasons), policy)


def open_services(entries: Iterable[Entry], policy: SeverityPolicy) -> Iterator[tuple[str, Interval]]:
    """Yield protocol and ports of what is open to the Internet.

    Management, database and web ports are yielded service by service, so that closing some of them yields fewer values
    and no new ones; of other ports the ranges that are open.
    """
    opened = [_Opened(entry, box) for entry in entries if _is_opened(entry) for box in likely(entry.boxes)]
    for protocol in ("Tcp", "Udp"):
        boxes = [opening.box for opening in opened if protocol in opening.box.protocols]
        wide = wide_ports((box.destination_ports, box.source) for box in boxes)
        services = (*policy.sensitive(protocol), *port_set(_WEB))
        yield from ((protocol, service) for service in services if common(wide, (service,)))
        if wide != ALL_PORTS:
            yield from ((protocol, ports) for ports in without(wide, merge(services)))


def rated(policy: SeverityPolicy, reason: SeverityReason, explanation: str) -> Rating:
    """Return the rating for one reason."""
    return Rating(policy.severity(reason), reason, explanation)


def worst_rating(ratings: Iterable[Rating], policy: SeverityPolicy) -> Rating:
    """Return the most severe rating, of equals the first in the table; without ratings, that of no exposure."""
    nothing = rated(policy, "NoExposure", "no connection is affected")
    return min(
        ratings,
        key=lambda rating: (SEVERITIES.index(rating.severity), SEVERITY_REASONS.index(rating.reason)),
        default=nothing,
    )


def worst(severities: Iterable[Severity]) -> Severity | None:
    """Return the most severe of some severities."""
    return min(severities, key=SEVERITIES.index, default=None)


def _reasons(entries: tuple[Entry, ...], policy: SeverityPolicy) -> Iterator[tuple[SeverityReason, str]]:
    opened = [_Opened(entry, box) for entry in entries if _is_opened(entry) for box in likely(entry.boxes)]
    for protocol in ("Tcp", "Udp"):
        yield from _internet_reasons(opened, protocol, policy)
    for entry in entries:
        if entry.conditional:
            yield _explained("Conditional", entry)
            continue
        reasons = (_reason_of(entry, box, policy) for box in likely(entry.boxes))
        yield from (_explained(reason, entry) for reason in reasons if reason is not None)


@dataclass(frozen=True, slots=True)
class _Opened:
    entry: Entry
    box: Box


def _is_opened(entry: Entry) -> bool:
    return _is_inbound_allow(entry) and not _is_unfiltered(entry)


def _is_inbound_allow(entry: Entry) -> bool:
    return entry.effect == "Allowed" and entry.direction == "Inbound" and not entry.conditional


def _is_unfiltered(entry: Entry) -> bool:
    """Return whether no NSG applies any more: Standard public addresses are then closed to the Internet."""
    return entry.live_rule is None


def _internet_reasons(
    opened: list[_Opened], protocol: str, policy: SeverityPolicy
) -> Iterator[tuple[SeverityReason, str]]:
    """Yield the reasons for ports that are open to the Internet; the sources of all rules for a port count together."""
    openings = [opening for opening in opened if protocol in opening.box.protocols]
    wide = wide_ports((opening.box.destination_ports, opening.box.source) for opening in openings)
    sensitive = common(wide, policy.sensitive(protocol))
    if sensitive:
        yield "InternetToManagement", _openers(openings, protocol, sensitive)
    if wide == ALL_PORTS:
        yield "InternetToAllPorts", _openers(openings, protocol, wide)
    other = without(without(wide, policy.sensitive(protocol)), port_set(_WEB))
    if other:
        yield "InternetToPort", _openers(openings, protocol, other)
    web = common(wide, port_set(_WEB))
    if web:
        yield "InternetToWeb", _openers(openings, protocol, web)


def _reason_of(entry: Entry, box: Box, policy: SeverityPolicy) -> SeverityReason | None:
    """Return the severity reason of one box; None for a box that `_internet_reasons` rates."""
    if set(box.protocols) <= {"Icmp"}:
        return "IcmpOnly"
    if entry.effect == "Denied":
        return "PlatformDenied" if entry.direction == "Inbound" and contains_platform(box.source) else "Denied"
    if entry.direction == "Outbound":
        return "OutboundAllowed"
    if _is_unfiltered(entry) or is_private(box.source):
        return "PrivateAllowed"
    if is_internet_wide([box.source]):
        return "InternetToProtocol" if set(box.protocols) & {"Esp", "Ah", "Other"} else None
    sensitive = any(
        common(box.destination_ports, policy.sensitive(protocol))
        for protocol in ("Tcp", "Udp")
        if protocol in box.protocols
    )
    return "PublicToManagement" if sensitive else "PublicAllowed"


def _explained(reason: SeverityReason, entry: Entry) -> tuple[SeverityReason, str]:
    return reason, _EXPLANATIONS[reason].format(_by(entry))


def _by(entry: Entry) -> str:
    return entry.live_rule or "the lack of a rule"


def _openers(opened: list[_Opened], protocol: str, ports: tuple[Interval, ...]) -> str:
    """Return a sentence with the rules that open some ports to the Internet, and the ports of each."""
    ports_by_rule: dict[str, tuple[Interval, ...]] = {}
    rest = ports
    for opening in opened:
        rule, rule_ports = _by(opening.entry), common(opening.box.destination_ports, rest)
        if rule_ports and is_internet_wide([opening.box.source]):
            ports_by_rule[rule] = merge((*ports_by_rule.get(rule, ()), *rule_ports))
            rest = without(rest, rule_ports)
    clauses = [f"{rule} opens {_traffic(protocol, rule_ports)}" for rule, rule_ports in ports_by_rule.items()]
    if rest:
        # The sources of these rules are the Internet only together.
        reaching = (opening for opening in opened if common(opening.box.destination_ports, rest))
        rules = list(dict.fromkeys(_by(opening.entry) for opening in reaching))
        clauses.append(f"{_together(rules)} {'opens' if len(rules) == 1 else 'open'} {_traffic(protocol, rest)}")
    first, *others = clauses
    if len(others) > _SHOWN_MORE:
        others[_SHOWN_MORE - 1 :] = [f"{len(others) - _SHOWN_MORE + 1} more rules open more"]
    return "; ".join([f"{first} to the Internet", *others])


def _together(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    others = names[1] if len(names) == 2 else f"{len(names) - 1} more rules"  # noqa: PLR2004 - a pair
    return f"{names[0]} and {others}"


def _traffic(protocol: str, ports: tuple[Interval, ...]) -> str:
    return f"all {protocol.upper()} ports" if ports == ALL_PORTS else f"{protocol.upper()} {_ports(ports)}"


def _ports(ports: tuple[Interval, ...]) -> str:
    texts = [port_text(interval) for interval in ports]
    return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")  # noqa: PLR2004 - shown
