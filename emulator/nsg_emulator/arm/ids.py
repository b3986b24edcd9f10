"""Resource ids: how they are written, and the lower-case key under which a thing is found."""

NSG_TYPE = "Microsoft.Network/networkSecurityGroups"
RULE_TYPE = f"{NSG_TYPE}/securityRules"
DEFAULT_RULE_TYPE = f"{NSG_TYPE}/defaultSecurityRules"
GROUP_TYPE = "Microsoft.Resources/resourceGroups"


def group_id(subscription: str, group: str) -> str:
    """The id of a resource group."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def nsg_id(subscription: str, group: str, name: str) -> str:
    """The id of an NSG."""
    return f"{group_id(subscription, group)}/providers/{NSG_TYPE}/{name}"


def key(resource_id: str) -> str:
    """ARM does not tell ids apart by case, nor by a trailing slash."""
    return resource_id.rstrip("/").lower()


def split_nsg_id(resource_id: str) -> tuple[str, str, str]:
    """Subscription, group and name of an NSG's id.

    Raises:
        ValueError: The id is not that of an NSG.
    """
    parts = resource_id.strip("/").split("/")
    shape = [part.lower() for part in parts[::2]]
    if shape != ["subscriptions", "resourcegroups", "providers", "networksecuritygroups"]:
        raise ValueError(f"not the id of a network security group: {resource_id!r}")
    return parts[1], parts[3], parts[7]
