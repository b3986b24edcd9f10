"""Event Grid events for changes: what happened, and how the two schemas write it.

The formats follow the published samples of `Microsoft.Resources.ResourceWriteSuccess` and `ResourceDeleteSuccess`. Like
Azure, the emulator has one event for each change that succeeded, at the time of its EndRequest row.
"""

import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from nsg_emulator.arm.activity import Change, claims, timestamp

Schema = Literal["EventGridSchema", "CloudEventSchemaV1_0"]
WRITE = "Microsoft.Resources.ResourceWriteSuccess"
DELETE = "Microsoft.Resources.ResourceDeleteSuccess"
_UNRELATED = (
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Compute/disks/delete",
    "Microsoft.Storage/storageAccounts/write",
    "Microsoft.KeyVault/vaults/write",
    "Microsoft.Network/publicIPAddresses/write",
    "Microsoft.Resources/deployments/write",
    "Microsoft.Web/sites/delete",
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        subject: The id of the changed resource, in the case that the client used.
        operation: The operation, such as `Microsoft.Network/networkSecurityGroups/securityRules/write`.
        data: The `data` object, which both schemas share.
    """

    id: str
    happened: datetime
    subject: str
    operation: str
    data: Mapping[str, Any]

    @property
    def type(self) -> str:
        """The event type: a delete or a write."""
        return DELETE if self.operation.lower().endswith("/delete") else WRITE

    @property
    def subscription(self) -> str:
        """The id of the subscription, which is the topic and the source of the event."""
        return "/".join(self.subject.split("/")[:3])

    def document(self, schema: Schema = "EventGridSchema") -> dict[str, Any]:
        """Return the event in a schema."""
        return _cloud_document(self) if schema == "CloudEventSchemaV1_0" else _grid_document(self)


@dataclass(slots=True)
class EventSource:
    """Turns changes into events.

    Attributes:
        tenant: The tenant id of the events.
        listeners: Called with each new event on the thread that handles the request.
    """

    tenant: str
    listeners: list[Callable[[Event], None]] = field(default_factory=list)

    def publish(self, change: Change, happened: datetime) -> None:
        """Call the listeners with the event of a change."""
        if self.listeners:
            event = event_of(change, happened, self.tenant)
            for listener in self.listeners:
                listener(event)


def event_of(change: Change, happened: datetime, tenant: str) -> Event:
    """Return the event of a change."""
    data = {
        "authorization": {
            "scope": change.resource_id,
            "action": change.operation,
            "evidence": {"role": "Contributor", "principalType": _principal_type(change)},
        },
        "claims": claims(change.principal),
        "correlationId": change.correlation,
        "httpRequest": {
            "clientRequestId": change.client_request_id,
            "clientIpAddress": change.client_ip,
            "method": change.method,
            "url": change.url,
        },
        "resourceProvider": change.operation.partition("/")[0],
        "resourceUri": change.resource_id,
        "operationName": change.operation,
        "status": "Succeeded",
        "subscriptionId": change.resource_id.split("/")[2],
        "tenantId": tenant,
    }
    return Event(str(uuid.uuid4()), happened, change.resource_id, change.operation, data)


def unrelated_event(subscription: str, happened: datetime, choice: random.Random) -> Event:
    """Return an event of another resource type, as an unfiltered event subscription delivers it."""
    operation = choice.choice(_UNRELATED)
    name = f"{operation.rpartition('/')[0]}/other-{choice.randrange(1_000_000)}"
    subject = f"/subscriptions/{subscription}/resourceGroups/rg-other/providers/{name}"
    data = {
        "authorization": {"scope": subject, "action": operation},
        "claims": {},
        "correlationId": str(uuid.uuid4()),
        "resourceProvider": operation.partition("/")[0],
        "resourceUri": subject,
        "operationName": operation,
        "status": "Succeeded",
        "subscriptionId": subscription,
    }
    return Event(str(uuid.uuid4()), happened, subject, operation, data)


def _principal_type(change: Change) -> str:
    return "User" if change.principal.upn else "ServicePrincipal"


def _grid_document(event: Event) -> dict[str, Any]:
    return {
        "subject": event.subject,
        "eventType": event.type,
        "eventTime": timestamp(event.happened),
        "id": event.id,
        "data": dict(event.data),
        "dataVersion": "2",
        "metadataVersion": "1",
        "topic": event.subscription,
    }


def _cloud_document(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "source": event.subscription,
        "specversion": "1.0",
        "type": event.type,
        "subject": event.subject,
        "time": timestamp(event.happened),
        "data": dict(event.data),
    }
