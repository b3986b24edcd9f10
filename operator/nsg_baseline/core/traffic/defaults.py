"""The rules that every NSG ends with, as Azure returns them. They can be overridden, not removed."""

from nsg_baseline.core.rules import Rule, normalise


def _default(name: str, priority: int, source: str, destination: str) -> Rule:
    document = {
        "name": name,
        "priority": priority,
        "direction": "Inbound" if name.endswith("InBound") else "Outbound",
        "access": "Deny" if name.startswith("Deny") else "Allow",
        "protocol": "*",
        "sourceAddressPrefix": source,
        "sourcePortRange": "*",
        "destinationAddressPrefix": destination,
        "destinationPortRange": "*",
    }
    return normalise(document)


DEFAULT_RULES = (
    _default("AllowVnetInBound", 65000, "VirtualNetwork", "VirtualNetwork"),
    _default("AllowAzureLoadBalancerInBound", 65001, "AzureLoadBalancer", "*"),
    _default("DenyAllInBound", 65500, "*", "*"),
    _default("AllowVnetOutBound", 65000, "VirtualNetwork", "VirtualNetwork"),
    _default("AllowInternetOutBound", 65001, "*", "Internet"),
    _default("DenyAllOutBound", 65500, "*", "*"),
)
