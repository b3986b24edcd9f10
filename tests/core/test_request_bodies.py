"""Request bodies: their sender chooses how they are written, and may want them to be misread."""

import json
from typing import Any

import pytest

from nsg_baseline.core.attribution.bodies import Body, UnreadableBodyError, parse_body
from nsg_baseline.core.rules import Rule, normalise
from tests.support.activity_rows import RULE, content, nested

GOOD = nested(content("X"))
PROPERTIES = json.dumps(GOOD["properties"])


def nsg(*rules: Any, **fields: Any) -> str:
    return json.dumps({"location": "westeurope", "properties": {"securityRules": rules}, **fields})


def rule_in(text: str) -> Rule | None:
    body = parse_body(text)
    assert body is not None
    return body.rule_of_nsg(RULE)


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("missing", ""),
        ("truncated", nsg(GOOD)[:-1]),
        ("no object", "[]"),
        ("nested deeply", "[" * 100_000),
        ("a name twice: which of the two does Azure take?", f'{{"properties": {{}}, "properties": {PROPERTIES}}}'),
        ("a name twice in other case", f'{{"properties": {{}}, "PROPERTIES": {PROPERTIES}}}'),
        ("a letter that folds to ASCII", f'{{"propertie\u017f": {PROPERTIES}}}'),
        ("a rule twice", nsg(GOOD, {**GOOD, "name": RULE.upper()})),
        ("a rule without name", nsg(GOOD, {"properties": GOOD["properties"]})),
        ("a rule that is a text", nsg(GOOD, "rule")),
    ],
)
def test_an_ambiguous_body_is_unreadable(why: str, text: str) -> None:
    assert parse_body(text) is None, why


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("no list of rules", json.dumps({"location": "x", "properties": {}})),
        ("no properties", json.dumps({"location": "x"})),
        ("rules are a text", json.dumps({"properties": {"securityRules": "none"}})),
        ("a rule without priority", nsg({"name": RULE, "properties": {"access": "Allow"}})),
        ("a rule without properties", nsg({"name": RULE})),
    ],
)
def test_a_body_without_the_rule_is_unreadable(why: str, text: str) -> None:
    with pytest.raises(UnreadableBodyError):
        rule_in(text)
    assert why


def test_names_are_read_in_any_case() -> None:
    # ARM takes them so.
    properties = {key.upper(): value for key, value in GOOD["properties"].items()}
    text = json.dumps(
        {"Location": "x", "PROPERTIES": {"securityrules": [{"NAME": RULE.upper(), "Properties": properties}]}}
    )
    rule = rule_in(text)
    assert rule is not None
    assert rule.destination_ports == normalise(content("X")).destination_ports


def test_a_rule_that_is_left_out_is_absent() -> None:
    assert rule_in(nsg()) is None


def test_the_name_of_a_rule_is_that_of_its_path() -> None:
    body = parse_body(json.dumps({**GOOD, "name": "other"}))
    assert body is not None
    assert body.rule_of_rule(RULE).key == RULE


def test_an_update_of_tags_has_neither_location_nor_properties() -> None:
    tags, whole = parse_body('{"tags": {"env": "x"}}'), parse_body(nsg())
    assert isinstance(tags, Body)
    assert isinstance(whole, Body)
    assert (tags.updates_tags_alone, whole.updates_tags_alone) == (True, False)
    assert (tags.tags, whole.tags) == ({"env": "x"}, {})


def test_tags_that_are_not_texts_are_unreadable() -> None:
    body = parse_body('{"tags": {"env": 1}}')
    assert body is not None
    with pytest.raises(UnreadableBodyError):
        _ = body.tags


ARM_NAMES = (
    *(
        "name",
        "location",
        "tags",
        "properties",
        "securityRules",
        "id",
        "description",
        "priority",
        "direction",
        "access",
    ),
    *("access", "protocol", "sourceAddressPrefix", "sourceAddressPrefixes", "sourceApplicationSecurityGroups"),
    *("sourcePortRange", "sourcePortRanges", "destinationAddressPrefix", "destinationAddressPrefixes"),
    *("destinationApplicationSecurityGroups", "destinationPortRange", "destinationPortRanges"),
)


@pytest.mark.parametrize("name", ARM_NAMES)
def test_each_name_has_the_spelling_of_arm(name: str) -> None:
    # A name that is not recognised would be a field that is missing, and the rule another one.
    body = parse_body(json.dumps({name.upper(): 1, "Other": 2}))
    assert body is not None
    assert body.document == {name: 1, "Other": 2}


def test_a_write_of_properties_alone_is_more_than_tags() -> None:
    for text, expected in (('{"properties": {}}', False), ('{"location": "x"}', False), ("{}", True)):
        body = parse_body(text)
        assert body is not None
        assert body.updates_tags_alone is expected


@pytest.mark.parametrize("name", [5, "", None, []])
def test_a_rule_whose_name_is_not_a_text_makes_the_body_unreadable(name: object) -> None:
    assert parse_body(nsg({**GOOD, "name": name})) is None


def test_an_unreadable_body_says_why() -> None:
    # It is what a developer sees of an attribution that fails.
    body = parse_body("{}")
    assert body is not None
    for read in (lambda: body.rule_of_nsg(RULE), body.all_rules):
        with pytest.raises(UnreadableBodyError, match=r"^no list of rules$"):
            read()


def test_all_rules_of_a_body_by_folded_name() -> None:
    body = parse_body(nsg(GOOD, {**GOOD, "name": "Second"}))
    assert body is not None
    assert set(body.all_rules()) == {RULE, "second"}
    broken = parse_body(nsg(GOOD, {"name": "x", "properties": {}}))
    assert broken is not None
    with pytest.raises(UnreadableBodyError, match="rule x"):
        broken.all_rules()
