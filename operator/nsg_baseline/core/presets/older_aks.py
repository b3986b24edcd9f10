"""Rules of the cloud provider of older clusters, which is also that of Azure Red Hat OpenShift.

It writes one inbound allow rule for each port and source of a service of type LoadBalancer. The name is `a`, 31 digits
of the service's id, the protocol, the port and the source, for example `a<31 digits>-TCP-443-Internet`. In the source a
slash is written as an underscore. The destination is the address of the load balancer.
"""

import re

from nsg_baseline.core.intervals import ALL_PORTS
from nsg_baseline.core.presets.shape import lone_addresses, lone_ports, spelled
from nsg_baseline.core.rules import Rule

_NAME = re.compile(r"a[0-9a-f]{31}-(?P<protocol>tcp|udp)-(?P<port>[0-9]{1,5})-(?P<source>[0-9a-z._:]+)")
_PRIORITIES = range(500, 4096)


def is_older_aks(rule: Rule) -> bool:
    """Return whether a rule is as the older cloud provider writes it."""
    name = _NAME.fullmatch(rule.key)
    sources = spelled(rule, "sourceAddressPrefix", "sourceAddressPrefixes")
    return (
        name is not None
        and rule.direction == "Inbound"
        and rule.access == "Allow"
        and rule.protocol.lower() == name["protocol"]
        and rule.priority in _PRIORITIES
        and not rule.description
        and rule.source_ports.ranges == ALL_PORTS
        and lone_ports(rule) == (int(name["port"]),)
        and len(lone_addresses(rule)) == 1
        and not rule.source.groups
        and [source.lower().replace("/", "_") for source in sources] == [name["source"]]
    )
