"""The normal form of a rule, and semantic equality."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.api.baseline import Comparison
from nsg_baseline.core.rules import UnreadableRuleError, differing_fields, normalise, semantic_key
from tests.support.rules import Document, altered, respelled, rules

STRICT = Comparison()
DESCRIBED = Comparison(descriptions=True)
ANY = Comparison(any_equals_all_addresses=True)
PLAIN: Document = {
    "name": "web",
    "priority": 100,
    "direction": "Inbound",
    "access": "Allow",
    "protocol": "Tcp",
    "sourceAddressPrefix": "Internet",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "443",
}


def _differing(document: Document, other: Document, comparison: Comparison = STRICT) -> tuple[str, ...]:
    return differing_fields(normalise(document), normalise(other), comparison)


@given(st.data(), rules())
def test_a_rule_in_another_format_is_the_same_rule(data: st.DataObject, rule: Document) -> None:
    # Azure keeps the format of each writer. A false alarm for each would hide the real ones.
    again = data.draw(respelled(rule))
    assert _differing(rule, again, DESCRIBED) == ()
    assert semantic_key(normalise(rule), DESCRIBED) == semantic_key(normalise(again), DESCRIBED)


@given(st.data(), rules())
def test_an_altered_rule_differs_in_exactly_the_altered_field(data: st.DataObject, rule: Document) -> None:
    # A field that is not reported is missed, and a field that is reported wrongly misleads. The format must not matter.
    other, field = data.draw(altered(rule))
    again = data.draw(respelled(other))
    assert _differing(rule, again) == (field,)
    assert _differing(again, rule) == (field,)
    assert semantic_key(normalise(rule), STRICT) != semantic_key(normalise(again), STRICT)


@given(rules(), rules())
def test_differing_fields_are_symmetric_and_empty_exactly_for_equal_meaning(
    document: Document, other: Document
) -> None:
    # Detection uses differing_fields and fingerprints use semantic_key, so both must agree.
    other = {**other, "name": document["name"]}
    there, back = _differing(document, other), _differing(other, document)
    assert there == back
    assert (not there) == (semantic_key(normalise(document), STRICT) == semantic_key(normalise(other), STRICT))


@given(st.data(), rules())
def test_normalising_twice_changes_nothing(data: st.DataObject, rule: Document) -> None:
    # Reading a rule must not change it: a document that was read once reads the same again.
    once = normalise(data.draw(respelled(rule)))
    assert normalise(once.document) == once
    assert normalise(dict(once.document)).document == once.document


def test_names_are_compared_without_case() -> None:
    # Rules with different names are never the same rule, whatever they do.
    assert semantic_key(normalise(PLAIN), STRICT) != semantic_key(normalise({**PLAIN, "name": "web2"}), STRICT)
    assert semantic_key(normalise(PLAIN), STRICT) == semantic_key(normalise({**PLAIN, "name": "WEB"}), STRICT)


def test_descriptions_are_compared_only_if_the_baseline_says_so() -> None:
    # Tools rewrite descriptions, but an auditor may want them compared.
    other = {**PLAIN, "description": "temporary"}
    assert _differing(PLAIN, other) == ()
    assert _differing(PLAIN, other, DESCRIBED) == ("description",)
    assert _differing(PLAIN, {**PLAIN, "description": ""}, DESCRIBED) == ()


@pytest.mark.parametrize(
    ("prefix", "lookalike"),
    [
        ("*", "Internet"),  # the internet is not everything
        ("0.0.0.0/0", "Internet"),
        ("*", "0.0.0.0/0"),  # Azure stores them apart, and only one of them covers IPv6
        ("0.0.0.0/0", "::/0"),
        ("Storage", "Storage.WestEurope"),
        ("0.0.0.0", "0.0.0.0/0"),
        ("10.0.0.0", "10.0.0.0/24"),
        ("789", "0.0.3.21"),  # the same number, but one is a word to Azure
        ("10.0.0.0/0.0.0.255", "10.0.0.0/24"),
    ],
)
def test_similar_addresses_are_different(prefix: str, lookalike: str) -> None:
    # Each pair looks similar and matches other traffic.
    assert _differing({**PLAIN, "sourceAddressPrefix": prefix}, {**PLAIN, "sourceAddressPrefix": lookalike})


def test_source_and_destination_are_compared_separately() -> None:
    # A rule with source and destination exchanged is another rule.
    other = {**PLAIN, "sourceAddressPrefix": "*", "destinationAddressPrefix": "Internet"}
    assert _differing(PLAIN, other) == ("sourceAddressPrefix", "destinationAddressPrefix")
    ported = {**PLAIN, "sourcePortRange": "443", "destinationPortRange": "*"}
    assert _differing(PLAIN, ported) == ("sourcePortRange", "destinationPortRange")


def test_a_rule_without_addresses_is_not_a_rule_with_any_address() -> None:
    # A rule without addresses must not be equal to one with a group or with *.
    group = {"id": "/subscriptions/1/resourceGroups/r/providers/Microsoft.Network/applicationSecurityGroups/a"}
    bare = {key: value for key, value in PLAIN.items() if key != "sourceAddressPrefix"}
    grouped = {**bare, "sourceApplicationSecurityGroups": [group]}
    assert _differing(bare, grouped) == ("sourceApplicationSecurityGroups",)
    assert _differing(bare, {**bare, "sourceAddressPrefix": "*"}) == ("sourceAddressPrefix",)


@pytest.mark.parametrize("spelled", [["0.0.0.0/0"], ["0.0.0.0/0", "::/0"], ["0.0.0.0/1", "128.0.0.0/1"], ["*"]])
def test_any_address_equals_all_addresses_if_the_baseline_says_so(spelled: list[str]) -> None:
    # Some teams write 0.0.0.0/0 for *. The option makes both equal, as source and as destination.
    for side in ("source", "destination"):
        wildcard = {**PLAIN, f"{side}AddressPrefix": "*"}
        all_addresses = {**PLAIN, f"{side}AddressPrefix": "", f"{side}AddressPrefixes": spelled}
        assert _differing(wildcard, all_addresses, ANY) == ()


@pytest.mark.parametrize("spelled", ["Internet", "0.0.0.0/1", "::/0", "0.0.0.0"])
def test_any_address_equals_no_smaller_set(spelled: str) -> None:
    # The option must not accept a set that does not cover all of IPv4.
    assert _differing({**PLAIN, "sourceAddressPrefix": "*"}, {**PLAIN, "sourceAddressPrefix": spelled}, ANY)


def test_an_unknown_protocol_is_compared_without_case() -> None:
    # Azure adds protocols, and their case is not reliable.
    assert _differing({**PLAIN, "protocol": "SCTP"}, {**PLAIN, "protocol": "Sctp"}) == ()
    assert _differing({**PLAIN, "protocol": "SCTP"}, PLAIN) == ("protocol",)


def _without(*keys: str) -> Document:
    return {key: value for key, value in PLAIN.items() if key not in keys}


@pytest.mark.parametrize(
    "document",
    [
        _without("name"),
        {**PLAIN, "name": ""},
        {**PLAIN, "name": 7},
        _without("priority"),
        {**PLAIN, "priority": None},
        {**PLAIN, "priority": True},  # a bool is an int to Python
        {**PLAIN, "priority": 100.5},
        {**PLAIN, "priority": -1},
        {**PLAIN, "priority": "1e2"},
        {**PLAIN, "priority": "9" * 5000},  # longer than int() takes
        {**PLAIN, "priority": 10**5000},  # longer than str() takes
        _without("direction"),
        {**PLAIN, "direction": ""},
        _without("access"),
        {**PLAIN, "access": ["Allow"]},
        _without("protocol"),
        {**PLAIN, "protocol": 6},
        {**PLAIN, "sourceAddressPrefix": ["10.0.0.0/8"]},
        {**PLAIN, "sourceAddressPrefixes": "10.0.0.0/8"},  # would be read letter by letter
        {**PLAIN, "sourceAddressPrefixes": {"10.0.0.0/8": 1}},
        {**PLAIN, "sourceAddressPrefixes": False},
        {**PLAIN, "sourceAddressPrefixes": [["10.0.0.0/8"]]},
        {**PLAIN, "destinationPortRange": True},
        {**PLAIN, "destinationPortRange": 443.0},
        {**PLAIN, "destinationPortRange": 10**5000},
        {**PLAIN, "destinationPortRanges": 443},
        {**PLAIN, "destinationPortRanges": [{}]},
        {**PLAIN, "sourceApplicationSecurityGroups": 5},
        {**PLAIN, "sourceApplicationSecurityGroups": "asg"},
        {**PLAIN, "sourceApplicationSecurityGroups": {"id": "asg"}},
        {**PLAIN, "sourceApplicationSecurityGroups": [{}]},
        {**PLAIN, "sourceApplicationSecurityGroups": [{"id": None}]},
        {**PLAIN, "sourceApplicationSecurityGroups": ["asg"]},
    ],
)
def test_an_unreadable_rule_raises_an_error_that_says_so(document: Any) -> None:
    # If it was read as absent or empty, the rule would be missing from every verdict. Any other error would end the
    # reconcile.
    with pytest.raises(UnreadableRuleError):
        normalise(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(rules(), st.data())
def test_any_json_value_is_read_or_refused(rule: Document, data: st.DataObject) -> None:
    # Whatever Azure returns is either read or reported as unreadable.
    key = data.draw(st.sampled_from(sorted(rule)))
    strange = {**rule, key: data.draw(json_values)}
    try:
        read = normalise(strange)
    except UnreadableRuleError:
        return
    assert semantic_key(read, DESCRIBED) == semantic_key(normalise(strange), DESCRIBED)
