"""The severity policy: the table of severities, and the management and database ports. Users can set both.

Ports are those of Microsoft Defender's just-in-time access, of CIS Azure Foundations 7.1 to 7.4, of protocols without
encryption, and of common databases and control planes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from nsg_baseline.api.common import Severity
from nsg_baseline.core.intervals import Interval, merge, parse_ports

SeverityReason = Literal[
    "InternetToManagement",
    "InternetToAllPorts",
    "ManyToManagement",
    "InternetToPort",
    "InternetToProtocol",
    "PublicToManagement",
    "Unclear",
    "NSGDeleted",
    "RuleIneffective",
    "OutboundUnrestricted",
    "PlatformDenied",
    "NameResolutionDenied",
    "FewToManagement",
    "InternetToWeb",
    "PublicAllowed",
    "PrivateAllowed",
    "OutboundAllowed",
    "ConditionalAllowed",
    "Unattached",
    "Denied",
    "IcmpOnly",
    "Conditional",
    "UnattachedDeleted",
    "NSGCreated",
    "NoExposure",
]
"""A row of the table of severities. Of equal severities the first reason is reported."""
SEVERITY_REASONS: tuple[SeverityReason, ...] = get_args(SeverityReason)
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
_LEVELS: Mapping[SeverityReason, Severity] = {
    "InternetToManagement": "critical",
    "InternetToAllPorts": "critical",
    "ManyToManagement": "critical",
    "InternetToPort": "high",
    "InternetToProtocol": "high",
    "PublicToManagement": "high",
    "PlatformDenied": "high",
    "NameResolutionDenied": "high",
    "OutboundUnrestricted": "high",
    "NSGDeleted": "high",
    "RuleIneffective": "high",
    "Unclear": "high",
    "InternetToWeb": "medium",
    "FewToManagement": "medium",
    "PublicAllowed": "medium",
    "PrivateAllowed": "medium",
    "OutboundAllowed": "medium",
    "Denied": "medium",
    "ConditionalAllowed": "medium",
    "Unattached": "medium",
    "IcmpOnly": "low",
    "UnattachedDeleted": "low",
    "Conditional": "low",
    "NSGCreated": "low",
    "NoExposure": "info",
}
_MANAGEMENT = (
    "21-23,111,135,137-139,389,445,512-514,636,873,1433-1434,1521,2049,2181,2375-2376,2379-2380,3306,3389,5432,5601,5900,"
    "5984-5986,6379,6443,7001,7199,8086,8500,9042,9090,9200,9300,10250,10255,11211,15672,16379,26379,27017,50070"
)
# Services that amplify or relay traffic: dangerous only over UDP.
_MANAGEMENT_UDP = "53,69,123,161,1900,5353"


def port_set(text: str) -> tuple[Interval, ...]:
    """Read a comma-separated list of ports and ranges.

    Raises:
        ValueError: an element is neither a port nor a range.
    """
    intervals = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        interval = parse_ports(part)
        if interval is None:
            raise ValueError(f"{part!r} is neither a port nor a range such as 137-139")
        intervals.append(interval)
    return merge(intervals)


@dataclass(frozen=True, slots=True)
class SeverityPolicy:
    """Management and database ports, further ports for UDP only, and the level of each reason."""

    management: tuple[Interval, ...] = port_set(_MANAGEMENT)
    management_udp: tuple[Interval, ...] = port_set(_MANAGEMENT_UDP)
    levels: Mapping[SeverityReason, Severity] = field(default_factory=lambda: _LEVELS)

    def sensitive(self, protocol: str) -> tuple[Interval, ...]:
        """Return the management and database ports of TCP or UDP."""
        return self.management if protocol == "Tcp" else merge((*self.management, *self.management_udp))

    def severity(self, reason: SeverityReason) -> Severity:
        """Return the severity for a reason."""
        return self.levels.get(reason, _LEVELS[reason])


DEFAULT_SEVERITY_POLICY = SeverityPolicy()


def severity_policy_of(management: str | None, management_udp: str | None, levels: Iterable[str]) -> SeverityPolicy:
    """Read a policy from user settings: lists of ports, and levels as `InternetToWeb=low`. None keeps the default.

    Raises:
        ValueError: a setting is invalid; the text lists the valid values.
    """
    return SeverityPolicy(
        management=DEFAULT_SEVERITY_POLICY.management if management is None else port_set(management),
        management_udp=DEFAULT_SEVERITY_POLICY.management_udp if management_udp is None else port_set(management_udp),
        levels={**_LEVELS, **dict(map(_level, levels))},
    )


def _level(text: str) -> tuple[SeverityReason, Severity]:
    name, _, value = (part.strip() for part in text.partition("="))
    reason = next((candidate for candidate in SEVERITY_REASONS if candidate.lower() == name.lower()), None)
    severity = next((candidate for candidate in SEVERITIES if candidate == value.lower()), None)
    if reason is None:
        raise ValueError(f"{name!r} is none of {', '.join(SEVERITY_REASONS)}")
    if severity is None:
        raise ValueError(f"{name}: {value!r} is none of {', '.join(SEVERITIES)}")
    return reason, severity
