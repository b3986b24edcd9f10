"""Custom rules, one at a time, and the default rules."""

from dataclasses import replace

from nsg_emulator.arm import errors, nsgs, operations, preconditions, render, validate
from nsg_emulator.arm.calls import Call, Reply
from nsg_emulator.arm.model import Nsg, Rule
from nsg_emulator.arm.operations import TermsOf
from nsg_emulator.arm.store import Store


def collection(store: Store, call: Call) -> Reply:
    """GET of all custom rules."""
    nsg = nsgs.find(store, call)
    return Reply(200, {"value": [render.rule_document(nsg, rule, call.api_version) for rule in nsg.rules]})


def defaults(store: Store, call: Call) -> Reply:
    """GET of the default rules."""
    return Reply(200, {"value": render.default_rule_documents(nsgs.find(store, call), call.api_version)})


def default(store: Store, call: Call) -> Reply:
    """GET of one default rule."""
    nsg = nsgs.find(store, call)
    wanted = call.params["rule"].lower()
    for document in render.default_rule_documents(nsg, call.api_version):
        if document["name"].lower() == wanted:
            return Reply(200, document, {"ETag": nsg.etag})
    raise errors.rule_not_found(f"{nsg.id}/defaultSecurityRules/{call.params['rule']}")


def get(store: Store, call: Call) -> Reply:
    """GET of one custom rule."""
    nsg = nsgs.find(store, call)
    rule = nsg.rule(call.params["rule"])
    if rule is None:
        raise errors.rule_not_found(_rule_id(nsg, call))
    return Reply(200, render.rule_document(nsg, rule, call.api_version), {"ETag": nsg.etag})


def put(store: Store, call: Call, terms_of: TermsOf) -> Reply:
    """PUT of one rule: 201 when it is new, 200 when it was there."""
    nsg = nsgs.existing(store, call)
    preconditions.check(call.headers, nsg.etag, nsg.id)
    old = nsg.rule(call.params["rule"])
    rule = _wanted(call, nsg, old)
    others = tuple(item for item in nsg.rules if item is not old)
    validate.check_rules((*others, rule), nsg.id)
    kept = tuple(rule if item is old else item for item in nsg.rules) if old else (*nsg.rules, rule)
    changed, terms = _changed(store, nsg, kept), terms_of()
    operation = operations.begin(store, changed, terms)
    headers = operations.headers(call, operation, terms.retry_after, with_location=False)
    return Reply(200 if old else 201, render.rule_document(changed, rule, call.api_version), headers)


def delete(store: Store, call: Call, terms_of: TermsOf) -> Reply:
    """DELETE of one rule: 202 and an operation; 204 when there is nothing."""
    nsg = nsgs.existing(store, call)
    preconditions.check(call.headers, nsg.etag, nsg.id)
    old = nsg.rule(call.params["rule"])
    if old is None:
        return Reply(204)
    changed = _changed(store, nsg, tuple(item for item in nsg.rules if item is not old))
    terms = terms_of()
    operation = operations.begin(store, changed, terms)
    return Reply(202, None, operations.headers(call, operation, terms.retry_after, with_location=True))


def _changed(store: Store, nsg: Nsg, rules: tuple[Rule, ...]) -> Nsg:
    return store.put(replace(nsg, rules=rules, etag=store.new_etag(), state="Updating"))


def _rule_id(nsg: Nsg, call: Call) -> str:
    return f"{nsg.id}/securityRules/{call.params['rule']}"


def _wanted(call: Call, nsg: Nsg, old: Rule | None) -> Rule:
    properties = call.properties()
    name = old.name if old else call.params["rule"]
    sent = {key: value for key, value in properties.items() if key != "provisioningState"}
    return validate.checked_rule(Rule(name, sent), _rule_id(nsg, call))
