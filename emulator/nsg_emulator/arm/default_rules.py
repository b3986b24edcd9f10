"""The six default rules of every NSG, as recorded from Azure; see tests/data/arm/NOTICE.md."""

from nsg_emulator.arm.model import Rule


def _default(name: str, description: str, priority: int, source: str, destination: str) -> Rule:
    return Rule(
        name,
        {
            "description": description,
            "protocol": "*",
            "sourcePortRange": "*",
            "destinationPortRange": "*",
            "sourceAddressPrefix": source,
            "destinationAddressPrefix": destination,
            "access": "Deny" if name.startswith("Deny") else "Allow",
            "priority": priority,
            "direction": "Inbound" if name.endswith("InBound") else "Outbound",
        },
    )


DEFAULT_RULES = (
    _default(
        "AllowVnetInBound", "Allow inbound traffic from all VMs in VNET", 65000, "VirtualNetwork", "VirtualNetwork"
    ),
    _default(
        "AllowAzureLoadBalancerInBound",
        "Allow inbound traffic from azure load balancer",
        65001,
        "AzureLoadBalancer",
        "*",
    ),
    _default("DenyAllInBound", "Deny all inbound traffic", 65500, "*", "*"),
    _default(
        "AllowVnetOutBound",
        "Allow outbound traffic from all VMs to all VMs in VNET",
        65000,
        "VirtualNetwork",
        "VirtualNetwork",
    ),
    _default("AllowInternetOutBound", "Allow outbound traffic from all VMs to Internet", 65001, "*", "Internet"),
    _default("DenyAllOutBound", "Deny all outbound traffic", 65500, "*", "*"),
)
