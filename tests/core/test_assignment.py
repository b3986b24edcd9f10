"""Which baseline may manage an NSG: the boundary between a team's rights in Kubernetes and the operator's in Azure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.assignment import Claim, Refusal, assign, is_ignored, scope_of
from nsg_baseline.core.ids import NSGId

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
WEB = NSGId(SUBSCRIPTION, "rg-web", "web")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ALL = {"all": True}


def scope(name: str = "whole", days: int = 0, **spec: Any) -> NSGScope:
    created = (BEGAN + timedelta(days=days)).isoformat()
    return NSGScope.model_validate(
        {
            "apiVersion": "nsg-baseline.io/v1alpha1",
            "kind": "NSGScope",
            "metadata": {"name": name, "creationTimestamp": created},
            "spec": {"subscriptionId": SUBSCRIPTION, "allowedNamespaces": ALL, **spec},
        }
    )


def claim(name: str = "web", namespace: str = "team-web", days: int = 0, nsg: NSGId = WEB, **more: Any) -> Claim:
    return Claim(ObjectKey(namespace, name), nsg, BEGAN + timedelta(days=days), **more)


def reasons(*claims: Claim, scopes: tuple[NSGScope, ...] = (scope(),), **labels: dict[str, str]) -> dict[str, str]:
    assignment = assign(scopes, claims, {name.replace("_", "-"): value for name, value in labels.items()})
    return {"/".join(key): refusal.reason for key, refusal in assignment.refused.items()}


def test_a_scope_of_the_resource_group_takes_precedence_over_one_of_the_subscription() -> None:
    whole, group = scope(), scope("group", days=9, resourceGroups=["RG-WEB"])
    assert scope_of(WEB, [whole, group]) is group
    assert scope_of(NSGId(SUBSCRIPTION, "rg-db", "db"), [whole, group]) is whole
    assert scope_of(NSGId(SUBSCRIPTION.replace("1", "2"), "rg-web", "web"), [whole, group]) is None


def test_of_two_equal_scopes_the_older_takes_precedence_then_the_first_by_name() -> None:
    old, young = scope("z", days=0), scope("a", days=1)
    assert scope_of(WEB, [young, old]) is old
    assert scope_of(WEB, [scope("b"), scope("a")]) == scope("a")


def test_a_claim_outside_any_scope_is_refused() -> None:
    # The right to create a baseline must not give access to every NSG that the operator's identity can reach.
    assert reasons(claim(), scopes=()) == {"team-web/web": "NoScope"}


@pytest.mark.parametrize(
    ("allowed", "believed"),
    [
        (None, False),
        ({"names": ["team-web"]}, True),
        ({"names": ["team-db"]}, False),
        ({"selector": {"matchLabels": {"tier": "prod"}}}, True),
        ({"selector": {"matchLabels": {"tier": "prod", "more": "yes"}}}, False),
        (ALL, True),
    ],
)
def test_only_allowed_namespaces_may_claim_an_nsg(allowed: Any, *, believed: bool) -> None:
    spec = {"allowedNamespaces": allowed} if allowed is not None else {"allowedNamespaces": None}
    refused = reasons(claim(), scopes=(scope(**spec),), team_web={"tier": "prod"})
    assert refused == ({} if believed else {"team-web/web": "NamespaceNotAllowed"})


def test_the_older_of_two_claims_owns_the_nsg_whatever_the_case_of_the_id() -> None:
    shouting = NSGId(SUBSCRIPTION.upper(), "RG-WEB", "WEB")
    young, old = claim("young", days=1, nsg=shouting), claim("old")
    assert reasons(young, old) == {"team-web/young": "Conflict"}
    assignment = assign([scope()], [young, old], {})
    assert assignment.owners["whole"] == {WEB.key: ("team-web", "old")}


@pytest.mark.parametrize(
    ("names", "owner"), [(["team-web", "team-db"], "team-web"), (["team-db", "team-web"], "team-db")]
)
def test_an_earlier_namespace_takes_precedence_whatever_the_age(names: list[str], owner: str) -> None:
    # Otherwise approvals change hands by age alone.
    young, old = claim(days=1), claim(namespace="team-db")
    ranked = scope(allowedNamespaces={"names": names})
    assert assign([ranked], [young, old], {}).owners["whole"] == {WEB.key: ObjectKey(owner, "web")}


def test_within_a_namespace_of_the_list_the_older_claim_takes_precedence() -> None:
    ranked = scope(allowedNamespaces={"names": ["team-db", "team-web"]})
    young, old = claim("a-young", days=1), claim("old")
    assert assign([ranked], [young, old], {}).owners["whole"] == {WEB.key: ObjectKey("team-web", "old")}


def test_a_refused_claim_does_not_conflict_with_an_allowed_one() -> None:
    # An older baseline in another namespace must not exclude the owner.
    stranger = claim("stranger", namespace="elsewhere", days=-9)
    assignment = assign([scope(allowedNamespaces={"names": ["team-web"]})], [stranger, claim()], {})
    assert assignment.owners["whole"] == {WEB.key: ("team-web", "web")}


def test_a_suspended_or_invalid_baseline_keeps_its_claim() -> None:
    # Otherwise its NSG would be reported as unbaselined, or another baseline would take it over.
    inactive = claim(inactive=Refusal("Suspended", "spec.suspend is true"))
    assert reasons(inactive, claim("other", days=1)) == {"team-web/web": "Suspended", "team-web/other": "Conflict"}


def numbered(count: int, namespace: str = "team-web", days: int = 0) -> list[Claim]:
    """Return claims of one age on different NSGs, the last first."""
    nsgs = [NSGId(SUBSCRIPTION, "rg-web", f"{namespace}-{number}") for number in range(count)]
    return [claim(nsg.name, namespace, days, nsg) for nsg in reversed(nsgs)]


def test_a_namespace_may_have_the_limit_of_baselines_and_the_youngest_above_it_are_refused() -> None:
    # A tenant with thousands of baselines must not take the time and the requests of all others.
    limited = scope(allowedNamespaces={**ALL, "maxBaselinesPerNamespace": 3})
    assert reasons(*numbered(3), scopes=(limited,)) == {}
    claims = [claim("a-young", days=2, nsg=WEB), *numbered(4, days=1), *numbered(3, "team-db")]
    found = assign([limited], claims, {})
    assert {key.name for key in found.refused} == {"team-web-3", "a-young"}, "by age, then by name"
    assert {refusal.reason for refusal in found.refused.values()} == {"TooManyBaselines"}
    assert found.refused[ObjectKey("team-web", "a-young")].message == (
        "NSGScope whole accepts 3 baselines of namespace team-web, the oldest first "
        "(spec.allowedNamespaces.maxBaselinesPerNamespace)"
    )
    assert WEB.key not in found.owners["whole"], "the NSG is reported as unbaselined"


def test_the_limit_counts_what_manages_an_nsg_in_each_scope_alone() -> None:
    # Suspended ones count, or a tenant could hide the rest behind them; what conflicts takes no place.
    limited: dict[str, Any] = {"allowedNamespaces": {**ALL, "maxBaselinesPerNamespace": 1}}
    suspended = claim("a", inactive=Refusal("Suspended", "spec.suspend is true"))
    other = claim("b", nsg=NSGId(SUBSCRIPTION, "rg-web", "b"))
    assert reasons(suspended, other, scopes=(scope(**limited),))["team-web/b"] == "TooManyBaselines"
    foreign = claim("first", "team-db", days=-1)
    assert reasons(foreign, claim("a"), other, scopes=(scope(**limited),)) == {"team-web/a": "Conflict"}
    elsewhere = claim("b", nsg=NSGId(SUBSCRIPTION, "rg-db", "b"))
    scopes = (scope(**limited), scope("db", resourceGroups=["rg-db"], **limited))
    assert reasons(claim("a"), elsewhere, scopes=scopes) == {}


def test_five_thousand_baselines_are_accepted_by_default() -> None:
    # As many NSGs as Azure allows in a region of a subscription. One team may manage them all.
    assert reasons(*numbered(5000)) == {}
    assert reasons(*numbered(5001)) == {"team-web/team-web-999": "TooManyBaselines"}


@pytest.mark.parametrize(
    ("unbaselined", "ignored"),
    [
        ({}, False),
        ({"mode": "Ignore"}, True),
        ({"ignoreResourceGroups": ["mc_*", "RG-*"]}, True),
        ({"ignoreNames": ["w?b"]}, True),
        ({"ignoreNames": ["we"]}, False),
    ],
)
def test_ignored_nsgs_are_not_reported_as_unbaselined(unbaselined: dict[str, Any], *, ignored: bool) -> None:
    assert is_ignored(scope(unbaselined=unbaselined).spec, WEB) is ignored


@pytest.mark.parametrize("text", ["", "web", "/subscriptions/1", f"{WEB}/securityRules/a"])
def test_an_id_of_another_resource_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the resource id"):
        NSGId.parse(text)


def test_an_id_keeps_its_case_and_is_compared_without_case() -> None:
    # Azure returns the same id in different case in different responses.
    shouted = NSGId.parse(f"{str(WEB).upper()}/")
    assert shouted.name == "WEB"
    assert shouted.key == WEB.key
