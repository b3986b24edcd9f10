"""What an event of Azure says may have changed. An event is a hint: only a reading shows what is the case."""

import re
from dataclasses import dataclass
from datetime import datetime

from nsg_baseline.core.ids import NSGId, fold

_GROUP = r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
_PATTERN = re.compile(rf"{_GROUP}(?:/providers/Microsoft\.Network(?P<rest>/.+))?", re.IGNORECASE)
_NSG = re.compile(r"/networkSecurityGroups/(?P<name>[^/]+)(?:/.*)?", re.IGNORECASE)
_ATTACHMENT = re.compile(
    r"(?P<id>/(?:virtualNetworks/[^/]+(?:/subnets/[^/]+)?|networkInterfaces/[^/]+))(?:/providers/.*)?", re.IGNORECASE
)
_CHANGES_GROUP = ("/resourcegroups/delete", "/resourcegroups/moveresources/action")


@dataclass(frozen=True, slots=True)
class AzureEvent:
    """A write, a deletion or an action that Azure carried out.

    Attributes:
        operation: such as `Microsoft.Network/networkSecurityGroups/securityRules/write`.
        resource: id of the resource.
        time: when Azure carried it out.
    """

    id: str
    operation: str
    resource: str
    time: datetime


@dataclass(frozen=True, slots=True)
class NSGHint:
    """An NSG, one of its rules or its tags may have changed."""

    nsg: NSGId


@dataclass(frozen=True, slots=True)
class AttachmentHint:
    """A virtual network, a subnet or an interface may have another NSG. `resource` is its folded id."""

    resource: str


@dataclass(frozen=True, slots=True)
class GroupHint:
    """The NSGs of a resource group may be deleted or moved."""

    subscription: str
    group: str


Hint = NSGHint | AttachmentHint | GroupHint


def hint_of(event: AzureEvent) -> Hint | None:
    """Return what an event says may have changed; None if it concerns no NSG."""
    match = _PATTERN.fullmatch(event.resource.rstrip("/"))
    if match is None:
        return None
    rest = match["rest"]
    if rest is None:
        changes_group = event.operation.lower().endswith(_CHANGES_GROUP)
        return GroupHint(match["subscription"], match["group"]) if changes_group else None
    nsg = _NSG.fullmatch(rest)
    if nsg is not None:
        return NSGHint(NSGId(match["subscription"], match["group"], nsg["name"]))
    attachment = _ATTACHMENT.fullmatch(rest)
    if attachment is not None:
        return AttachmentHint(fold(event.resource[: match.start("rest")] + attachment["id"]))
    return None
