"""Severity: how serious the traffic is that a set of changes newly allows or denies.

It is derived from the exposure, not from the text of rules: an open rule after a deny rule may have no exposure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from nsg_baseline.api.common import Severity
from nsg_baseline.core.box_severity import by, reason_of, unfiltered
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
from nsg_baseline.core.traffic.sources import (
    INTERNET_WIDE,
    MANY,
    SEVERAL,
    Size,
    any_public_ports,
    is_internet_wide,
    is_private,
    wide_ports,
)
from nsg_baseline.core.traffic.tags import INTERNET, VIRTUAL_NETWORK

_EXPLANATIONS: Mapping[SeverityReason, str] = {
    "InternetToProtocol": "{} opens protocols other than TCP, UDP and ICMP to the Internet",
    "ManyToManagement": "{} opens a management or database port to AzureCloud, where any customer can have an address",
    "PublicToManagement": "{} opens a management or database port to a service tag",
    "PublicAllowed": "{} allows traffic from some public addresses",
    "PrivateAllowed": "{} allows traffic from private addresses",
    "OutboundAllowed": "{} allows outbound traffic",
    "PlatformDenied": "{} also blocks health probes of the load balancer or a service of the platform",
    "NameResolutionDenied": "{} blocks name resolution by Azure DNS",
    "Denied": "{} blocks traffic that was allowed",
    "IcmpOnly": "{} affects only ICMP",
    "ConditionalAllowed": "{} allows public addresses if a route adds them to VirtualNetwork",
    "Conditional": "{} affects only public addresses in VirtualNetwork",
}
_WEB_PORTS = port_set("80,443")
# Outbound traffic is unrestricted on at least half of the ports.
_MOST_PORTS = 2**15
_SIZES: tuple[tuple[SeverityReason, Size | None, str], ...] = (
    ("InternetToManagement", INTERNET_WIDE, "the Internet"),
    ("ManyToManagement", MANY, "more than a million public addresses"),
    ("PublicToManagement", SEVERAL, "public addresses"),
    ("FewToManagement", None, "at most 16 public addresses"),
)
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
        services = (*policy.sensitive(protocol), *_WEB_PORTS)
        yield from ((protocol, service) for service in services if common(wide, (service,)))
        if wide != ALL_PORTS:
            yield from ((protocol, ports) for ports in without(wide, merge(services)))


def opens_management(entries: Iterable[Entry], policy: SeverityPolicy) -> bool:
    """Return whether an exposure contains a management or database port that is open to any public address."""
    return any(
        common(box.destination_ports, policy.sensitive(protocol))
        for entry in entries
        if _is_opened(entry)
        for box in likely(entry.boxes)
        if not is_private(box.source)
        for protocol in ("Tcp", "Udp")
        if protocol in box.protocols
    )


def rated(policy: SeverityPolicy, reason: SeverityReason, explanation: str) -> Rating:
    """Return the rating for one reason."""
    return Rating(policy.severity(reason), reason, explanation)


def worst_rating(ratings: Iterable[Rating], policy: SeverityPolicy) -> Rating:
    """Return the most severe rating, of equals the first in the table; without ratings, that of no exposure."""
    nothing = rated(policy, "NoExposure", "no connection is affected")
    return min(ratings, key=rank, default=nothing)


def rank(rating: Rating) -> tuple[int, int]:
    """Return the position of a rating; that of a more severe one is smaller."""
    return SEVERITIES.index(rating.severity), SEVERITY_REASONS.index(rating.reason)


def worst(severities: Iterable[Severity]) -> Severity | None:
    """Return the most severe of some severities."""
    return min(severities, key=SEVERITIES.index, default=None)


def _reasons(entries: tuple[Entry, ...], policy: SeverityPolicy) -> Iterator[tuple[SeverityReason, str]]:
    opened = [_Opened(entry, box) for entry in entries if _is_opened(entry) for box in likely(entry.boxes)]
    for protocol in ("Tcp", "Udp"):
        yield from _internet_reasons(opened, protocol, policy)
        yield from _outbound_reasons(entries, protocol)
    for entry in entries:
        if entry.conditional:
            yield _explained(_conditional_reason(entry), entry)
            continue
        reasons = {reason_of(entry, box, policy) for box in likely(entry.boxes)}
        yield from (_explained(reason, entry) for reason in reasons if reason is not None)


def _outbound_reasons(entries: Iterable[Entry], protocol: str) -> Iterator[tuple[SeverityReason, str]]:
    """Yield the reason for traffic to the Internet that is no longer restricted."""
    boxes = [
        (entry, box)
        for entry in entries
        if entry.effect == "Allowed" and entry.direction == "Outbound" and not entry.conditional
        for box in likely(entry.boxes)
        if protocol in box.protocols
    ]
    wide = wide_ports((box.destination_ports, box.destination) for _, box in boxes)
    if sum(last - first + 1 for _, first, last in wide) >= _MOST_PORTS:
        rules = list(dict.fromkeys(by(entry) for entry, box in boxes if common(box.destination_ports, wide)))
        verb = "allows" if len(rules) == 1 else "allow"
        yield "OutboundUnrestricted", f"{_together(rules)} {verb} outbound traffic to the Internet on most ports"


def _conditional_reason(entry: Entry) -> SeverityReason:
    """Return whether a deny of the Internet, or of a part of it, is gone above an allow of the virtual network."""
    inside = any(tag.name.lower() == VIRTUAL_NETWORK for tag in entry.tags)
    not_tags = [
        box.source.not_tags if entry.direction == "Inbound" else box.destination.not_tags for box in entry.boxes
    ]
    gone = any(INTERNET not in map(str.lower, tags) for tags in not_tags)
    return "ConditionalAllowed" if entry.effect == "Allowed" and inside and gone else "Conditional"


@dataclass(frozen=True, slots=True)
class _Opened:
    entry: Entry
    box: Box


def _is_opened(entry: Entry) -> bool:
    return (
        entry.effect == "Allowed" and entry.direction == "Inbound" and not entry.conditional and not unfiltered(entry)
    )


def _internet_reasons(
    opened: list[_Opened], protocol: str, policy: SeverityPolicy
) -> Iterator[tuple[SeverityReason, str]]:
    """Yield the reasons for ports that are open to the Internet; the sources of all rules for a port count together."""
    openings = [opening for opening in opened if protocol in opening.box.protocols]
    yield from _management_reasons(openings, protocol, policy.sensitive(protocol))
    wide = wide_ports((opening.box.destination_ports, opening.box.source) for opening in openings)
    if wide == ALL_PORTS:
        yield "InternetToAllPorts", _openers(openings, protocol, wide)
    other = without(without(wide, policy.sensitive(protocol)), _WEB_PORTS)
    if other:
        yield "InternetToPort", _openers(openings, protocol, other)
    web = common(wide, _WEB_PORTS)
    if web:
        yield "InternetToWeb", _openers(openings, protocol, web)


def _management_reasons(
    openings: list[_Opened], protocol: str, rest: tuple[Interval, ...]
) -> Iterator[tuple[SeverityReason, str]]:
    """Yield a reason for each number of public addresses to which management and database ports are open."""
    sources = [(opening.box.destination_ports, opening.box.source) for opening in openings]
    for reason, size, audience in _SIZES:
        wide = any_public_ports(sources) if size is None else wide_ports(sources, size)
        if ports := common(wide, rest):
            yield reason, _openers(openings, protocol, ports, audience)
            rest = without(rest, ports)


def _explained(reason: SeverityReason, entry: Entry) -> tuple[SeverityReason, str]:
    return reason, _EXPLANATIONS[reason].format(by(entry))


def _openers(opened: list[_Opened], protocol: str, ports: tuple[Interval, ...], audience: str = "the Internet") -> str:
    """Return a sentence with the rules that open some ports to an audience, and the ports of each."""
    ports_by_rule: dict[str, tuple[Interval, ...]] = {}
    rest = ports
    for opening in opened:
        rule, rule_ports = by(opening.entry), common(opening.box.destination_ports, rest)
        if rule_ports and is_internet_wide([opening.box.source]):
            ports_by_rule[rule] = merge((*ports_by_rule.get(rule, ()), *rule_ports))
            rest = without(rest, rule_ports)
    clauses = [f"{rule} opens {_traffic(protocol, rule_ports)}" for rule, rule_ports in ports_by_rule.items()]
    if rest:
        # The sources of these rules are the Internet only together.
        reaching = (
            opening
            for opening in opened
            if common(opening.box.destination_ports, rest) and not is_private(opening.box.source)
        )
        rules = list(dict.fromkeys(by(opening.entry) for opening in reaching))
        clauses.append(f"{_together(rules)} {'opens' if len(rules) == 1 else 'open'} {_traffic(protocol, rest)}")
    first, *others = clauses
    if len(others) > _SHOWN_MORE:
        others[_SHOWN_MORE - 1 :] = [f"{len(others) - _SHOWN_MORE + 1} more rules open more"]
    return "; ".join([f"{first} to {audience}", *others])


def _together(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    others = names[1] if len(names) == 2 else f"{len(names) - 1} more rules"  # noqa: PLR2004 - a pair
    return f"{names[0]} and {others}"


def _traffic(protocol: str, ports: tuple[Interval, ...]) -> str:
    return f"all {protocol.upper()} ports" if ports == ALL_PORTS else f"{protocol.upper()} {_ports(ports)}"


def _ports(ports: tuple[Interval, ...]) -> str:
    texts = [port_text(interval) for interval in ports]
    return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more ports" if len(texts) > 3 else "")  # noqa: PLR2004 - shown
