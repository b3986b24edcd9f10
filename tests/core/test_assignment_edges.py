"""Claims: the sentence that a refused owner reads, modes, ignored NSGs and name patterns."""

from datetime import UTC, datetime
from typing import Any

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.scope import AllowedNamespaces, NSGScope, ScopeSpec
from nsg_baseline.core.assignment import Assignment, Claim, Refusal, allows, assign, covers, effective_mode, is_ignored
from nsg_baseline.core.ids import NSGId, fold
from nsg_baseline.core.patterns import any_matches, matches
from tests.support.nsgs import NSG

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
WEB = NSGId(SUBSCRIPTION, "rg-web", "web")
KEY, OTHER = ObjectKey("team-web", "web"), ObjectKey("team-web", "other")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
SUSPENDED = Refusal("Suspended", "spec.suspend is true")


def spec(**fields: Any) -> ScopeSpec:
    return ScopeSpec.model_validate({"subscriptionId": SUBSCRIPTION, "allowedNamespaces": {"all": True}, **fields})


def scope(**fields: Any) -> NSGScope:
    document = {"apiVersion": "nsg-baseline.io/v1alpha1", "kind": "NSGScope", "metadata": {"name": "whole"}}
    return NSGScope.model_validate({**document, "spec": spec(**fields).model_dump(by_alias=True, exclude_none=True)})


def test_a_refusal_has_a_message_for_the_condition() -> None:
    # It is the message of the Ready condition.
    claims = [Claim(KEY, WEB, BEGAN), Claim(OTHER, WEB, BEGAN)]
    assert assign([scope()], claims, {}).refused == {
        KEY: Refusal("Conflict", "the NSG is managed by baseline team-web/other, which takes precedence", OTHER)
    }
    (refusal,) = assign([], claims[:1], {}).refused.values()
    assert refusal == Refusal("NoScope", f"no NSGScope covers {WEB}")
    (refusal,) = assign([scope(allowedNamespaces={"names": ["x"]})], claims[:1], {}).refused.values()
    message = "NSGScope whole does not allow baselines in namespace team-web"
    assert refusal == Refusal("NamespaceNotAllowed", message)


def test_a_claim_without_a_time_is_the_oldest() -> None:
    # Objects in files have no time of creation.
    claims = [Claim(OTHER, WEB, BEGAN), Claim(KEY, WEB, None)]
    assert assign([scope()], claims, {}).owners == {"whole": {WEB.key: KEY}}


def test_active_and_inactive_owners() -> None:
    # An inactive owner keeps its NSG, and nothing is reconciled for it.
    assignment = Assignment({"whole": {"a": KEY, "b": OTHER}}, {OTHER: SUSPENDED})
    assert assignment.active("whole") == {"a": KEY}
    assert assignment.inactive("whole") == {"b"}
    assert (assignment.active("none"), assignment.inactive("none")) == ({}, frozenset())


def test_a_claim_without_a_scope_is_not_counted() -> None:
    # Nor does a suspended one become active by that.
    assignment = assign([scope()], [Claim(KEY, NSGId("2", "rg", "x"), BEGAN, SUSPENDED)], {})
    assert assignment.refused[KEY].reason == "NoScope"
    assert assignment.owners == {"whole": {}}


@pytest.mark.parametrize(
    ("max_mode", "mode", "suspend", "suspend_enforcement", "expected"),
    [
        ("Enforce", "Enforce", False, False, "Enforce"),
        ("Alert", "Enforce", False, False, "Alert"),
        ("Enforce", "Alert", False, False, "Alert"),
        ("Enforce", "Enforce", False, True, "Alert"),
        ("Enforce", "Enforce", True, False, "Off"),
        ("Alert", "Alert", False, True, "Alert"),
    ],
)
def test_the_mode_in_effect(
    max_mode: str, mode: str, expected: str, *, suspend: bool, suspend_enforcement: bool
) -> None:
    # The status shows it, and writes depend on it.
    baseline = BaselineSpec.model_validate(
        {"target": {"resourceId": NSG}, "rules": [], "mode": mode, "suspend": suspend}
    )
    assert effective_mode(spec(maxMode=max_mode, suspendEnforcement=suspend_enforcement), baseline) == expected


@pytest.mark.parametrize(
    ("unbaselined", "ignored"),
    [
        ({}, False),
        ({"mode": "Ignore"}, True),
        ({"ignoreResourceGroups": ["RG-*"]}, True),
        ({"ignoreResourceGroups": ["web"]}, False),
        ({"ignoreNames": ["w?b"]}, True),
        ({"ignoreNames": ["rg-web"]}, False),
    ],
)
def test_an_ignored_nsg(unbaselined: dict[str, Any], *, ignored: bool) -> None:
    # An NSG that is ignored by mistake is not watched.
    assert is_ignored(spec(unbaselined={"ignoreResourceGroups": [], **unbaselined}), WEB) is ignored


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("co-*", "CO-x", True),
        ("co-*", "xco-", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("[ab]", "a", False),
        ("[ab]", "[AB]", True),
    ],
)
def test_patterns(pattern: str, name: str, *, expected: bool) -> None:
    # Azure allows no brackets in names, but a baseline may hold one.
    assert matches(pattern, name) is expected
    assert any_matches(["none", pattern], name) is expected
    assert any_matches([], name) is False


def test_scopes_cover_nsgs_and_allow_namespaces() -> None:
    # The case of ids does not matter. Without labels a selector matches nothing.
    assert covers(spec(), NSGId(SUBSCRIPTION.upper(), "x", "y"))
    lettered = SUBSCRIPTION.replace("1", "a")
    assert covers(spec(subscriptionId=lettered), NSGId(lettered.upper(), "x", "y"))
    assert covers(spec(subscriptionId=lettered.upper()), NSGId(lettered, "x", "y"))
    assert covers(spec(resourceGroups=["RG-web"]), NSGId(SUBSCRIPTION, "rg-WEB", "y"))
    assert not covers(spec(resourceGroups=["rg-db"]), WEB)
    selector = AllowedNamespaces.model_validate({"selector": {"matchLabels": {"a": "b"}}})
    assert allows(selector, "x", {"a": "b", "c": "d"})
    assert not allows(selector, "x", {})


def test_ids_are_folded_and_parsed() -> None:
    # A trailing slash is Azure's, and the message shows no more than a line.
    assert fold("/A/b/") == "/a/b"
    assert fold("/A/X") == "/a/x"
    assert NSGId.parse(f"{NSG}/") == NSGId.parse(NSG)
    assert NSGId.parse(NSG).resource_group == "rg-web"
    with pytest.raises(ValueError, match=f"^not the resource id of a network security group: {'x' * 200}$"):
        NSGId.parse("x" * 300)
    assert NSGId.parse(NSG).__eq__(5) is NotImplemented
