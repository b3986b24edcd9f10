"""System topics and event subscriptions: what a check of the events setup reads, and what az and Terraform write."""

from nsg_emulator.arm import EventFilter
from tests.emulator.arm.direct import GROUP, SUBSCRIPTION, Azure

TOPIC = f"{GROUP}/providers/Microsoft.EventGrid/systemTopics/changes"
NESTED = f"{TOPIC}/eventSubscriptions/nsg"
SCOPED = f"{SUBSCRIPTION}/providers/Microsoft.EventGrid/eventSubscriptions/nsg"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/events"
TOPIC_BODY = {
    "location": "global",
    "properties": {"source": SUBSCRIPTION, "topicType": "Microsoft.Resources.Subscriptions"},
}
NESTED_BODY = {
    "properties": {
        "destination": {
            "endpointType": "StorageQueue",
            "properties": {"resourceId": STORAGE, "queueName": "nsg-events", "queueMessageTimeToLiveInSeconds": 604800},
        },
        "filter": {"includedEventTypes": ["Microsoft.Resources.ResourceWriteSuccess"]},
    }
}


def test_a_topic_and_its_event_subscriptions_are_listed(azure: Azure) -> None:
    assert azure("PUT", TOPIC, TOPIC_BODY).status == 201
    assert azure("PUT", NESTED, NESTED_BODY).status == 201
    assert azure("PUT", SCOPED, NESTED_BODY).status == 201
    topics = azure("GET", f"{SUBSCRIPTION}/providers/microsoft.eventgrid/systemtopics").body["value"]
    assert [(topic["id"], topic["type"], topic["location"]) for topic in topics] == [
        (TOPIC, "Microsoft.EventGrid/systemTopics", "global")
    ]
    assert topics[0]["properties"]["provisioningState"] == "Succeeded"
    [nested] = azure("GET", f"{TOPIC.upper()}/eventSubscriptions").body["value"]
    assert (nested["id"], nested["properties"]["topic"]) == (NESTED, SUBSCRIPTION)
    assert nested["properties"]["eventDeliverySchema"] == "EventGridSchema"
    assert EventFilter.from_document(nested["properties"]["filter"]).types
    [scoped] = azure("GET", f"{SUBSCRIPTION}/providers/Microsoft.EventGrid/eventSubscriptions").body["value"]
    assert (scoped["id"], scoped["properties"]["topic"]) == (SCOPED, SUBSCRIPTION)


def test_a_deleted_topic_takes_its_event_subscriptions_with_it(azure: Azure) -> None:
    azure("PUT", TOPIC, TOPIC_BODY)
    azure("PUT", NESTED, NESTED_BODY)
    assert [azure("DELETE", TOPIC).status, azure("DELETE", TOPIC).status] == [200, 204]
    assert azure("GET", NESTED).code == "ResourceNotFound"
    assert azure("GET", f"{TOPIC}/eventSubscriptions").status == 404
    assert azure("PUT", NESTED, NESTED_BODY).status == 404


def test_the_listings_need_their_permissions(azure: Azure) -> None:
    # A check of the setup has to say which permission is missing.
    azure("PUT", TOPIC, TOPIC_BODY)
    azure.emulator.configure(roles={"11111111-aaaa-4000-8000-000000000001": ["Microsoft.EventGrid/systemTopics/read"]})
    assert azure("GET", f"{SUBSCRIPTION}/providers/Microsoft.EventGrid/systemTopics").status == 200
    refused = azure("GET", f"{TOPIC}/eventSubscriptions")
    assert (refused.status, refused.code) == (403, "AuthorizationFailed")
    assert "Microsoft.EventGrid/systemTopics/eventSubscriptions/read" in refused.message


def test_the_resources_are_part_of_the_state(azure: Azure) -> None:
    azure.emulator.load({"eventGrid": [{"id": TOPIC, **TOPIC_BODY}, {"id": NESTED, **NESTED_BODY}]})
    assert [item["id"] for item in azure.emulator.dump()["eventGrid"]] == [TOPIC, NESTED]
    assert azure("GET", NESTED).body["properties"]["topic"] == SUBSCRIPTION
