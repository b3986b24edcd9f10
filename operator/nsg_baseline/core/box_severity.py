"""The severity reason of a single box of traffic, where the boxes of other rules do not matter."""

from nsg_baseline.core.intervals import common
from nsg_baseline.core.severity_policy import SeverityPolicy, SeverityReason, port_set
from nsg_baseline.core.traffic.model import Box, Entry
from nsg_baseline.core.traffic.rule_semantics import ICMPV6
from nsg_baseline.core.traffic.sources import (
    contains_probes,
    is_internet_wide,
    is_private,
    names_a_platform_service,
    names_azure_cloud,
    service_tags,
)
from nsg_baseline.core.traffic.tags import PLATFORM

# Health probes go to the port of the service that they test. Which one is not known here; most use these.
_PROBED = port_set("80,443")
_DNS = PLATFORM[0]
_PROBES_BY_DEFAULT = "AllowAzureLoadBalancerInBound"


def reason_of(entry: Entry, box: Box, policy: SeverityPolicy) -> SeverityReason | None:
    """Return the severity reason of a likely box; None if its sources count together with those of other rules."""
    if set(box.protocols) <= {"Icmp"} or _is_icmpv6(box):
        return "IcmpOnly"
    if entry.effect == "Denied":
        return _reason_of_denied(entry, box)
    if entry.direction == "Outbound":
        return "OutboundAllowed"
    if unfiltered(entry) or is_private(box.source):
        return "PrivateAllowed"
    if is_internet_wide([box.source]):
        return "InternetToProtocol" if set(box.protocols) & {"Esp", "Ah", "Other"} else None
    return _reason_of_public(entry, box, policy)


def unfiltered(entry: Entry) -> bool:
    """Return whether no NSG applies any more: Standard public addresses are then closed to the Internet."""
    return entry.live_rule is None


def by(entry: Entry) -> str:
    """Return the live rule that decides, as the subject of a sentence."""
    return f"rule {entry.live_rule}" if entry.live_rule else "the lack of a rule"


def _reason_of_denied(entry: Entry, box: Box) -> SeverityReason:
    if entry.direction == "Outbound":
        return "NameResolutionDenied" if _DNS in map(str.lower, box.destination.tags) else "Denied"
    probes = "Tcp" in box.protocols and common(box.destination_ports, _PROBED) and contains_probes(box.source)
    # Every deny of a port takes it from the default rule for probes as well.
    by_default = entry.approved_rule == _PROBES_BY_DEFAULT
    service = not by_default and names_a_platform_service([*box.source.tags, *(tag.name for tag in entry.tags)])
    return "PlatformDenied" if probes or service else "Denied"


def _reason_of_public(entry: Entry, box: Box, policy: SeverityPolicy) -> SeverityReason:
    tags = [*box.source.tags, *(tag.name for tag in entry.tags)]
    sensitive = any(
        common(box.destination_ports, policy.sensitive(protocol))
        for protocol in ("Tcp", "Udp")
        if protocol in box.protocols
    )
    if sensitive and names_azure_cloud(tags):
        return "ManyToManagement"
    return "PublicToManagement" if sensitive and service_tags(tags) else "PublicAllowed"


def _is_icmpv6(box: Box) -> bool:
    return set(box.protocols) <= {"Other", "Icmp"} and ICMPV6 in map(str.lower, box.destination.tags)
