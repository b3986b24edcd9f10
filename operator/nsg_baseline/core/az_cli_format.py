"""Converts NSGs from the output of `az network nsg show` to the form of ARM's REST API."""

from collections.abc import Mapping
from typing import Any

_NSG_TOP = ("id", "name", "type", "location", "etag", "tags", "systemData", "extendedLocation")
_RULE_TOP = ("id", "name", "type", "etag")
# The Azure CLI adds it to every object with an id.
_ADDED = ("resourceGroup",)


def is_flat(document: Mapping[str, Any]) -> bool:
    """Return whether an NSG is in the form of the Azure CLI."""
    return "properties" not in document and "securityRules" in document


def unflatten(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ARM form of an NSG in the form of the Azure CLI."""
    nsg = _split(document, _NSG_TOP)
    for key in ("securityRules", "defaultSecurityRules"):
        rules = document.get(key)
        if isinstance(rules, list):
            nsg["properties"][key] = [_rule(rule) for rule in rules]
    return nsg


def _rule(rule: Any) -> Any:
    return _split(rule, _RULE_TOP) if isinstance(rule, Mapping) else rule


def _split(flat: Mapping[str, Any], top: tuple[str, ...]) -> dict[str, Any]:
    top_level = {key: value for key, value in flat.items() if key in top}
    properties = {key: value for key, value in flat.items() if key not in top and key not in _ADDED}
    return {**top_level, "properties": properties}
