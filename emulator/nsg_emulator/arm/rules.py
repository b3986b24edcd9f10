"""Requests for single custom rules, and for the default rules."""

from dataclasses import replace

from nsg_emulator.arm import errors, nsgs, operations, preconditions, render, validate
from nsg_emulator.arm.messages import ArmRequest, ArmResponse
from nsg_emulator.arm.model import Nsg, Rule
from nsg_emulator.arm.operations import TermsOf
from nsg_emulator.arm.store import Store


def collection(store: Store, request: ArmRequest) -> ArmResponse:
    """GET of all custom rules."""
    nsg = nsgs.find(store, request)
    return ArmResponse(200, {"value": [render.rule_document(nsg, rule, request.api_version) for rule in nsg.rules]})


def defaults(store: Store, request: ArmRequest) -> ArmResponse:
    """GET of the default rules."""
    return ArmResponse(200, {"value": render.default_rule_documents(nsgs.find(store, request), request.api_version)})


def default(store: Store, request: ArmRequest) -> ArmResponse:
    """GET of one default rule."""
    nsg = nsgs.find(store, request)
    rule_name = request.params["rule"].lower()
    for document in render.default_rule_documents(nsg, request.api_version):
        if document["name"].lower() == rule_name:
            return ArmResponse(200, document, {"ETag": nsg.etag})
    raise errors.rule_not_found(f"{nsg.id}/defaultSecurityRules/{request.params['rule']}")


def get(store: Store, request: ArmRequest) -> ArmResponse:
    """GET of one custom rule."""
    nsg = nsgs.find(store, request)
    rule = nsg.rule(request.params["rule"])
    if rule is None:
        raise errors.rule_not_found(_rule_id(nsg, request))
    return ArmResponse(200, render.rule_document(nsg, rule, request.api_version), {"ETag": nsg.etag})


def put(store: Store, request: ArmRequest, terms_of: TermsOf) -> ArmResponse:
    """PUT of one rule: 201 if it is new, 200 if it existed."""
    nsg = nsgs.existing(store, request)
    preconditions.check(request.headers, nsg.etag, nsg.id)
    old = nsg.rule(request.params["rule"])
    rule = _requested_rule(request, nsg, old)
    other_rules = tuple(item for item in nsg.rules if item is not old)
    validate.check_rules((*other_rules, rule), nsg.id)
    new_rules = tuple(rule if item is old else item for item in nsg.rules) if old else (*nsg.rules, rule)
    changed, terms = _changed(store, nsg, new_rules), terms_of()
    operation = operations.begin(store, changed, terms)
    headers = operations.headers(request, operation, terms.retry_after, with_location=False)
    return ArmResponse(200 if old else 201, render.rule_document(changed, rule, request.api_version), headers)


def delete(store: Store, request: ArmRequest, terms_of: TermsOf) -> ArmResponse:
    """DELETE of one rule: 202 and an operation; 204 if the rule does not exist."""
    nsg = nsgs.existing(store, request)
    preconditions.check(request.headers, nsg.etag, nsg.id)
    old = nsg.rule(request.params["rule"])
    if old is None:
        return ArmResponse(204)
    changed = _changed(store, nsg, tuple(item for item in nsg.rules if item is not old))
    terms = terms_of()
    operation = operations.begin(store, changed, terms)
    return ArmResponse(202, None, operations.headers(request, operation, terms.retry_after, with_location=True))


def _changed(store: Store, nsg: Nsg, rules: tuple[Rule, ...]) -> Nsg:
    return store.put(replace(nsg, rules=rules, etag=store.new_etag(), state="Updating"))


def _rule_id(nsg: Nsg, request: ArmRequest) -> str:
    return f"{nsg.id}/securityRules/{request.params['rule']}"


def _requested_rule(request: ArmRequest, nsg: Nsg, old: Rule | None) -> Rule:
    properties = request.properties()
    name = old.name if old else request.params["rule"]
    sent = {key: value for key, value in properties.items() if key != "provisioningState"}
    return validate.checked_rule(Rule(name, sent), _rule_id(nsg, request))
