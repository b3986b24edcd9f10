"""Rules of the cloud provider in AKS and in other clusters on Azure (kubernetes-sigs/cloud-provider-azure).

For each service of type LoadBalancer it writes inbound rules: an allow rule for each protocol, address family and kind
of source and, if the service asks for it, a deny rule for the rest of each family. Facts from its package
`pkg/provider/loadbalancer`:

- Destinations are single addresses of load balancers or nodes. Sources are one service tag or CIDR prefixes.
- Ports are the single ports of services, always in the plural field; the source port is *.
- A rule cannot have the protocol SCTP; it has * instead.
- Allow rules get the first free priority from 500 upwards, deny rules from 4095 downwards.
- The name of an allow rule ends in the md5 of `<protocol>_<sources>_<ports>`, each sorted as text and joined by
  commas. It does not contain the destinations, which change during the life of a rule.
"""

import hashlib
import ipaddress
import re
from collections.abc import Iterable

from nsg_baseline.core.intervals import ALL_PORTS, parse_prefix
from nsg_baseline.core.presets.shape import any_source, lone_addresses, lone_ports, spelled
from nsg_baseline.core.rules import Rule

_NAME = re.compile(r"k8s-azure-lb_(?:allow_ipv(?P<allow>[46])_(?P<checksum>[0-9a-f]{32})|deny-all_ipv(?P<deny>[46]))")
_PRIORITIES = range(500, 4096)
_PROTOCOLS = ("Tcp", "Udp", "*")


def is_aks(rule: Rule) -> bool:
    """Return whether a rule is as the cloud provider writes it."""
    name = _NAME.fullmatch(rule.key)
    if name is None or not _is_inbound_to_addresses(rule, int(name["allow"] or name["deny"])):
        return False
    return _denies_the_rest(rule) if name["deny"] else _allows(rule, int(name["allow"]), name["checksum"])


def checksums(protocol: str, sources: Iterable[str], ports: Iterable[int]) -> frozenset[str]:
    """Return the checksums that the name of an allow rule may end in.

    Most sources come from services as CIDR prefixes, with /32 for single addresses. A rule that the provider split off
    another rule keeps the spelling of that rule.
    """
    source_texts = tuple(sources)
    listed = ",".join(sorted(map(str, set(ports))))
    texts = (
        f"{protocol}_{','.join(sorted(spelling))}_{listed}"
        for spelling in (source_texts, map(_as_in_service, source_texts))
    )
    return frozenset(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in texts)


def _is_inbound_to_addresses(rule: Rule, family: int) -> bool:
    addresses = lone_addresses(rule)
    return (
        rule.direction == "Inbound"
        and rule.priority in _PRIORITIES
        and rule.source_ports.ranges == ALL_PORTS
        and not rule.source.groups
        and not rule.description
        and bool(addresses)
        and all(address.family == family for address in addresses)
    )


def _denies_the_rest(rule: Rule) -> bool:
    every_port = rule.destination_ports.ranges == ALL_PORTS
    return rule.access == "Deny" and rule.protocol == "*" and any_source(rule) and every_port


def _allows(rule: Rule, family: int, checksum: str) -> bool:
    ports = lone_ports(rule)
    return (
        rule.access == "Allow"
        and rule.protocol in _PROTOCOLS
        and all(source.family == family for source in rule.source.ranges)
        and bool(ports)
        and not rule.document.get("destinationPortRange")
        and checksum in checksums(rule.protocol, spelled(rule, "sourceAddressPrefix", "sourceAddressPrefixes"), ports)
    )


def _as_in_service(source: str) -> str:
    """Return a source as a service spells it."""
    if parse_prefix(source) is not None:
        return str(ipaddress.ip_network(source, strict=False))
    # The provider itself writes this tag. Other tags have the spelling of the service's annotation.
    return "Internet" if source.lower() == "internet" else source
