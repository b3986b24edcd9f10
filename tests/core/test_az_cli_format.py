"""The output of `az network nsg show` gives the same NSG as ARM's REST API."""

from collections.abc import Mapping

from nsg_baseline.core.az_cli_format import is_flat, unflatten

ARM_RULE = {
    "id": "/x/securityRules/a",
    "name": "a",
    "type": "Microsoft.Network/networkSecurityGroups/securityRules",
    "etag": "1",
    "properties": {"priority": 100, "access": "Allow"},
}
ARM = {
    "id": "/x",
    "name": "web",
    "type": "Microsoft.Network/networkSecurityGroups",
    "location": "westeurope",
    "etag": "1",
    "tags": {"env": "prod"},
    "systemData": {"createdBy": "jo@example.com"},
    "extendedLocation": {"name": "edge"},
    "properties": {
        "provisioningState": "Succeeded",
        "securityRules": [ARM_RULE],
        "defaultSecurityRules": [{**ARM_RULE, "name": "DenyAllInBound"}],
    },
}


def flat(document: Mapping[str, object]) -> dict[str, object]:
    """Flatten one object as the Azure CLI does."""
    properties = document["properties"]
    assert isinstance(properties, dict)
    rest = {key: value for key, value in document.items() if key != "properties"}
    return {**rest, **properties, "resourceGroup": "rg"}


def test_each_field_returns_to_its_level() -> None:
    # A tag that ends up among the properties would be a tag that is missing.
    rules = {"securityRules": [flat(ARM_RULE)], "defaultSecurityRules": [flat({**ARM_RULE, "name": "DenyAllInBound"})]}
    assert unflatten({**flat(ARM), **rules}) == ARM


def test_what_is_not_a_rule_stays_for_the_parser_to_refuse() -> None:
    # It names the place; here nothing may raise.
    assert unflatten({"id": "/x", "securityRules": [5]}) == {"id": "/x", "properties": {"securityRules": [5]}}
    assert unflatten({"securityRules": "none"}) == {"properties": {"securityRules": "none"}}


def test_the_form_is_recognised_by_its_rules() -> None:
    assert is_flat({"securityRules": []})
    assert not is_flat(ARM)
    assert not is_flat({"properties": {}, "securityRules": []})
    assert not is_flat({"id": "/x"})
