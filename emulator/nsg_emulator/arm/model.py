"""What the emulator remembers: values, replaced and never changed in place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from nsg_emulator.arm import ids

ProvisioningState = Literal["Succeeded", "Updating", "Deleting", "Failed"]
OperationStatus = Literal["InProgress", "Succeeded", "Failed"]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription that the emulator serves."""

    id: str
    name: str = "Emulated subscription"


@dataclass(frozen=True, slots=True)
class ResourceGroup:
    """A resource group."""

    subscription: str
    name: str
    location: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The resource id."""
        return ids.group_id(self.subscription, self.name)


@dataclass(frozen=True, slots=True)
class Rule:
    """A custom rule: its properties as ARM keeps them, without `provisioningState`, which is the NSG's."""

    name: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Nsg:
    """A network security group.

    Attributes:
        tags: None when the document has no `tags` key at all.
        extras: Further properties, kept as they came: associations, flow logs, and what nobody here knows.
        top: Unknown top-level keys.
        etag: With `W/` and quotes; the one etag of the NSG and all its rules.
    """

    subscription: str
    group: str
    name: str
    location: str
    resource_guid: str
    etag: str
    state: ProvisioningState = "Succeeded"
    tags: Mapping[str, str] | None = None
    rules: tuple[Rule, ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)
    top: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The resource id, in the case in which it was created."""
        return ids.nsg_id(self.subscription, self.group, self.name)

    def rule(self, name: str) -> Rule | None:
        """The custom rule of that name, whatever its case."""
        return next((rule for rule in self.rules if rule.name.lower() == name.lower()), None)

    def users(self) -> list[str]:
        """Ids of the subnets and network interfaces that hold the NSG in use."""
        return [item["id"] for kind in ("subnets", "networkInterfaces") for item in self.extras.get(kind) or []]


@dataclass(frozen=True, slots=True)
class Operation:
    """A long-running operation on one NSG.

    Attributes:
        due: When it ends, unless it is `stuck`.
        deletes: Whether its success removes the NSG.
        error: What it fails with; None when it succeeds.
        request: Id of the request that started it, whose entry in the Activity Log its end completes.
    """

    id: str
    target: str
    location: str
    due: datetime
    deletes: bool = False
    stuck: bool = False
    error: Mapping[str, str] | None = None
    status: OperationStatus = "InProgress"
    request: str = ""
