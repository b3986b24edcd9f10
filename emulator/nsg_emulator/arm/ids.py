"""Resource ids, and the lower-case keys that identify resources in the store."""

NSG_TYPE = "Microsoft.Network/networkSecurityGroups"
RULE_TYPE = f"{NSG_TYPE}/securityRules"
DEFAULT_RULE_TYPE = f"{NSG_TYPE}/defaultSecurityRules"
GROUP_TYPE = "Microsoft.Resources/resourceGroups"


def group_id(subscription: str, group: str) -> str:
    """Return the id of a resource group."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def nsg_id(subscription: str, group: str, name: str) -> str:
    """Return the id of an NSG."""
    return f"{group_id(subscription, group)}/providers/{NSG_TYPE}/{name}"


def key(resource_id: str) -> str:
    """Return the key of an id. Like ARM, it ignores case and a trailing slash."""
    return resource_id.rstrip("/").lower()


def split_nsg_id(resource_id: str) -> tuple[str, str, str]:
    """Return subscription, group and name from the id of an NSG.

    Raises:
        ValueError: The id is not that of an NSG.
    """
    parts = resource_id.strip("/").split("/")
    shape = [part.lower() for part in parts[::2]]
    if shape != ["subscriptions", "resourcegroups", "providers", "networksecuritygroups"]:
        raise ValueError(f"not the id of a network security group: {resource_id!r}")
    return parts[1], parts[3], parts[7]
