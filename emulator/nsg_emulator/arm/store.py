"""The state of the emulated Azure, without clock, sockets and rendering."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from nsg_emulator.arm import errors, ids
from nsg_emulator.arm.model import Nsg, Operation, ProvisioningState, ResourceGroup, Subscription


def random_id() -> str:
    """Return a new GUID."""
    return str(uuid.uuid4())


class Store:
    """Subscriptions, resource groups, NSGs and operations. Names are case-insensitive."""

    def __init__(self, new_id: Callable[[], str] = random_id) -> None:
        """Create an empty store.

        Args:
            new_id: Generates GUIDs; tests may pass another function.
        """
        self.new_id = new_id
        self.subscriptions: dict[str, Subscription] = {}
        self.groups: dict[str, ResourceGroup] = {}
        self.nsgs: dict[str, Nsg] = {}
        self.operations: dict[str, Operation] = {}
        self.event_grid: dict[str, dict[str, Any]] = {}
        self._running: dict[str, Operation] = {}
        self._order: dict[str, int] = {}
        self._created = 0

    # --- reading ---

    def subscription(self, subscription: str) -> Subscription:
        """Return a subscription.

        Raises:
            ArmError: 404 SubscriptionNotFound.
        """
        existing = self.subscriptions.get(subscription.lower())
        if existing is None:
            raise errors.subscription_not_found(subscription)
        return existing

    def group(self, subscription: str, name: str) -> ResourceGroup:
        """Return a resource group.

        Raises:
            ArmError: 404 SubscriptionNotFound or ResourceGroupNotFound.
        """
        self.subscription(subscription)
        existing = self.groups.get(ids.key(ids.group_id(subscription, name)))
        if existing is None:
            raise errors.group_not_found(name)
        return existing

    def find_nsg(self, subscription: str, group: str, name: str) -> Nsg | None:
        """Return an NSG; None if it does not exist in an existing group.

        Raises:
            ArmError: 404 SubscriptionNotFound or ResourceGroupNotFound.
        """
        self.group(subscription, group)
        return self.nsgs.get(ids.key(ids.nsg_id(subscription, group, name)))

    def nsg(self, subscription: str, group: str, name: str) -> Nsg:
        """Return an NSG.

        Raises:
            ArmError: 404 SubscriptionNotFound, ResourceGroupNotFound or ResourceNotFound.
        """
        nsg = self.find_nsg(subscription, group, name)
        if nsg is None:
            raise errors.resource_not_found(group, name)
        return nsg

    def keys_below(self, prefix: str) -> list[tuple[int, str]]:
        """Return the keys of the NSGs whose id starts with a prefix, with their places, in the order of listings.

        The order is that of creation. Azure's order is unknown; it is not that of the names (recorded).
        """
        folded = ids.key(prefix) + "/"
        return [(self._order[key], key) for key in self.nsgs if key.startswith(folded)]

    # --- writing ---

    def new_etag(self) -> str:
        """Return a new weak etag in Azure's format."""
        return f'W/"{self.new_id()}"'

    def add_subscription(self, subscription: Subscription) -> None:
        """Add or replace a subscription."""
        self.subscriptions[subscription.id.lower()] = subscription

    def put_group(self, group: ResourceGroup) -> None:
        """Add or replace a resource group."""
        self.groups[ids.key(group.id)] = group

    def put(self, nsg: Nsg) -> Nsg:
        """Add or replace an NSG."""
        key = ids.key(nsg.id)
        if key not in self.nsgs:
            self._created += 1
            self._order[key] = self._created
        self.nsgs[key] = nsg
        return nsg

    def remove(self, resource_id: str) -> None:
        """Remove an NSG if it exists."""
        self.nsgs.pop(ids.key(resource_id), None)

    def remove_group(self, group: ResourceGroup) -> list[Nsg]:
        """Remove a resource group with its content and return the removed NSGs."""
        gone = [self.nsgs.pop(key) for _, key in self.keys_below(group.id)]
        self.groups.pop(ids.key(group.id), None)
        return gone

    def clear(self) -> None:
        """Remove all content."""
        for table in (self.subscriptions, self.groups, self.nsgs, self.operations, self._running, self.event_grid):
            table.clear()

    # --- operations ---

    def start(self, operation: Operation) -> Operation:
        """Store a new operation, or the new state of an operation."""
        self.operations[operation.id] = operation
        self._running.pop(operation.id, None)
        if operation.status == "InProgress":
            self._running[operation.id] = operation
        return operation

    def pending(self) -> list[Operation]:
        """Return the operations that have not ended."""
        return list(self._running.values())

    def settle(self, now: datetime) -> Iterator[Operation]:
        """End the operations that are due and yield them. The caller must exhaust the iterator."""
        for operation in self.pending():
            if operation.due <= now and not operation.stuck:
                yield self._finish(operation)

    def release(self, operation_id: str) -> Operation:
        """Release a stuck operation. It ends at the next `settle`.

        Raises:
            KeyError: The operation does not exist.
        """
        return self.start(replace(self.operations[operation_id], stuck=False))

    def _finish(self, operation: Operation) -> Operation:
        ended = self.start(replace(operation, status="Failed" if operation.error else "Succeeded"))
        nsg = self.nsgs.get(operation.target)
        if nsg is not None and operation.deletes and not operation.error:
            self.remove(operation.target)
        elif nsg is not None:
            self.put(replace(nsg, state=self._state_after(ended), etag=self.new_etag()))
        return ended

    def _state_after(self, ended: Operation) -> ProvisioningState:
        if any(operation.target == ended.target for operation in self.pending()):
            return "Updating"
        return "Failed" if ended.error else "Succeeded"
