"""Which events an event subscription delivers. A filter that excludes one operation leaves an open door unseen."""

from datetime import UTC, datetime
from typing import Any

import pytest

from nsg_baseline.core.event_subscription import EventSubscription, QueueAddress, to_queue

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ACCOUNT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/Account"
QUEUE = {"endpointType": "StorageQueue", "properties": {"resourceId": ACCOUNT, "queueName": "nsg-events"}}
TYPES = ["Microsoft.Resources.ResourceWriteSuccess", "Microsoft.Resources.ResourceDeleteSuccess"]
RULE_WRITE = "Microsoft.Network/networkSecurityGroups/securityRules/write"


def event_subscription(destination: Any = QUEUE, **properties: Any) -> EventSubscription:
    return EventSubscription({"name": "nsg", "properties": {"destination": destination, **properties}})


def faults(**properties: Any) -> list[str]:
    return list(event_subscription(**properties).faults(SUBSCRIPTION, NOW))


def operations(operator: str, *values: str) -> dict[str, Any]:
    return {"advancedFilters": [{"operatorType": operator, "key": "data.operationName", "values": list(values)}]}


def test_the_queue_is_compared_by_account_and_name() -> None:
    documents = [event_subscription().document, event_subscription({"endpointType": "WebHook"}).document, {}]
    assert [item.name for item in to_queue(documents, QueueAddress("account", "nsg-events"))] == ["nsg"]
    assert to_queue(documents, QueueAddress("account", "other")) == []
    assert to_queue(documents, QueueAddress("other", "nsg-events")) == []
    delivered = event_subscription(None, deliveryWithResourceIdentity={"destination": QUEUE})
    assert delivered.queue == QueueAddress("account", "nsg-events")


@pytest.mark.parametrize(
    "filters",
    [
        None,
        {},
        {"includedEventTypes": TYPES, "subjectBeginsWith": f"/subscriptions/{SUBSCRIPTION.upper()}/"},
        operations("StringContains", "networksecuritygroups", "tags/write", "/delete", "virtualNetworks", "networkInt"),
        operations("StringBeginsWith", "Microsoft.Network/", "Microsoft.Resources/"),
        operations("StringNotIn", "Microsoft.Compute/virtualMachines/write"),
        operations("StringNotContains", "Microsoft.Compute"),
    ],
)
def test_filters_that_deliver_everything(filters: Any) -> None:
    assert faults(filter=filters, provisioningState="Succeeded") == []


@pytest.mark.parametrize(
    ("filters", "missed"),
    [
        ({"includedEventTypes": TYPES[1:]}, RULE_WRITE),
        ({"includedEventTypes": TYPES[:1]}, "Microsoft.Network/networkSecurityGroups/delete"),
        (operations("StringIn", "Microsoft.Network/networkSecurityGroups/write"), RULE_WRITE),
        (operations("StringBeginsWith", "Microsoft.Network/"), "Microsoft.Resources/tags/write"),
        (operations("StringNotEndsWith", "securityRules/write"), RULE_WRITE),
        ({"subjectEndsWith": "/web"}, RULE_WRITE),
        ({"subjectBeginsWith": "/subscriptions/2222"}, RULE_WRITE),
        (
            {"subjectBeginsWith": f"/subscriptions/{SUBSCRIPTION}/resourcegroups", "isSubjectCaseSensitive": True},
            RULE_WRITE,
        ),
    ],
)
def test_filters_that_exclude_an_operation_name_it(filters: dict[str, Any], missed: str) -> None:
    (fault,) = faults(filter=filters)
    assert fault.startswith("its filter excludes ")
    assert missed in fault


def test_all_filters_must_pass() -> None:
    both = [
        {"operatorType": "StringContains", "key": "data.operationName", "values": ["write"]},
        {"operatorType": "StringContains", "key": "data.operationName", "values": ["delete"]},
    ]
    (fault,) = faults(filter={"advancedFilters": both})
    assert RULE_WRITE in fault


def test_what_cannot_be_evaluated_is_named() -> None:
    number = {"operatorType": "NumberIn", "key": "data.size", "values": [1]}
    claim = {"operatorType": "StringIn", "key": "data.claims.name", "values": ["jo"]}
    (fault,) = faults(filter={"advancedFilters": [number, claim]})
    assert fault.startswith("its filter on data.claims.name, data.size is not evaluated here")


def test_a_subscription_that_is_not_active_is_a_fault() -> None:
    assert faults(provisioningState="Failed", expirationTimeUtc="2026-02-01T00:00:00Z") == [
        "its provisioningState is Failed",
        "it expired at 2026-02-01T00:00:00Z",
    ]
    assert faults(expirationTimeUtc="2027-02-01T00:00:00Z") == []
    assert faults(expirationTimeUtc="2027-02-01T00:00:00") == []
    assert faults(expirationTimeUtc="soon") == ["it expired at soon"]
