"""The state as JSON: read from ARM's format or from a file of the emulator, and written to a file.

Two formats are read: a list of NSG documents (or ARM's `{"value": [...]}`), and
`{"subscriptions": [...], "resourceGroups": [...], "nsgs": [...], "eventGrid": [...]}`, where `eventGrid` has the system
topics and event subscriptions.
Missing resource groups and subscriptions of the NSGs are created.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from nsg_emulator.arm import event_resources, ids, render
from nsg_emulator.arm.model import Nsg, ProvisioningState, ResourceGroup, Rule, Subscription
from nsg_emulator.arm.store import Store

FALLBACK_LOCATION = "westeurope"
_OWN_TOP = ("name", "id", "etag", "type", "location", "tags", "properties")
_OWN_PROPERTIES = ("provisioningState", "resourceGuid", "securityRules", "defaultSecurityRules")


class StateError(ValueError):
    """A state that cannot be read. The message names the entry and the problem."""


def load_file(store: Store, path: Path) -> None:
    """Add the content of a file to the store.

    Raises:
        StateError: The file is not JSON, or an entry is invalid or incomplete.
    """
    try:
        document = msgspec.json.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise StateError(f"{path}: not JSON: {error}") from error
    except RecursionError as error:
        raise StateError(f"{path}: not JSON: nested too deeply") from error
    load(store, document)


def save_file(store: Store, path: Path) -> None:
    """Write the content of the store to a file that `load_file` reads."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(dump(store)), indent=1))


def load(store: Store, document: Any) -> None:
    """Add a state to the store.

    Raises:
        StateError: An entry is invalid or incomplete.
    """
    parts = _parts(document)
    for item in parts.get("subscriptions") or []:
        add_subscription(store, _text(item, "subscriptionId", "subscriptions"), item.get("displayName"))
    for item in parts.get("resourceGroups") or []:
        store.put_group(read_group(store, item))
    for item in parts.get("nsgs") or []:
        add_nsg(store, item)
    for item in parts.get("eventGrid") or []:
        event_resources.add(store, {**item, "id": _text(item, "id", "eventGrid")})


def dump(store: Store) -> dict[str, Any]:
    """Return the whole state as JSON."""
    return {
        "subscriptions": [
            {"subscriptionId": item.id, "displayName": item.name} for item in store.subscriptions.values()
        ],
        "resourceGroups": [
            {"id": item.id, "location": item.location, "tags": dict(item.tags)} for item in store.groups.values()
        ],
        "nsgs": [render.nsg_document(nsg) for nsg in store.nsgs.values()],
        "eventGrid": list(store.event_grid.values()),
    }


def add_subscription(store: Store, subscription: str, name: str | None = None) -> Subscription:
    """Return the subscription with an id; create it if it does not exist."""
    existing = store.subscriptions.get(subscription.lower())
    if existing is None or (name and name != existing.name):
        existing = Subscription(subscription, name) if name else Subscription(subscription)
        store.add_subscription(existing)
    return existing


def read_group(store: Store, item: Mapping[str, Any]) -> ResourceGroup:
    """Read the entry of a resource group; create its subscription if it does not exist."""
    parts = _text(item, "id", "resourceGroups").strip("/").split("/")
    if [part.lower() for part in parts[::2]] != ["subscriptions", "resourcegroups"]:
        raise StateError(f"resourceGroups: {item['id']!r} is not the id of a resource group")
    add_subscription(store, parts[1])
    return ResourceGroup(parts[1], parts[3], item.get("location") or FALLBACK_LOCATION, item.get("tags") or {})


def add_nsg(store: Store, document: Mapping[str, Any]) -> Nsg:
    """Add one NSG in ARM's format, without validation, with its group and subscription."""
    nsg = read_nsg(store, document)
    add_subscription(store, nsg.subscription)
    if ids.key(ids.group_id(nsg.subscription, nsg.group)) not in store.groups:
        store.put_group(ResourceGroup(nsg.subscription, nsg.group, nsg.location))
    return store.put(nsg)


def read_nsg(store: Store, document: Any) -> Nsg:
    """Read one NSG from a document; generate its etag if it is missing.

    Without a GUID it has that of the NSG that it replaces, or a new one.
    """
    subscription, group, name = _nsg_names(_text(document, "id", "nsgs"))
    properties = _object(document, "properties", "nsgs")
    state = properties.get("provisioningState") or "Succeeded"
    replaced = store.nsgs.get(ids.key(ids.nsg_id(subscription, group, name)))
    return Nsg(
        subscription=subscription,
        group=group,
        name=document.get("name") or name,
        location=document.get("location") or FALLBACK_LOCATION,
        resource_guid=properties.get("resourceGuid") or (replaced.resource_guid if replaced else store.new_id()),
        etag=document.get("etag") or store.new_etag(),
        state=cast("ProvisioningState", state),
        tags=None if document.get("tags") is None else _object(document, "tags", "nsgs"),
        rules=tuple(parse_rule(rule) for rule in properties.get("securityRules") or []),
        extras={name: value for name, value in properties.items() if name not in _OWN_PROPERTIES},
        top={name: value for name, value in document.items() if name not in _OWN_TOP},
    )


def parse_rule(document: Any) -> Rule:
    """Read one custom rule from a document.

    Raises:
        StateError: It has no name, or its properties are not an object.
    """
    name = _text(document, "name", "securityRules")
    properties = _object(document, "properties", "securityRules")
    return Rule(name, {key: value for key, value in properties.items() if key != "provisioningState"})


def _nsg_names(resource_id: str) -> tuple[str, str, str]:
    try:
        return ids.split_nsg_id(resource_id)
    except ValueError as error:
        raise StateError(f"nsgs: {error}") from error


def _object(item: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    value = item.get(name)
    if value is not None and not isinstance(value, dict):
        raise StateError(f"{where}: {name!r} must be an object")
    return value or {}


def _parts(document: Any) -> Mapping[str, Any]:
    if isinstance(document, list):
        return {"nsgs": document}
    if isinstance(document, dict):
        return {"nsgs": document["value"]} if "value" in document else document
    raise StateError("the state must be a list of network security groups or an object with a key nsgs")


def _text(item: Any, name: str, where: str) -> str:
    value = item.get(name) if isinstance(item, dict) else None
    if not isinstance(value, str) or not value:
        raise StateError(f"{where}: every entry needs a non-empty {name!r}")
    return value
