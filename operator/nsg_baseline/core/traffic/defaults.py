"""The default rules of every NSG, as Azure returns them. Other rules can override them; nothing removes them."""

from collections.abc import Mapping

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


# In the order of their priorities.
DEFAULT_RULES: Mapping[str, tuple[Rule, ...]] = {
    "Inbound": (
        _default("AllowVnetInBound", 65000, "VirtualNetwork", "VirtualNetwork"),
        _default("AllowAzureLoadBalancerInBound", 65001, "AzureLoadBalancer", "*"),
        _default("DenyAllInBound", 65500, "*", "*"),
    ),
    "Outbound": (
        _default("AllowVnetOutBound", 65000, "VirtualNetwork", "VirtualNetwork"),
        _default("AllowInternetOutBound", 65001, "*", "Internet"),
        _default("DenyAllOutBound", 65500, "*", "*"),
    ),
}
