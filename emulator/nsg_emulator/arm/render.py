"""Documents in ARM's format: the order of fields, the etag of the NSG on each rule, and no empty fields.

Older API versions have fewer fields: lists of prefixes and ports were added in 2017-10-01, and `type` of a rule in
2017-11-01 (both from recordings).
"""

from collections.abc import Mapping
from typing import Any

from nsg_emulator.arm import ids
from nsg_emulator.arm.default_rules import DEFAULT_RULES
from nsg_emulator.arm.model import Nsg, Rule

ARRAYS_SINCE = "2017-10-01"
TYPES_SINCE = "2017-11-01"
NEWEST = "9999-12-31"

_PLURALS = ("sourcePortRanges", "destinationPortRanges", "sourceAddressPrefixes", "destinationAddressPrefixes")
_ORDER = (
    "description",
    "protocol",
    "sourcePortRange",
    "destinationPortRange",
    "sourceAddressPrefix",
    "destinationAddressPrefix",
    "access",
    "priority",
    "direction",
    *_PLURALS,
    "sourceApplicationSecurityGroups",
    "destinationApplicationSecurityGroups",
)
_ASSOCIATIONS = ("networkInterfaces", "subnets", "flowLogs")


def nsg_document(nsg: Nsg, api_version: str = NEWEST) -> dict[str, Any]:
    """Return an NSG as in the response to a GET."""
    document = {"name": nsg.name, "id": nsg.id, "etag": nsg.etag, "type": ids.NSG_TYPE, "location": nsg.location}
    tags = {} if nsg.tags is None else {"tags": dict(nsg.tags)}
    return {**document, **tags, **nsg.top, "properties": _nsg_properties(nsg, api_version)}


def rule_document(nsg: Nsg, rule: Rule, api_version: str = NEWEST) -> dict[str, Any]:
    """Return a custom rule as in the response to a GET."""
    return _rule(nsg, rule, api_version, "securityRules")


def default_rule_documents(nsg: Nsg, api_version: str = NEWEST) -> list[dict[str, Any]]:
    """Return the default rules of an NSG."""
    return [_rule(nsg, rule, api_version, "defaultSecurityRules") for rule in DEFAULT_RULES]


def rule_properties(properties: Mapping[str, Any], api_version: str = NEWEST) -> dict[str, Any]:
    """Return the properties of a rule in ARM's order: unknown fields last, null and empty lists of ASGs omitted."""
    plurals = {name: properties.get(name) or [] for name in _PLURALS} if api_version >= ARRAYS_SINCE else {}
    full = {**{name: value for name, value in properties.items() if value is not None}, **plurals}
    ordered = {name: full[name] for name in _ORDER if name in full and (full[name] != [] or name in plurals)}
    return {**ordered, **{name: value for name, value in full.items() if name not in _ORDER}}


def _nsg_properties(nsg: Nsg, api_version: str) -> dict[str, Any]:
    extras = dict(nsg.extras)
    associations = {name: extras.pop(name) for name in _ASSOCIATIONS if name in extras}
    return {
        "provisioningState": nsg.state,
        "resourceGuid": nsg.resource_guid,
        "securityRules": [rule_document(nsg, rule, api_version) for rule in nsg.rules],
        "defaultSecurityRules": default_rule_documents(nsg, api_version),
        **{name: value for name, value in associations.items() if value},
        **extras,
    }


def _rule(nsg: Nsg, rule: Rule, api_version: str, collection: str) -> dict[str, Any]:
    kind = {"type": f"{ids.NSG_TYPE}/{collection}"} if api_version >= TYPES_SINCE else {}
    properties = {"provisioningState": nsg.state, **rule_properties(rule.properties, api_version)}
    return {
        "name": rule.name,
        "id": f"{nsg.id}/{collection}/{rule.name}",
        "etag": nsg.etag,
        **kind,
        "properties": properties,
    }
