"""Rules of the cloud provider that AKS and other clusters on Azure run (kubernetes-sigs/cloud-provider-azure).

For each service of type LoadBalancer it writes inbound rules: one that allows for each protocol, address family and
kind of source, and one that denies the rest for each family, where a service says so. Facts of its package
`pkg/provider/loadbalancer`:

- Destinations are addresses of load balancers or nodes, one by one. Sources are one service tag or CIDR prefixes.
- Ports are those of services, one by one, always in the plural field; source port is *.
- A rule has no protocol SCTP; it becomes *.
- Allow rules take the first free priority from 500 upwards, deny rules from 4095 downwards.
- The name of an allow rule ends in the md5 of `<protocol>_<sources>_<ports>`, each sorted as text and joined by
  commas. Destinations are not in it: they come and go while the rule stays.
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
    """Return whether the cloud provider wrote a rule, and nobody edited it since."""
    name = _NAME.fullmatch(rule.key)
    if name is None or not _is_inbound_to_addresses(rule, int(name["allow"] or name["deny"])):
        return False
    return _denies_the_rest(rule) if name["deny"] else _allows(rule, int(name["allow"]), name["checksum"])


def checksums(protocol: str, sources: Iterable[str], ports: Iterable[int]) -> frozenset[str]:
    """Return the checksums that the name of an allow rule may end in.

    Most sources come from services as CIDR prefixes, /32 included. A rule that the provider split off another one
    keeps the spelling found there.
    """
    found = tuple(sources)
    listed = ",".join(sorted(map(str, set(ports))))
    texts = (f"{protocol}_{','.join(sorted(each))}_{listed}" for each in (found, map(_as_service_says, found)))
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


def _as_service_says(source: str) -> str:
    if parse_prefix(source) is not None:
        return str(ipaddress.ip_network(source, strict=False))
    # The one tag that the provider itself chooses; others are spelled as the service's annotation spells them.
    return "Internet" if source.lower() == "internet" else source
