"""The restored document: what live has in another form than approved must not stay beside it."""

from typing import Any

import pytest

from nsg_baseline.core.changes import Change
from nsg_baseline.core.nsg import parse_live
from nsg_baseline.core.restored_document import restored_document
from nsg_baseline.core.verdict import judge
from tests.support.nsgs import NOW, baseline, nsg, rule
from tests.support.rules import Document

GROUP = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network/applicationSecurityGroups/{}"


def _rule(side: str, fields: dict[str, Any]) -> Document:
    """Return a rule that has these fields on one side, and no other field of their kind."""
    kind = "PortRange" if any("Port" in field for field in fields) else "AddressPrefix"
    return rule("web", **{f"{side}{kind}": None, **{f"{side}{key}": value for key, value in fields.items()}})


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize(
    ("approved", "live"),
    [
        ({"AddressPrefix": "10.1.0.0/16"}, {"AddressPrefixes": ["10.1.0.0/16", "11.0.0.0/8"]}),
        ({"AddressPrefixes": ["10.1.0.0/16", "12.0.0.0/8"]}, {"AddressPrefix": "Internet"}),
        ({"AddressPrefix": "10.1.0.0/16"}, {"ApplicationSecurityGroups": [{"id": GROUP.format("web")}]}),
        ({"PortRange": "443"}, {"PortRanges": ["443", "22"]}),
        ({"PortRanges": ["443", "8443"]}, {"PortRange": "*"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else str(value),
)
def test_the_other_form_of_an_address_or_port_does_not_stay(
    side: str, approved: dict[str, Any], live: dict[str, Any]
) -> None:
    # ARM adds up both forms, so what was added in the other form would stay open after the write.
    approved_rule, live_rule = _rule(side, approved), _rule(side, live)
    live_nsg = parse_live(nsg([live_rule]))
    document = restored_document(live_nsg, judge(baseline([approved_rule]), live_nsg, NOW).changes)
    (restored,) = document["properties"]["securityRules"]
    written = {key for key in restored["properties"] if key.startswith(side)}
    assert written == {key for key in approved_rule if key.startswith(side)}


def test_what_is_no_property_of_the_nsg_cannot_be_restored() -> None:
    # A deleted NSG is never created again; a plan with it is a mistake of the operator.
    with pytest.raises(AssertionError, match=r"^NSGDeleted cannot be reverted$"):
        restored_document(parse_live(nsg()), [Change("NSGDeleted", None, "f")])
