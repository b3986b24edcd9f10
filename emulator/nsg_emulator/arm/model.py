"""The state of the emulator as immutable values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from nsg_emulator.arm import ids

ProvisioningState = Literal["Succeeded", "Updating", "Deleting", "Failed"]
OperationStatus = Literal["InProgress", "Succeeded", "Failed"]


@dataclass(frozen=True, slots=True)
class Subscription:
    """An emulated subscription."""

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
    """A custom rule with its properties as ARM stores them. Its `provisioningState` is that of the NSG."""

    name: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Nsg:
    """A network security group.

    Attributes:
        tags: The tags; None if the document has no `tags` key.
        extras: Further properties, stored unchanged: associations, flow logs and unknown properties.
        top: Unknown top-level fields.
        etag: The etag of the NSG and all its rules, with `W/` and quotes.
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
        """The resource id, in the case that was used to create the NSG."""
        return ids.nsg_id(self.subscription, self.group, self.name)

    def rule(self, name: str) -> Rule | None:
        """Return the custom rule with a name, case-insensitive; None if it does not exist."""
        return next((rule for rule in self.rules if rule.name.lower() == name.lower()), None)

    def users(self) -> list[str]:
        """Return the ids of the subnets and network interfaces that use the NSG."""
        return [item["id"] for kind in ("subnets", "networkInterfaces") for item in self.extras.get(kind) or []]


@dataclass(frozen=True, slots=True)
class Operation:
    """A long-running operation on one NSG.

    Attributes:
        due: The time at which it ends, unless it is `stuck`.
        deletes: Whether it deletes the NSG.
        error: The error with which it fails; None if it succeeds.
        request: Id of the request that started it; the EndRequest row of this request is added at its end.
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
