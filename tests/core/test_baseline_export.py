"""Generated baselines: the exact manifest, the names, and the one way in which a rule is written."""

from typing import Any

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.baseline_export import manifest, names, rule_document
from nsg_baseline.core.nsg import LiveNSG, parse_approved, parse_live
from nsg_baseline.core.rules import normalise
from nsg_baseline.core.verdict import judge
from tests.support.nsgs import GROUP, NETWORK_INTERFACE, NOW, NSG, SUBNET, nsg, rule


def live(*rules: dict[str, Any], **fields: Any) -> LiveNSG:
    return parse_live(nsg(rules, **fields))


def test_a_manifest_approves_the_rules_in_the_order_in_which_they_decide() -> None:
    # Two imports of one NSG must not differ in Git, whatever the order of Azure's answer.
    early, late = rule("z", priority=100), rule("a", priority=200)
    outward = rule("b", priority=100, direction="Outbound")
    for rules in ([early, late, outward], [outward, late, early]):
        document = manifest(live(*rules), "team-web", "web-baseline")
        assert document == {
            "apiVersion": "nsg-baseline.io/v1alpha1",
            "kind": "NSGBaseline",
            "metadata": {"name": "web-baseline", "namespace": "team-web"},
            "spec": {"target": {"resourceId": NSG}, "mode": "Alert", "rules": [early, late, outward]},
        }
        assert list(document["spec"]) == ["target", "mode", "rules"]


def test_rules_of_one_priority_are_in_the_order_of_their_names() -> None:
    # Azure refuses them, but templates and files may hold them.
    rules = [rule("B"), rule("a"), rule("C")]
    document = manifest(live(*rules), "team-web", "web", mode="Enforce")
    assert document["spec"]["mode"] == "Enforce"
    assert [entry["name"] for entry in document["spec"]["rules"]] == ["a", "B", "C"]


def test_tags_and_associations_are_approved_on_request() -> None:
    # By default they are not compared: most NSGs have tags that others write.
    subnets = [{"id": SUBNET.format(name)} for name in ("b", "a")]
    interfaces = [{"id": NETWORK_INTERFACE.format(name)} for name in ("d", "c")]
    attached = live(tags={"env": "prod", "cost": "1"}, properties={"subnets": subnets, "networkInterfaces": interfaces})
    assert set(manifest(attached, "team-web", "web")["spec"]) == {"target", "mode", "rules", "associations"}
    spec = manifest(attached, "team-web", "web", tags=True, associations=True)["spec"]
    assert list(spec["tags"].items()) == [("cost", "1"), ("env", "prod")]
    assert spec["associations"] == {
        "subnets": [SUBNET.format(name).lower() for name in ("a", "b")],
        "networkInterfaces": [NETWORK_INTERFACE.format(name).lower() for name in ("c", "d")],
    }
    bare = manifest(live(), "team-web", "web", tags=True, associations=True)["spec"]
    assert "tags" not in bare, "there is none to approve"
    assert bare["associations"] == {"subnets": [], "networkInterfaces": []}


def test_attached_subnets_are_approved_by_default_and_network_interfaces_are_not() -> None:
    # An NSG that lost its subnet filters nothing. Scale sets add and remove network interfaces all the time.
    references = {
        "subnets": [{"id": SUBNET.format("a")}],
        "networkInterfaces": [{"id": NETWORK_INTERFACE.format("c")}],
    }
    spec = manifest(live(properties=references), "team-web", "web")["spec"]
    assert spec["associations"] == {"subnets": [SUBNET.format("a").lower()]}
    assert "associations" not in manifest(live(), "team-web", "web")["spec"]


@pytest.mark.parametrize(("attached", "severity"), [(["a"], "high"), (["a", "b", "c"], "info")])
def test_a_subnet_that_the_nsg_loses_after_the_import_is_high(attached: list[str], severity: str) -> None:
    def nsg_at(names: list[str]) -> LiveNSG:
        return live(rule(), properties={"subnets": [{"id": SUBNET.format(name)} for name in names]})

    spec = BaselineSpec.model_validate(manifest(nsg_at(["a", "b"]), "team-web", "web")["spec"])
    assert judge(parse_approved(spec), nsg_at(["a", "b"]), NOW).compliant
    verdict = judge(parse_approved(spec), nsg_at(attached), NOW)
    assert (verdict.severity, [change.fields for change in verdict.changes]) == (severity, [("subnets",)])


def named(name: str, group: str = "rg-web") -> LiveNSG:
    return live(id=f"{GROUP.replace('rg-web', group)}/providers/Microsoft.Network/networkSecurityGroups/{name}")


def test_a_baseline_has_the_name_of_its_nsg_and_of_its_group_if_another_has_that_name_too() -> None:
    # The names are those of files in Git, so people must recognise them.
    assert names([named("web"), named("db"), named("WEB", "rg-other")]) == ["rg-web-web", "db", "rg-other-web"]


def test_names_that_are_still_equal_have_a_hash_of_the_id() -> None:
    # It is the same in each import, and does not depend on the other NSGs or on the case of the id.
    first, second = names([named("web_1"), named("web-1")])
    assert first.startswith("rg-web-web-1-")
    assert second.startswith("rg-web-web-1-")
    assert first != second
    assert len(first) == len("rg-web-web-1-") + 8
    assert names([named("WEB_1"), named("web-1"), named("db")]) == [first, second, "db"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Web.Prod-1", "web.prod-1"),
        ("a_b__c", "a-b-c"),
        ("a..b", "a-.b"),
        ("a.-b", "a--b"),
        ("a-.b", "a-.b"),
        ("_web_", "web"),
        (".web.", "web"),
        ("___", "nsg"),
        ("x" * 300, "x" * 200),
        (f"{'x' * 199}-y", "x" * 199),
        (f"{'x' * 199}.y", "x" * 199),
    ],
)
def test_a_name_is_one_that_kubernetes_accepts(name: str, expected: str) -> None:
    assert names([named(name)]) == [expected]


def document(**fields: Any) -> dict[str, Any]:
    return rule_document(normalise(rule(**fields)))


def test_a_rule_is_written_with_its_fields_in_the_order_of_the_documentation() -> None:
    # A reviewer reads hundreds of them. Empty fields and what Azure adds are left out.
    written = document(description="by jo", sourceAddressPrefixes=[], provisioningState="Succeeded", etag="1")
    assert list(written.items()) == [
        ("name", "web"),
        ("description", "by jo"),
        ("priority", 100),
        ("direction", "Inbound"),
        ("access", "Allow"),
        ("protocol", "Tcp"),
        ("sourceAddressPrefix", "10.0.0.0/8"),
        ("sourcePortRange", "*"),
        ("destinationAddressPrefix", "*"),
        ("destinationPortRange", "443"),
    ]
    assert "description" not in document(description="")


def test_a_description_is_cut_to_the_length_that_the_api_takes() -> None:
    assert document(description="x" * 200)["description"] == "x" * 140


def test_application_security_groups_are_written_without_what_azure_adds() -> None:
    groups = [{"id": "/a", "resourceGroup": "rg"}, {"id": "/b"}]
    written = document(sourceAddressPrefix=None, sourceApplicationSecurityGroups=groups)
    assert written["sourceApplicationSecurityGroups"] == [{"id": "/a"}, {"id": "/b"}]
    assert not {"sourceAddressPrefix", "sourceAddressPrefixes"} & set(written)
    assert written["destinationAddressPrefix"] == "*"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"sourceAddressPrefixes": ["10.1.0.0/16"]}, {"sourceAddressPrefix": "10.1.0.0/16"}),
        ({"sourceAddressPrefixes": ["b", "a", "b"]}, {"sourceAddressPrefixes": ["b", "a"]}),
        ({"sourceAddressPrefix": "", "sourceAddressPrefixes": ["b", "a"]}, {"sourceAddressPrefixes": ["b", "a"]}),
        ({"sourcePortRange": "0-65535"}, {"sourcePortRange": "*"}),
        ({"destinationPortRange": "443-443"}, {"destinationPortRange": "443"}),
        ({"destinationPortRanges": ["80", "81-90"]}, {"destinationPortRange": "80-90"}),
        ({"destinationPortRanges": ["80", "443"]}, {"destinationPortRanges": ["80", "443"]}),
        ({"destinationPortRanges": ["80", "odd"]}, {"destinationPortRanges": ["80", "odd"]}),
        ({"destinationPortRange": 443}, {"destinationPortRange": "443"}),
        ({"sourcePortRanges": ["1", "3"]}, {"sourcePortRanges": ["1", "3"]}),
    ],
)
def test_a_set_is_written_in_one_way(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    # The same rule must not give another file after somebody saved it in the portal.
    (key,) = expected
    plain = key.replace("Prefixes", "Prefix").replace("Ranges", "Range")
    written = document(**{plain: None, **fields})
    plural = plain.replace("Prefix", "Prefixes").replace("Range", "Ranges")
    assert {field: value for field, value in written.items() if field in (plain, plural)} == expected
