"""Network security groups: read, write, delete."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nsg_emulator.arm import errors, ids, operations, preconditions, render, state, validate
from nsg_emulator.arm.messages import ArmRequest, ArmResponse, checked_tags
from nsg_emulator.arm.model import Nsg, Rule
from nsg_emulator.arm.operations import TermsOf
from nsg_emulator.arm.store import Store


def find(store: Store, request: ArmRequest) -> Nsg:
    """Return the NSG that the path names.

    Raises:
        ArmError: 404 if it does not exist.
    """
    return store.nsg(request.params["sub"], request.params["group"], request.params["nsg"])


def writable(store: Store, request: ArmRequest) -> Nsg | None:
    """Return the NSG that the path names; None if it does not exist.

    A write during another write is accepted: Azure accepted two simultaneous rules (recorded).

    Raises:
        ArmError: 429 while the NSG is being deleted.
    """
    nsg = store.find_nsg(request.params["sub"], request.params["group"], request.params["nsg"])
    if nsg is not None and nsg.state == "Deleting":
        raise errors.another_operation(nsg.id)
    return nsg


def existing(store: Store, request: ArmRequest) -> Nsg:
    """Return the NSG as `writable` does.

    Raises:
        ArmError: 404 if it does not exist, 429 while it is being deleted.
    """
    return writable(store, request) or find(store, request)


def get(store: Store, request: ArmRequest) -> ArmResponse:
    """GET of one NSG."""
    nsg = find(store, request)
    return ArmResponse(200, render.nsg_document(nsg, request.api_version), {"ETag": nsg.etag})


def patch(store: Store, request: ArmRequest) -> ArmResponse:
    """PATCH: only the tags, at once, without a long-running operation."""
    nsg = existing(store, request)
    preconditions.check(request.headers, nsg.etag, nsg.id)
    tags = request.json().get("tags")
    changed = nsg if tags is None else replace(nsg, tags=checked_tags(tags), etag=store.new_etag())
    return ArmResponse(200, render.nsg_document(store.put(changed), request.api_version))


def put(store: Store, request: ArmRequest, terms_of: TermsOf) -> ArmResponse:
    """PUT: create or replace the whole NSG.

    A change of the rules starts an operation. A change of only the tags, or no change, takes effect at once (both
    recorded).
    """
    old = writable(store, request)
    preconditions.check(request.headers, old.etag if old else None, ids.nsg_id(*_path(request)))
    requested = _requested_nsg(store, request, old)
    if old is not None and old.state == "Succeeded" and _content(old) == _content(requested):
        nsg = store.put(replace(requested, state="Succeeded"))
        operation = operations.at_once(store, nsg, terms_of())
        return _written(request, nsg, 200, operations.headers(request, operation, None, with_location=False))
    nsg, terms = store.put(requested), terms_of()
    operation = operations.begin(store, nsg, terms)
    headers = operations.headers(request, operation, terms.retry_after, with_location=False)
    return _written(request, nsg, 200 if old else 201, headers)


def delete(store: Store, request: ArmRequest, terms_of: TermsOf) -> ArmResponse:
    """DELETE: 202 and an operation; 204 if the NSG does not exist; rejected while the NSG is in use."""
    nsg = writable(store, request)
    preconditions.check(request.headers, nsg.etag if nsg else None, ids.nsg_id(*_path(request)))
    if nsg is None:
        return ArmResponse(204)
    if nsg.users():
        raise errors.nsg_in_use(nsg.id, nsg.users())
    store.put(replace(nsg, state="Deleting", etag=store.new_etag()))
    terms = terms_of()
    operation = operations.begin(store, nsg, terms, deletes=True)
    return ArmResponse(202, None, operations.headers(request, operation, terms.retry_after, with_location=True))


def _content(nsg: Nsg) -> object:
    """Return the content whose change starts an operation. An empty list and an absent list are equal."""
    rules = [(rule.name, render.rule_properties(rule.properties)) for rule in nsg.rules]
    return rules, nsg.extras


def _path(request: ArmRequest) -> tuple[str, str, str]:
    return request.params["sub"], request.params["group"], request.params["nsg"]


def _written(request: ArmRequest, nsg: Nsg, status: int, headers: Mapping[str, str]) -> ArmResponse:
    return ArmResponse(status, render.nsg_document(nsg, request.api_version), headers)


def _requested_nsg(store: Store, request: ArmRequest, old: Nsg | None) -> Nsg:
    """Return the NSG that the body of a PUT describes. Fields that only Azure sets are kept."""
    document = request.json()
    group = store.group(request.params["sub"], request.params["group"])
    name = old.name if old else request.params["nsg"]
    base = old or Nsg(group.subscription, group.name, name, "", store.new_id(), "")
    validate.check_name(name, base.id)
    properties = request.properties()
    return replace(
        base,
        location=_location(document, old),
        tags=None if document.get("tags") is None else checked_tags(document["tags"]),
        rules=checked_rules(properties.get("securityRules") or [], base.id),
        extras=_extras(properties, old),
        etag=store.new_etag(),
        state="Updating",
    )


def checked_rules(documents: Any, nsg_id: str) -> tuple[Rule, ...]:
    """Return the rules of a body, validated separately and as a list."""
    if not isinstance(documents, list):
        raise errors.invalid_content("securityRules must be a list")
    try:
        rules = [state.parse_rule(document) for document in documents]
    except state.StateError as error:
        raise errors.invalid_content(str(error)) from error
    checked = tuple(validate.checked_rule(rule, f"{nsg_id}/securityRules/{rule.name}") for rule in rules)
    validate.check_rules(checked, nsg_id)
    return checked


def _location(document: Mapping[str, Any], old: Nsg | None) -> str:
    location = document.get("location")
    if not isinstance(location, str) or not location:
        raise errors.location_required()
    folded = location.replace(" ", "").lower()
    if old is not None and folded != old.location.replace(" ", "").lower():
        raise errors.location_changed(old.name, old.group, old.location, location)
    return old.location if old else folded


def _extras(properties: Mapping[str, Any], old: Nsg | None) -> dict[str, Any]:
    """Return the further properties. A PUT cannot change associations, but it can change unknown properties."""
    associations = {name: value for name, value in (old.extras if old else {}).items() if name in ATTACHED}
    sent = {name: value for name, value in properties.items() if name not in {*ATTACHED, *OWN}}
    return {**associations, **sent}


ATTACHED = ("networkInterfaces", "subnets", "flowLogs")
OWN = ("provisioningState", "resourceGuid", "securityRules", "defaultSecurityRules")
