"""Tenants, subscriptions and resource groups: what clients ask before they come to an NSG."""

from typing import Any

from nsg_emulator.arm import errors, ids
from nsg_emulator.arm.calls import Call, Reply, checked_tags
from nsg_emulator.arm.model import Nsg, ResourceGroup, Subscription
from nsg_emulator.arm.store import Store


def tenants(tenant: str) -> Reply:
    """GET /tenants."""
    item = {
        "id": f"/tenants/{tenant}",
        "tenantId": tenant,
        "countryCode": "NL",
        "displayName": "Emulated",
        "tenantCategory": "Home",
    }
    return Reply(200, {"value": [item]})


def subscriptions(store: Store, tenant: str) -> Reply:
    """GET /subscriptions."""
    return Reply(200, {"value": [_subscription(item, tenant) for item in store.subscriptions.values()]})


def subscription(store: Store, call: Call, tenant: str) -> Reply:
    """GET /subscriptions/{id}."""
    return Reply(200, _subscription(store.subscription(call.params["sub"]), tenant))


def collection(store: Store, call: Call) -> Reply:
    """GET of a subscription's resource groups."""
    prefix = f"/subscriptions/{store.subscription(call.params['sub']).id}/".lower()
    return Reply(200, {"value": [_group(item) for key, item in sorted(store.groups.items()) if key.startswith(prefix)]})


def get(store: Store, call: Call) -> Reply:
    """GET of one resource group."""
    return Reply(200, _group(store.group(call.params["sub"], call.params["group"])))


def head(store: Store, call: Call) -> Reply:
    """HEAD: 204 when it is there, 404 when not."""
    store.group(call.params["sub"], call.params["group"])
    return Reply(204)


def put(store: Store, call: Call) -> Reply:
    """PUT: create or update a resource group."""
    known = store.groups.get(ids.key(ids.group_id(call.params["sub"], call.params["group"])))
    document = call.json()
    location = document.get("location")
    if not isinstance(location, str) or not location:
        raise errors.location_required()
    owner = store.subscription(call.params["sub"])
    name = known.name if known else call.params["group"]
    group = ResourceGroup(owner.id, name, location, checked_tags(document.get("tags") or {}))
    store.put_group(group)
    return Reply(200 if known else 201, _group(group))


def delete(store: Store, call: Call) -> tuple[Reply, list[Nsg]]:
    """DELETE: the group and all in it, at once; what Azure takes minutes for is not played out.

    NSGs in use do not hold it up, since what uses them goes with the group.

    Returns:
        The answer, and the NSGs that went.
    """
    group = store.group(call.params["sub"], call.params["group"])
    gone = store.remove_group(group)
    base = f"{call.origin}/subscriptions/{group.subscription}/operationresults"
    where = f"{base}/{store.new_id()}?api-version={call.api_version}"
    return Reply(202, None, {"Location": where, "Retry-After": "0"}), gone


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
