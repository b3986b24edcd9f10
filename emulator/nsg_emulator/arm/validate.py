"""The validation of rules and NSGs by the network provider, and what it normalises.

Codes and texts are from recorded traffic or public reports, except those marked `?`. The order of the checks is `?`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from nsg_emulator.arm import prefixes
from nsg_emulator.arm.errors import ArmError, provider
from nsg_emulator.arm.model import Rule

MAX_RULES = 1000
MAX_DESCRIPTION = 140
MAX_NAME = 80
MAX_ADDRESSES = 4000
MAX_SECURITY_GROUPS = 10
PRIORITIES = range(100, 4097)

_NAME = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$")
_WORDS = {
    "access": ("Allow", "Deny"),
    "direction": ("Inbound", "Outbound"),
    "protocol": ("*", "Tcp", "Udp", "Icmp", "Esp", "Ah"),
}
_NORMALISED = ("access", "direction")
_SIDES = ("Source", "Destination")
_RANGES = ("sourcePortRange", "destinationPortRange")
_PREFIXES = ("sourceAddressPrefix", "destinationAddressPrefix")
_TEXTS = ("description", *_RANGES, *_PREFIXES)
_LISTS = (*(f"{name}s" for name in _RANGES), *(f"{name}es" for name in _PREFIXES))


def check_name(name: str, path: str) -> None:
    """Reject an invalid name (`?` for the text).

    Raises:
        ArmError: 400 InvalidResourceName.
    """
    if len(name) > MAX_NAME or not _NAME.match(name):
        message = (
            f"Resource name {name} is invalid. The name can be up to {MAX_NAME} characters long. It must begin with a "
            "word character, and it must end with a word character or with '_'. The name may contain word "
            "characters or '.', '-', '_'."
        )
        details = [{"code": "InvalidResourceName", "message": f"{message} (at {path})"}]
        raise ArmError(400, "InvalidResourceName", message, details=details)


def checked_rule(rule: Rule, rule_id: str) -> Rule:
    """Return a rule as Azure stores it: `access` and `direction` in Azure's spelling, other values as sent.

    Raises:
        ArmError: 400 with the provider's code.
    """
    properties = _typed(rule.properties)
    check_name(rule.name, rule_id)
    for name in _WORDS:
        _check_word(properties, name)
    _check_priority(properties)
    _check_description(properties)
    for side in _SIDES:
        _check_ports(properties, side, rule_id)
        _check_addresses(properties, side, rule_id)
    return Rule(rule.name, {**properties, **{name: str(properties[name]).capitalize() for name in _NORMALISED}})


def _typed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Check the types of texts and lists of texts. Numbers, as template parameters may contain, become texts."""
    texts = {name: _text(properties[name], name) for name in _TEXTS if properties.get(name) is not None}
    lists = {name: _texts(properties[name], name) for name in _LISTS if properties.get(name) is not None}
    return {**properties, **texts, **lists}


def _text(value: Any, name: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise _unreadable(f"Error converting value to type 'System.String'. Path 'properties.{name}'.")
    return value


def _texts(value: Any, name: str) -> list[str]:
    if not isinstance(value, list):
        raise _unreadable(
            f"Error converting value to type 'System.Collections.Generic.List'. Path 'properties.{name}'."
        )
    return [_text(item, name) for item in value]


def check_rules(rules: Iterable[Rule], nsg_id: str) -> None:
    """Reject duplicate names, duplicate priorities of a direction, and lists that exceed a limit.

    Raises:
        ArmError: 400 with the provider's code.
    """
    seen: dict[tuple[Any, str], Rule] = {}
    names: set[str] = set()
    for count, rule in enumerate(rules, start=1):
        if count > MAX_RULES:
            raise _too_many("SecurityRulesPerNetworkSecurityGroupLimitReached", f"{MAX_RULES} security rules", nsg_id)
        if rule.name.lower() in names:
            raise provider(
                400,
                "DuplicateResourceName",
                f"Resource {nsg_id} has two child resources with the same name ({rule.name}).",
            )
        names.add(rule.name.lower())
        slot = (rule.properties["priority"], rule.properties["direction"])
        if slot in seen:
            raise _conflict(rule, seen[slot])
        seen[slot] = rule
    _check_totals(rules, nsg_id)


def _check_totals(rules: Iterable[Rule], nsg_id: str) -> None:
    for side in ("source", "destination"):
        total = sum(_addresses(rule.properties, side) for rule in rules)
        if total > MAX_ADDRESSES:
            raise _too_many(
                "AddressPrefixesPerNetworkSecurityGroupLimitReached", f"{MAX_ADDRESSES} {side} address prefixes", nsg_id
            )


def _addresses(properties: Mapping[str, Any], side: str) -> int:
    return len(properties.get(f"{side}AddressPrefixes") or ()) or int(bool(properties.get(f"{side}AddressPrefix")))


def _too_many(code: str, limit: str, nsg_id: str) -> ArmError:
    """Return the error for an exceeded limit. Code and text are `?`; the limits are documented."""
    return provider(400, code, f"Network security group {nsg_id} exceeds the limit of {limit}.")


def _conflict(rule: Rule, other_rule: Rule) -> ArmError:
    names = f"Security rule {rule.name} conflicts with rule {other_rule.name}."
    message = f"{names} Rules cannot have the same Priority and Direction."
    return provider(400, "SecurityRuleConflict", message)


def _check_word(properties: Mapping[str, Any], name: str) -> None:
    value = properties.get(name)
    if value is None:
        raise _unreadable(f"Required property '{name}' not found in JSON. Path 'properties'.")
    if not isinstance(value, str) or value.lower() not in {word.lower() for word in _WORDS[name]}:
        raise _unreadable(
            f"Error converting value \"{value}\" to type 'SecurityRule{name.capitalize()}'. Path 'properties.{name}'."
        )


def _unreadable(reason: str) -> ArmError:
    """Return the provider's error for JSON that it cannot parse (the inner text is `?`)."""
    return ArmError(
        400, "InvalidRequestFormat", "Cannot parse the request.", details=[{"code": "InvalidJson", "message": reason}]
    )


def _check_priority(properties: Mapping[str, Any]) -> None:
    value = properties.get("priority")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise _unreadable(f"Error converting value \"{value}\" to type 'System.Int32'. Path 'properties.priority'.")
    if value not in PRIORITIES:
        allowed = f"{PRIORITIES.start}-{PRIORITIES.stop - 1}"
        message = f"Security rule has invalid Priority. Value provided: {value or 0} Allowed range {allowed}."
        raise provider(400, "SecurityRuleInvalidPriority", message)


def _check_description(properties: Mapping[str, Any]) -> None:
    if len(properties.get("description") or "") > MAX_DESCRIPTION:
        raise provider(
            400, "SecurityRuleDescriptionTooLong", f"Security rule description cannot exceed {MAX_DESCRIPTION} chars."
        )


def _check_ports(properties: Mapping[str, Any], side: str, rule_id: str) -> None:
    single = properties.get(f"{side.lower()}PortRange")
    several = _list(properties, f"{side.lower()}PortRanges")
    _exactly_one({f"{side}PortRanges": several, f"{side}PortRange": single}, rule_id)
    if prefixes.ANY in several:
        message = (
            f"Security rule parameter {side}PortRanges for rule with Id {rule_id} contains an invalid port range: *."
        )
        raise provider(400, "SecurityRuleParameterContainsInvalidPortRanges", message)
    for value in several or [single]:
        if value != prefixes.ANY and not prefixes.is_port_range(str(value)):
            message = (
                f"Security rule has invalid Port range. Value provided: {value}. Value should be an integer OR "
                "integer range with '-' delimiter. Valid range 0-65535."
            )
            raise provider(400, "SecurityRuleInvalidPortRange", message)


def _check_addresses(properties: Mapping[str, Any], side: str, rule_id: str) -> None:
    single = properties.get(f"{side.lower()}AddressPrefix")
    several = _list(properties, f"{side.lower()}AddressPrefixes")
    groups = _list(properties, f"{side.lower()}ApplicationSecurityGroups")
    values_by_name = {
        f"{side}AddressPrefixes": several,
        f"{side}AddressPrefix": single,
        f"{side}ApplicationSecurityGroups": groups,
    }
    _exactly_one(values_by_name, rule_id)
    if len(groups) > MAX_SECURITY_GROUPS:
        raise _too_many(
            "ApplicationSecurityGroupsPerSecurityRuleLimitReached", f"{MAX_SECURITY_GROUPS} {side} groups", rule_id
        )
    if single:
        _check_prefix(single, rule_id, tags=True)
    for value in several:
        if value == prefixes.ANY or prefixes.is_tag(value):
            raise _tag_in_list(side, rule_id, value)
        _check_prefix(value, rule_id, tags=False)
    _check_list(several, side, rule_id)


def _check_prefix(value: str, rule_id: str, *, tags: bool) -> None:
    if tags and (value == prefixes.ANY or prefixes.is_tag(value)):
        return
    if prefixes.network(value) is None:
        message = f"Security rule {rule_id} has invalid Address prefix. Value provided: {value}"
        raise provider(400, "SecurityRuleInvalidAddressPrefix", message)


def _tag_in_list(side: str, rule_id: str, value: str) -> ArmError:
    message = (
        f"Security rule parameter {side}AddressPrefix for rule with Id {rule_id} cannot specify existing "
        f"VIRTUALNETWORK, INTERNET, AZURELOADBALANCER, '*' or system tags. Unsupported value used: {value}."
    )
    return provider(400, "SecurityRuleParameterContainsUnsupportedValue", message)


def _check_list(values: list[str], side: str, rule_id: str) -> None:
    about = f"Security rule parameter {side}AddressPrefix for rule with Id {rule_id}"
    if len(prefixes.families(values)) > 1:  # the rejection is reported; its code and text are `?`
        raise provider(
            400, "SecurityRuleAddressPrefixesWithMixedFamilies", f"{about} cannot mix IPv4 and IPv6 address prefixes."
        )
    met = prefixes.overlap(values)
    if met:
        message = f"{about} contains overlapping subnets [{met[0]}, {met[1]}], which is not permitted."
        raise provider(400, "OverlappingSubnetsNotPermittedInSecurityRule", message)


def _exactly_one(values_by_name: Mapping[str, Any], rule_id: str) -> None:
    """Reject zero or several values. The text is reported, the code is `?`."""
    if sum(bool(value) for value in values_by_name.values()) != 1:
        names = ", ".join(values_by_name)
        message = f"Security rule with Id {rule_id} must specify a non empty value for exactly one of: {names}."
        raise provider(400, "SecurityRuleParametersNotSpecified", message)


def _list(properties: Mapping[str, Any], name: str) -> list[Any]:
    value = properties.get(name) or []
    if not isinstance(value, list):
        raise _unreadable(
            f"Error converting value to type 'System.Collections.Generic.List'. Path 'properties.{name}'."
        )
    return value
