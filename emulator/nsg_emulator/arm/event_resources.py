"""System topics and event subscriptions of Event Grid, as ARM documents.

They are stored as they are written. Nothing is delivered because of them: `deliver` takes its own filter, which
`EventFilter.from_document` reads from an event subscription. Azure writes them in long-running operations; here a
write takes effect at once.
"""

from collections.abc import Mapping
from typing import Any

from nsg_emulator.arm import errors, ids
from nsg_emulator.arm.messages import ArmRequest, ArmResponse
from nsg_emulator.arm.store import Store

TOPIC_TYPE = "Microsoft.EventGrid/systemTopics"
SUBSCRIPTION_TYPE = "Microsoft.EventGrid/eventSubscriptions"
NESTED_TYPE = f"{TOPIC_TYPE}/eventSubscriptions"
_FILTER = {"subjectBeginsWith": "", "subjectEndsWith": "", "isSubjectCaseSensitive": False}
_DEFAULTS: dict[str, Any] = {
    "eventDeliverySchema": "EventGridSchema",
    "retryPolicy": {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440},
    "labels": [],
}


def listing(store: Store, request: ArmRequest, resource_type: str) -> ArmResponse:
    """GET of all resources of a type below the path, which is in a subscription, a resource group or a system topic."""
    store.subscription(request.params["sub"])
    if "group" in request.params:
        store.group(request.params["sub"], request.params["group"])
    if "topic" in request.params:
        _existing(store, request.path.rstrip("/").rpartition("/")[0])
    path = ids.key(request.path)
    scope = path if resource_type == NESTED_TYPE else path.rpartition("/providers/")[0]
    resources = [item for key, item in store.event_grid.items() if key.startswith(f"{scope}/")]
    return ArmResponse(200, {"value": [item for item in resources if item["type"] == resource_type]})


def get(store: Store, request: ArmRequest) -> ArmResponse:
    """GET of one resource."""
    return ArmResponse(200, _existing(store, request.path))


def put(store: Store, request: ArmRequest, resource_type: str) -> ArmResponse:
    """PUT: create or replace a resource."""
    store.subscription(request.params["sub"])
    if "group" in request.params:
        store.group(request.params["sub"], request.params["group"])
    if resource_type == NESTED_TYPE:
        _existing(store, "/".join(request.path.split("/")[:-2]))
    resource_id, is_new = request.path.rstrip("/"), ids.key(request.path) not in store.event_grid
    sent = {**request.json(), "properties": request.properties()}
    return ArmResponse(201 if is_new else 200, add(store, {**sent, "id": resource_id, "type": resource_type}))


def delete(store: Store, request: ArmRequest) -> ArmResponse:
    """DELETE: 200; 204 if the resource does not exist. A system topic is deleted with its event subscriptions."""
    key = ids.key(request.path)
    gone = [other for other in store.event_grid if other == key or other.startswith(f"{key}/")]
    for other in gone:
        del store.event_grid[other]
    return ArmResponse(200 if gone else 204)


def add(store: Store, document: Mapping[str, Any]) -> dict[str, Any]:
    """Add or replace a resource, with the fields that Azure sets, and return it.

    The type follows from the id if the document does not have it.
    """
    resource_id = document["id"].rstrip("/")
    resource_type = document.get("type") or _type_of(resource_id)
    properties = {"provisioningState": "Succeeded", **(document.get("properties") or {})}
    if resource_type == TOPIC_TYPE:
        properties.setdefault("metricResourceId", store.new_id())
    else:
        properties = {**_DEFAULTS, "topic": _topic_of(store, resource_id), **properties}
        properties["filter"] = {**_FILTER, **(properties.get("filter") or {})}
    own = {"id": resource_id, "name": resource_id.rpartition("/")[2], "type": resource_type, "properties": properties}
    store.event_grid[ids.key(resource_id)] = stored = {**document, **own}
    return stored


def _type_of(resource_id: str) -> str:
    parts = resource_id.lower().split("/")
    if parts[-2] == "systemtopics":
        return TOPIC_TYPE
    return NESTED_TYPE if "systemtopics" in parts else SUBSCRIPTION_TYPE


def _topic_of(store: Store, resource_id: str) -> str:
    """Return the source of the events: that of the system topic, or the scope of the event subscription."""
    topic = store.event_grid.get(ids.key(resource_id).rpartition("/eventsubscriptions/")[0])
    return topic["properties"]["source"] if topic else resource_id.partition("/providers/Microsoft.EventGrid")[0]


def _existing(store: Store, path: str) -> dict[str, Any]:
    """Return a resource.

    Raises:
        ArmError: 404 ResourceNotFound.
    """
    existing = store.event_grid.get(ids.key(path))
    if existing is None:
        name = path.rstrip("/").rpartition("/providers/")[2]
        raise errors.gateway(404, "ResourceNotFound", f"The Resource '{name}' was not found. {errors.MORE}")
    return existing
