"""Rules that Azure Databricks writes for workspaces in a customer's virtual network.

Sources: Microsoft's documentation (VNet injection, network security group rules) and public templates that declare the
same rules. Workspaces without secure cluster connectivity have the two rules of the control plane. The rule of the web
application had port 443 first; 3306 and 8443-8451 were added later.

In preview, the rules between workers name the two subnets of the workspace instead of VirtualNetwork. The code assumes
that those rules keep their names.
"""

from dataclasses import replace
from typing import Any

from nsg_baseline.core.presets.shape import FROM_100, is_private, written_as
from nsg_baseline.core.rules import Addresses, Rule

_PREFIX = "microsoft.databricks-workspaces_useonly_databricks-"
_NETWORK = "VirtualNetwork"
_WORKERS = "Required for worker nodes communication within a cluster."
_WEBAPP_PORTS = (["443"], ["443", "3306"], ["443", "8443-8451"], ["443", "3306", "8443-8451"])
# Two subnets, each within a virtual network of at most /16.
_MOST_ADDRESSES = 2 * 2**16


def _between_workers(direction: str) -> dict[str, Any]:
    return {
        "direction": direction,
        "protocol": "*",
        "sourceAddressPrefix": _NETWORK,
        "destinationAddressPrefix": _NETWORK,
        "destinationPortRange": "*",
        "description": _WORKERS,
    }


def _inbound(port: str, description: str) -> dict[str, Any]:
    return {
        "direction": "Inbound",
        "protocol": "Tcp",
        "sourceAddressPrefix": "AzureDatabricks",
        "destinationAddressPrefix": _NETWORK,
        "destinationPortRange": port,
        "description": description,
    }


def _outbound(tag: str, ports: list[str], description: str) -> dict[str, Any]:
    return {
        "direction": "Outbound",
        "protocol": "Tcp",
        "sourceAddressPrefix": _NETWORK,
        "destinationAddressPrefix": tag,
        "destinationPortRanges": ports,
        "description": description,
    }


def _to_control_plane(description: str) -> tuple[dict[str, Any], ...]:
    return tuple(_outbound("AzureDatabricks", ports, description) for ports in _WEBAPP_PORTS)


_KINDS: dict[str, tuple[dict[str, Any], ...]] = {
    "worker-to-worker-inbound": (_between_workers("Inbound"),),
    "worker-to-worker-outbound": (_between_workers("Outbound"),),
    "control-plane-to-worker-ssh": (
        _inbound("22", "Required for Databricks control plane management of worker nodes."),
    ),
    "control-plane-to-worker-proxy": (
        _inbound("5557", "Required for Databricks control plane communication with worker nodes."),
    ),
    "worker-to-databricks-webapp": _to_control_plane("Required for workers communication with Databricks Webapp."),
    "worker-to-databricks-cp": _to_control_plane("Required for workers communication with Databricks control plane."),
    "worker-to-sql": (_outbound("Sql", ["3306"], "Required for workers communication with Azure SQL services."),),
    "worker-to-storage": (
        _outbound("Storage", ["443"], "Required for workers communication with Azure Storage services."),
    ),
    "worker-to-eventhub": (
        _outbound("EventHub", ["9093"], "Required for worker communication with Azure Eventhub services."),
    ),
}


def is_databricks(rule: Rule) -> bool:
    """Return whether a rule is as Azure Databricks writes it."""
    kind = rule.key.removeprefix(_PREFIX) if rule.key.startswith(_PREFIX) else ""
    if kind not in _KINDS or rule.priority not in FROM_100:
        return False
    comparable = _widened(rule) if kind.startswith("worker-to-worker-") else rule
    return any(written_as(comparable, document) for document in _KINDS[kind])


def _widened(rule: Rule) -> Rule:
    """Replace the workspace's subnets by the virtual network, if both sides name the same private addresses."""
    ranges = rule.source.ranges
    if rule.destination != rule.source or rule.source != Addresses(ranges) or not ranges:
        return rule
    is_small = sum(interval.last - interval.first + 1 for interval in ranges) <= _MOST_ADDRESSES
    are_private = all(map(is_private, ranges))
    network = Addresses(words=(_NETWORK.lower(),))
    return replace(rule, source=network, destination=network) if is_small and are_private else rule
