"""Tenants, subscriptions and resource groups, which clients read before NSGs."""

from typing import Any

from nsg_emulator.arm import errors, ids
from nsg_emulator.arm.messages import ArmRequest, ArmResponse, checked_tags
from nsg_emulator.arm.model import Nsg, ResourceGroup, Subscription
from nsg_emulator.arm.store import Store


def tenants(tenant: str) -> ArmResponse:
    """GET /tenants."""
    item = {
        "id": f"/tenants/{tenant}",
        "tenantId": tenant,
        "countryCode": "NL",
        "displayName": "Emulated",
        "tenantCategory": "Home",
    }
    return ArmResponse(200, {"value": [item]})


def subscriptions(store: Store, tenant: str) -> ArmResponse:
    """GET /subscriptions."""
    return ArmResponse(200, {"value": [_subscription(item, tenant) for item in store.subscriptions.values()]})


def subscription(store: Store, request: ArmRequest, tenant: str) -> ArmResponse:
    """GET /subscriptions/{id}."""
    return ArmResponse(200, _subscription(store.subscription(request.params["sub"]), tenant))


def collection(store: Store, request: ArmRequest) -> ArmResponse:
    """GET of the resource groups of a subscription."""
    prefix = f"/subscriptions/{store.subscription(request.params['sub']).id}/".lower()
    return ArmResponse(
        200, {"value": [_group(item) for key, item in sorted(store.groups.items()) if key.startswith(prefix)]}
    )


def get(store: Store, request: ArmRequest) -> ArmResponse:
    """GET of one resource group."""
    return ArmResponse(200, _group(store.group(request.params["sub"], request.params["group"])))


def head(store: Store, request: ArmRequest) -> ArmResponse:
    """HEAD: 204 if the resource group exists, otherwise 404."""
    store.group(request.params["sub"], request.params["group"])
    return ArmResponse(204)


def put(store: Store, request: ArmRequest) -> ArmResponse:
    """PUT: create or update a resource group."""
    existing_group = store.groups.get(ids.key(ids.group_id(request.params["sub"], request.params["group"])))
    document = request.json()
    location = document.get("location")
    if not isinstance(location, str) or not location:
        raise errors.location_required()
    owner = store.subscription(request.params["sub"])
    name = existing_group.name if existing_group else request.params["group"]
    group = ResourceGroup(owner.id, name, location, checked_tags(document.get("tags") or {}))
    store.put_group(group)
    return ArmResponse(200 if existing_group else 201, _group(group))


def delete(store: Store, request: ArmRequest) -> tuple[ArmResponse, list[Nsg]]:
    """DELETE: remove the group and its content at once. Azure takes minutes; this is not emulated.

    NSGs in use do not prevent it, because the resources that use them are deleted with the group.

    Returns:
        The response, and the deleted NSGs.
    """
    group = store.group(request.params["sub"], request.params["group"])
    gone = store.remove_group(group)
    base = f"{request.origin}/subscriptions/{group.subscription}/operationresults"
    where = f"{base}/{store.new_id()}?api-version={request.api_version}"
    return ArmResponse(202, None, {"Location": where, "Retry-After": "0"}), gone


def _subscription(item: Subscription, tenant: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{item.id}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": item.id,
        "tenantId": tenant,
        "displayName": item.name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _group(item: ResourceGroup) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "type": ids.GROUP_TYPE,
        "location": item.location,
        **({"tags": dict(item.tags)} if item.tags else {}),
        "properties": {"provisioningState": "Succeeded"},
    }
