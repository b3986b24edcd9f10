"""The normal form field by field: what each part holds, how it is named, and which error a field causes."""

import pytest

from nsg_baseline.api.baseline import Comparison
from nsg_baseline.core.intervals import parse_ports, parse_prefix
from nsg_baseline.core.rules import UnreadableRuleError, differing_fields, normalise, semantic_key
from tests.support.nsgs import rule
from tests.support.rules import Document

STRICT = Comparison()
ANY = Comparison(any_equals_all_addresses=True)
PLAIN: Document = rule(sourceAddressPrefix="Internet")


def _differing(document: Document, other: Document, comparison: Comparison = STRICT) -> tuple[str, ...]:
    return differing_fields(normalise(document), normalise(other), comparison)


def _without(key: str) -> Document:
    return {name: value for name, value in PLAIN.items() if name != key}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (_without("name"), "rule ?: name is missing"),
        ({**PLAIN, "priority": 65536}, "rule web: priority is not a number from 0 to 65535"),
        (_without("direction"), "rule web: direction is missing"),
        (_without("access"), "rule web: access is missing"),
        (_without("protocol"), "rule web: protocol is missing"),
        (
            {**PLAIN, "destinationPortRanges": [65536]},
            "rule web: destinationPortRange or destinationPortRanges holds something that is not text",
        ),
        (
            {**PLAIN, "sourceAddressPrefix": -1},
            "rule web: sourceAddressPrefix or sourceAddressPrefixes holds something that is not text",
        ),
        ({**PLAIN, "sourcePortRanges": 5}, "rule web: sourcePortRanges is not a list"),
        (
            {**PLAIN, "destinationApplicationSecurityGroups": [7]},
            "rule web: destinationApplicationSecurityGroups holds an entry without id",
        ),
    ],
)
def test_an_unreadable_rule_is_named_with_its_field(document: Document, message: str) -> None:
    # The condition of the baseline shows it, and the reader looks for that rule in Azure.
    with pytest.raises(UnreadableRuleError) as error:
        normalise(document)
    assert str(error.value) == message


@pytest.mark.parametrize(("written", "priority"), [(0, 0), ("100", 100), (65535, 65535), ("65535", 65535)])
def test_a_priority_may_be_a_number_or_its_text(written: object, priority: int) -> None:
    # Template files hold texts, default rules go up to 65500.
    assert normalise({**PLAIN, "priority": written}).priority == priority


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [("TCP", "Tcp"), ("udp", "Udp"), ("icmp", "Icmp"), ("ESP", "Esp"), ("ah", "Ah"), ("*", "*"), ("SCTP", "sctp")],
)
def test_words_have_the_spelling_of_the_documentation(protocol: str, expected: str) -> None:
    # Messages show the normal form. An unknown word is kept, folded.
    rule = normalise({**PLAIN, "protocol": protocol, "direction": "OUTBOUND", "access": "deny"})
    assert (rule.protocol, rule.direction, rule.access) == (expected, "Outbound", "Deny")
    assert (normalise({**PLAIN, "direction": "inbound"}).direction, rule.key) == ("Inbound", "web")


def test_the_parts_of_a_rule_in_normal_form() -> None:
    # Every consumer reads these: order, case and duplicates of the document are gone.
    group = "/subscriptions/1/Groups/{}/"
    rule = normalise(
        {
            **PLAIN,
            "description": "by jo",
            "sourceAddressPrefix": "",
            "sourceAddressPrefixes": ["Sql", "10.0.0.2", " 10.0.0.3 ", "Internet", "SQL", None],
            "sourcePortRanges": [80, "odd", "81-90", "Odd"],
            "sourcePortRange": None,
            "destinationApplicationSecurityGroups": [{"id": group.format(name)} for name in ("B", "a", "b")],
        }
    )
    assert (rule.source.ranges, rule.source.words) == ((parse_prefix("10.0.0.2/31"),), ("internet", "sql"))
    assert (rule.source_ports.ranges, rule.source_ports.words) == ((parse_ports("80-90"),), ("Odd", "odd"))
    assert rule.destination.groups == ("/subscriptions/1/groups/a", "/subscriptions/1/groups/b")
    assert (rule.description, normalise(PLAIN).description) == ("by jo", "")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"priority": 101}, "priority"),
        ({"direction": "Outbound"}, "direction"),
        ({"access": "Deny"}, "access"),
        ({"protocol": "Udp"}, "protocol"),
        ({"sourceAddressPrefix": "Sql"}, "sourceAddressPrefix"),
        ({"sourceAddressPrefixes": ["10.0.0.0/8"]}, "sourceAddressPrefix"),
        ({"sourceApplicationSecurityGroups": [{"id": "/a"}]}, "sourceApplicationSecurityGroups"),
        ({"sourcePortRange": "53"}, "sourcePortRange"),
        ({"sourcePortRanges": ["odd"]}, "sourcePortRange"),
        ({"destinationAddressPrefix": "10.0.0.4"}, "destinationAddressPrefix"),
        ({"destinationAddressPrefixes": ["Sql"]}, "destinationAddressPrefix"),
        ({"destinationApplicationSecurityGroups": [{"id": "/a"}]}, "destinationApplicationSecurityGroups"),
        ({"destinationPortRange": "80"}, "destinationPortRange"),
        ({"destinationPortRanges": ["odd"]}, "destinationPortRange"),
    ],
)
def test_each_field_has_its_name_in_arm(fields: Document, expected: str) -> None:
    # The name is in the change, and the reader looks for it in the portal. The law above checks all of them at random.
    assert _differing(PLAIN, {**PLAIN, **fields}) == (expected,)
    assert semantic_key(normalise(PLAIN), STRICT) != semantic_key(normalise({**PLAIN, **fields}), STRICT)


def test_two_rules_of_one_meaning_are_equal_whatever_else_azure_says_about_them() -> None:
    # The document keeps what a write must not lose; the meaning does not depend on it.
    assert normalise({**PLAIN, "etag": "1"}) == normalise(PLAIN)
    assert normalise({**PLAIN, "etag": "1"}).document["etag"] == "1"


def test_a_rule_with_groups_is_not_widened() -> None:
    # Its addresses are those of the groups.
    groups = {"sourceApplicationSecurityGroups": [{"id": "/a"}]}
    document = {**PLAIN, "sourceAddressPrefix": "*"}
    assert _differing({**document, **groups}, {**document, **groups, "sourceAddressPrefix": "0.0.0.0/0"}, ANY)
    more = {**PLAIN, "sourceAddressPrefix": "", "sourceAddressPrefixes": ["*", "Sql"]}
    assert _differing(document, more, ANY) == (), "anything beside * adds nothing"
