"""Rules that Azure SQL Managed Instance writes for its subnet (service-aided subnet configuration).

Sources: recorded NSGs (version 10 of the rules), Microsoft's documentation and public templates (versions 9, 11, 12).
Each version writes some of these kinds. The name contains the subnet. Recorded rules of renumbered subnets keep the
former subnet in the name and sometimes on one side, so another private subnet of the same size is accepted as well.
"""

import re
from typing import Any

from nsg_baseline.core.intervals import parse_prefix
from nsg_baseline.core.presets.shape import FROM_100, is_private, spelled, written_as
from nsg_baseline.core.rules import Rule

_NAME = re.compile(
    r"microsoft\.sql-managedinstances_useonly_mi-(?P<kind>[a-z-]+)-"
    r"(?P<address>[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3})-(?P<length>[0-9]{1,2})(?:-v[0-9]{1,3})?"
)
_SUBNET = "subnet"
# No subnet for instances has a shorter prefix. The limit prevents that a forged name stands for half the Internet.
_SHORTEST = 16
_STORAGE = re.compile(r"storage\.[a-z0-9]+")
_STORAGE_DESCRIPTION = "Allow outbound communication with storage over HTTPS"


def _rule(direction: str, protocol: str, source: str, destination: str, ports: str, description: str) -> dict[str, Any]:
    return {
        "direction": direction,
        "protocol": protocol,
        "sourceAddressPrefix": source,
        "destinationAddressPrefix": destination,
        "destinationPortRanges": ports.split(","),
        "description": description,
    }


_KINDS: dict[str, dict[str, Any]] = {
    "sqlmgmt-in": _rule(
        "Inbound",
        "Tcp",
        "SqlManagement",
        _SUBNET,
        "9000,9003,1438,1440,1452",
        "Allow MI provisioning Control Plane Deployment and Authentication Service",
    ),
    "corpsaw-in": _rule("Inbound", "Tcp", "CorpNetSaw", _SUBNET, "9000,9003,1440", "Allow MI Supportability"),
    "corppublic-in": _rule(
        "Inbound", "Tcp", "CorpNetPublic", _SUBNET, "9000,9003", "Allow MI Supportability through Corpnet ranges"
    ),
    "healthprobe-in": _rule(
        "Inbound", "*", "AzureLoadBalancer", _SUBNET, "*", "Allow Azure Load Balancer inbound traffic"
    ),
    "internal-in": _rule("Inbound", "*", _SUBNET, _SUBNET, "*", "Allow MI internal inbound traffic"),
    "internal-out": _rule("Outbound", "*", _SUBNET, _SUBNET, "*", "Allow MI internal outbound traffic"),
    "services-out": _rule(
        "Outbound", "Tcp", _SUBNET, "AzureCloud", "443,12000", "Allow MI services outbound traffic over https"
    ),
    "aad-out": _rule(
        "Outbound",
        "Tcp",
        _SUBNET,
        "AzureActiveDirectory",
        "443",
        "Allow communication with Azure Active Directory over https",
    ),
    "onedsc-out": _rule(
        "Outbound", "Tcp", _SUBNET, "OneDsCollector", "443", "Allow communication with the One DS Collector over https"
    ),
    "strg-p-out": _rule("Outbound", "*", _SUBNET, "Storage", "443", _STORAGE_DESCRIPTION),
    "strg-s-out": _rule("Outbound", "*", _SUBNET, "Storage", "443", _STORAGE_DESCRIPTION),
    "optional-azure-out": _rule(
        "Outbound", "Tcp", _SUBNET, "AzureCloud", "443", "Allow AzureCloud outbound https traffic"
    ),
}


def is_sqlmi(rule: Rule) -> bool:
    """Return whether a rule is as SQL Managed Instance writes it."""
    name = _NAME.fullmatch(rule.key)
    if name is None or name["kind"] not in _KINDS or rule.priority not in FROM_100:
        return False
    subnet = f"{name['address'].replace('-', '.')}/{name['length']}"
    kind = _KINDS[name["kind"]]
    document = {key: _renumbered(rule, key, subnet) if value == _SUBNET else value for key, value in kind.items()}
    return int(name["length"]) >= _SHORTEST and written_as(rule, _in_region(document, rule))


def _renumbered(rule: Rule, side: str, subnet: str) -> str:
    """Return the subnet on one side of a rule if it is a valid replacement, else the subnet in the rule's name."""
    texts = spelled(rule, side, f"{side}es")
    written, expected = parse_prefix(texts[0]) if len(texts) == 1 else None, parse_prefix(subnet)
    if written is None or expected is None or not is_private(written):
        return subnet
    return texts[0] if written.last - written.first == expected.last - expected.first else subnet


def _in_region(document: dict[str, Any], rule: Rule) -> dict[str, Any]:
    """Replace the tag Storage by the storage tag of a region, the primary one or its pair, if the rule names one."""
    tag = "".join(rule.destination.words)
    regional = document["destinationAddressPrefix"] == "Storage" and _STORAGE.fullmatch(tag)
    return {**document, "destinationAddressPrefix": tag} if regional else document
