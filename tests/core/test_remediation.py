"""The document that a remediation writes: ARM must accept it, and nothing that is not reverted may change."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.api.incident import Caller
from nsg_baseline.core.nsg import LiveNSG, parse_approved, parse_live
from nsg_baseline.core.remediation import Blocked, Remediation, RemediationPolicy, contested, plan, plan_hash, policy
from nsg_baseline.core.verdict import Verdict, judge
from tests.support.decisions import incident, restored
from tests.support.nsgs import NOW, NSG, SUBNET, nsg, rule
from tests.support.rules import Document

ALL = RemediationPolicy(frozenset({"RuleCreated", "RuleUpdated", "RuleDeleted", "NSGUpdated"}), 100)


def planned(
    approved: Iterable[Document], live: LiveNSG | None, allowed: RemediationPolicy = ALL, **spec: Any
) -> Remediation | Blocked | None:
    """Return the plan for a baseline with these rules."""
    parsed = parse_approved(
        BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": list(approved), **spec})
    )
    return plan(live, judge(parsed, live, NOW), allowed)


def written(approved: Iterable[Document], live: LiveNSG, **spec: Any) -> dict[str, Any]:
    """Return the document that is written."""
    remediation = planned(approved, live, **spec)
    assert isinstance(remediation, Remediation)
    return dict(remediation.document)


def properties(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the properties of the rules by their names."""
    return {rule["name"]: rule["properties"] for rule in document["properties"]["securityRules"]}


def test_a_restored_rule_keeps_unknown_properties() -> None:
    # A property of a newer API version is another writer's; the operator must not delete it.
    document = nsg([rule("web", destinationPortRange="80", description="old")])
    document["properties"]["securityRules"][0]["properties"]["flowTimeout"] = 4
    restored = written([rule("web")], parse_live(document))
    assert restored["properties"]["securityRules"] == [
        {
            **document["properties"]["securityRules"][0],
            "properties": {
                **{key: value for key, value in rule("web").items() if key != "name"},
                "flowTimeout": 4,
                "description": "old",
                "provisioningState": "Succeeded",
            },
        }
    ]


LISTS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    (
        {"sourceAddressPrefix": "10.1.2.3/8", "destinationAddressPrefix": "fd00::1/64"},
        {"sourceAddressPrefix": "10.0.0.0/8", "destinationAddressPrefix": "fd00::/64"},
    ),
    (
        {"sourceAddressPrefix": "10.1.2.3", "destinationAddressPrefix": "VirtualNetwork"},
        {"sourceAddressPrefix": "10.1.2.3", "destinationAddressPrefix": "VirtualNetwork"},
    ),
    (
        {"sourceAddressPrefix": None, "sourceAddressPrefixes": ["10.0.0.0/9", "Internet", "10.128.0.0/9", "10.0.0.5"]},
        {"sourceAddressPrefixes": ["10.0.0.0/8", "Internet"]},
    ),
    (
        {"destinationAddressPrefix": None, "destinationAddressPrefixes": ["192.168.1.7/24", "192.168.1.0/25"]},
        {"destinationAddressPrefixes": ["192.168.1.0/24"]},
    ),
)


@pytest.mark.parametrize(("approved", "expected"), LISTS)
def test_addresses_are_written_as_arm_accepts_them(approved: dict[str, Any], expected: dict[str, Any]) -> None:
    # ARM refuses host bits and overlapping prefixes of one list, though a baseline may contain them.
    document = written([rule("db", **approved)], parse_live(nsg()))
    assert {key: properties(document)["db"].get(key) for key in expected} == expected
    assert not [key for key, value in properties(document)["db"].items() if value in ("", [], None)]


def test_tags_are_restored_and_other_tags_stay() -> None:
    # Names of tags are compared without case; a second spelling of one tag would be refused by ARM.
    live = parse_live(nsg([rule("web")], tags={"ENV": "test", "team": "web"}))
    document = written([rule("web")], live, tags={"env": "prod"})
    assert document["tags"] == {"team": "web", "env": "prod"}
    without = parse_live(nsg([rule("web")]))
    assert written([rule("web")], without, tags={"env": "prod"})["tags"] == {"env": "prod"}


def test_an_association_is_not_restored() -> None:
    # It is a property of the subnet, which the operator may not write.
    live = parse_live(nsg([rule("web")], tags={"env": "test"}))
    associations = {"subnets": [SUBNET.format("a")]}
    assert planned([rule("web")], live, associations=associations) is None
    remediation = planned([rule("web")], live, associations=associations, tags={"env": "prod"})
    assert isinstance(remediation, Remediation)
    assert [change.fields for change in remediation.reverted] == [("tags.env",)]


def test_rules_of_both_directions_may_have_one_priority() -> None:
    # ARM numbers the directions separately.
    live = parse_live(nsg([rule("out", direction="Outbound")]))
    document = written([rule("web"), rule("out", direction="Outbound")], live)
    assert list(properties(document)) == ["out", "web"]


def test_a_taken_priority_names_both_rules() -> None:
    # The owner must know which of two rules to move.
    live = parse_live(nsg([rule("co-scan")]))
    blocked = planned([rule("web")], live, tolerate=[{"name": "co-*"}])
    message = "co-scan and web would both have priority 100 inbound; change the priority of one of them"
    assert blocked == Blocked("PriorityTaken", message)


def test_a_deleted_nsg_is_never_created_again() -> None:
    # What else was in it is unknown, and it may be deleted on purpose.
    blocked = planned([rule("web")], None)
    assert blocked == Blocked("NSGDeleted", "the NSG does not exist; it is never re-created")
    assert plan(None, Verdict(NSG), ALL) is None


def test_too_many_changes_name_the_annotation_that_confirms_them() -> None:
    # The annotation is pasted into a shell.
    live = parse_live(nsg([rule("a", priority=200), rule("b", priority=201)]))
    blocked = planned([], live, RemediationPolicy(ALL.revert, 1))
    assert isinstance(blocked, Blocked)
    remediation = planned([], live)
    assert isinstance(remediation, Remediation)
    confirm = f"annotate the baseline with nsg-baseline.io/confirm={remediation.plan_hash} to go on"
    assert blocked == Blocked("TooManyChanges", f"2 changes, more than maxChanges 1; {confirm}")
    assert isinstance(planned([], live, RemediationPolicy(ALL.revert, 1, remediation.plan_hash)), Remediation)
    assert isinstance(planned([], live, RemediationPolicy(ALL.revert, 2)), Remediation)


def test_the_hash_of_a_plan_covers_both_sides_and_the_nsg() -> None:
    # A confirmation is for exactly what a person saw, on this NSG; the spelling of its id does not matter.
    live = parse_live(nsg([rule("web", destinationPortRange="80")]))

    def hashed(approved: Document, nsg_id: str = NSG) -> str | None:
        parsed = parse_approved(BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": [approved]}))
        return plan_hash(nsg_id, judge(parsed, live, NOW).changes, ALL)

    assert hashed(rule("web")) == hashed(rule("web"), NSG.upper())
    different = {hashed(rule("web")), hashed(rule("web", destinationPortRange="81")), hashed(rule("web"), f"{NSG}2")}
    assert len(different) == 3
    assert hashed(rule("web", destinationPortRange="80")) is None


def test_the_policy_is_that_of_the_spec() -> None:
    # The owner limits what is written.
    spec = BaselineSpec.model_validate(
        {"target": {"resourceId": NSG}, "rules": [], "enforcement": {"revert": ["RuleCreated"], "maxChanges": 3}}
    )
    assert policy(spec, "abc") == RemediationPolicy(frozenset({"RuleCreated"}), 3, "abc")
    openings = spec.enforcement.model_copy(update={"only": "Openings"})
    assert policy(spec.model_copy(update={"enforcement": openings}), "abc").only == "Openings"
    live = parse_live(nsg([rule("web", destinationPortRange="80")]))
    assert planned([rule("web")], live, policy(spec, None)) is None


def test_a_policy_is_not_confirmed_by_default() -> None:
    # A confirmation is a person's.
    assert RemediationPolicy(frozenset(), 1).confirmed is None


def test_a_contested_nsg_names_its_writers() -> None:
    # A writer that is only likely is named as such, or the wrong person is called.
    callers = tuple(
        Caller(name=name, kind="User", at=NOW, operation="write", rule="x", correlation_id=name, certain=certain)
        for name, certain in (("ann", True), ("bob", False), ("ann", True))
    )
    stored = incident(state="Open", revision=1, opened_at=NOW, actions=restored(59, 30, 1), changed_by=callers)
    message = "restored 3 times within an hour and changed again by ann and possibly bob; stop that writer"
    assert contested([stored], NOW) == Blocked("Contested", f"{message}, or approve the change")
    assert contested([stored], NOW + timedelta(minutes=1)) is None
