"""What an event of Azure makes the operator read. An event that is ignored wrongly delays an alert by an interval."""

from datetime import UTC, datetime

import pytest

from nsg_baseline.core.azure_events import AttachmentHint, AzureEvent, GroupHint, Hint, NSGHint, hint_of
from nsg_baseline.core.ids import NSGId

GROUP = "/subscriptions/1111/resourceGroups/rg-web"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
NSG = NSGHint(NSGId("1111", "rg-web", "web"))
_FOLDED = NETWORK.lower()


def hint(resource: str, operation: str) -> Hint | None:
    return hint_of(AzureEvent("1", operation, resource, datetime(2026, 3, 1, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("resource", "operation", "expected"),
    [
        (f"{NETWORK}/networkSecurityGroups/web", "Microsoft.Network/networkSecurityGroups/write", NSG),
        (f"{NETWORK}/networkSecurityGroups/web/", "Microsoft.Network/networkSecurityGroups/delete", NSG),
        (f"{NETWORK}/networkSecurityGroups/web/securityRules/ssh", "MICROSOFT.NETWORK/.../WRITE", NSG),
        (NETWORK.lower() + "/networksecuritygroups/WEB", "Microsoft.Network/networkSecurityGroups/write", NSG),
        (
            f"{NETWORK}/networkSecurityGroups/web/providers/Microsoft.Resources/tags/default",
            "Microsoft.Resources/tags/write",
            NSG,
        ),
        (f"{NETWORK}/networkSecurityGroups/web", "Microsoft.Resources/tags/write", NSG),
        (GROUP, "Microsoft.Resources/subscriptions/resourcegroups/delete", GroupHint("1111", "rg-web")),
        (
            GROUP,
            "Microsoft.Resources/subscriptions/resourceGroups/moveResources/action",
            GroupHint("1111", "rg-web"),
        ),
        (
            f"{NETWORK}/virtualNetworks/V/subnets/S",
            "Microsoft.Network/virtualNetworks/subnets/write",
            AttachmentHint(f"{_FOLDED}/virtualnetworks/v/subnets/s"),
        ),
        (
            f"{NETWORK}/virtualNetworks/V",
            "Microsoft.Network/virtualNetworks/write",
            AttachmentHint(f"{_FOLDED}/virtualnetworks/v"),
        ),
        (
            f"{NETWORK}/networkInterfaces/Nic/providers/Microsoft.Resources/tags/default",
            "Microsoft.Resources/tags/write",
            AttachmentHint(f"{_FOLDED}/networkinterfaces/nic"),
        ),
    ],
)
def test_what_may_have_changed(resource: str, operation: str, expected: Hint) -> None:
    # Azure varies the case of ids, and tags have another operation.
    assert hint(resource, operation) == expected


@pytest.mark.parametrize(
    ("resource", "operation"),
    [
        (GROUP, "Microsoft.Resources/subscriptions/resourceGroups/write"),
        (f"{NETWORK}/publicIPAddresses/ip", "Microsoft.Network/publicIPAddresses/write"),
        (f"{NETWORK}/virtualNetworks/v/virtualNetworkPeerings/p", "Microsoft.Network/virtualNetworks/.../write"),
        (f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm", "Microsoft.Compute/virtualMachines/write"),
        ("/subscriptions/1111", "Microsoft.Network/networkSecurityGroups/write"),
        ("", ""),
        ("networkSecurityGroups/web", "Microsoft.Network/networkSecurityGroups/write"),
        (f"{NETWORK}/networkSecurityGroups/", "Microsoft.Network/networkSecurityGroups/write"),
    ],
)
def test_what_concerns_no_nsg(resource: str, operation: str) -> None:
    # A subscription has thousands of other writes a day. None of them may cause a reading.
    assert hint(resource, operation) is None
