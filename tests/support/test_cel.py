"""The CEL evaluator of the tests accepts and refuses what the API server does: each case was tried on a real server."""

from typing import Any

import pytest

from tests.support.cel import judge


def verdict(rule: str, value: Any, old: Any = None, schema: dict[str, Any] | None = None) -> list[str]:
    inner = {**(schema or {}), "x-kubernetes-validations": [{"rule": rule, "message": "refused"}]}
    root = {"type": "object", "properties": {"a": inner}}
    return list(judge(root, {"a": value}, None if old is None else {"a": old}))


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("isIP(self)", "10.0.0.1", "10.0.0.300"),
        ("isIP(self)", "::1", "::ffff:1.2.3.4"),
        ("isCIDR(self)", "10.0.0.1/8", "10.0.0.1"),
        ("isCIDR(self)", "10.0.0.0/8", "10.0.0.0/08"),
        ("cidr(self).masked() == cidr(self)", "10.0.0.0/8", "10.0.0.1/8"),
        ("cidr(self).prefixLength() >= 16", "10.0.0.0/16", "10.0.0.0/8"),
        ("cidr(self).ip() == ip('10.0.0.1')", "10.0.0.1/8", "10.0.0.2/8"),
        ("cidr('10.0.0.0/8').containsIP(ip(self))", "10.1.1.1", "11.1.1.1"),
        ("cidr('10.0.0.0/8').containsIP(self)", "10.1.1.1", "11.1.1.1"),
        ("cidr('10.0.0.0/8').containsCIDR(self)", "10.1.0.0/16", "0.0.0.0/0"),
        ("ip(self).family() == 6", "::1", "1.1.1.1"),
        ("self.isSorted()", [1, 2, 2], [2, 1]),
        ("self.sum() == 3", [1, 2], [1]),
        ("self.min() == 1 && self.max() == 3", [3, 1], [3, 2]),
        ("self.indexOf('b') == 1 && self.lastIndexOf('b') == 2", ["a", "b", "b"], ["b"]),
        ("self.all(x, self.exists_one(y, x == y))", ["a", "b"], ["a", "a"]),
        ("self.split('-').map(p, int(p)).isSorted()", "80-443", "443-80"),
        ("self.matches('^a+$')", "aa", "ab"),
        (r"self.matches(r'(?i)^ab\.c$')", "AB.c", "abxc"),
        ("self.lowerAscii() == 'äb'", "äB", "ÄB"),
        ("self.startsWith('a') && self.endsWith('c') && self.contains('b')", "abc", "ac"),
        ("self.find('[0-9]+') == '12'", "a12b3", "a3"),
        ("self.replace('a', 'b').trim() == 'bb'", " ab ", "c"),
        ("self.substring(1, 3) == 'bc'", "abcd", "xxxx"),
        ("self.size() == 2", "üü", "ü"),
        ("duration(self) <= duration('1h')", "59m60s", "1h1s"),
        ("timestamp(self) < timestamp('2026-01-01T00:00:00Z')", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"),
        ("has(self.x) && self.x != ''", {"x": "1"}, {}),
        ("[has(self.x), has(self.y)].exists_one(v, v)", {"x": "1"}, {"x": "1", "y": "1"}),
        ("self.?x.orValue('d') == 'd'", {}, {"x": "1"}),
    ],
)
def test_functions_of_kubernetes(rule: str, good: Any, bad: Any) -> None:
    assert verdict(rule, good) == []
    assert len(verdict(rule, bad)) == 1


def test_an_error_in_an_irrelevant_operand_is_ignored() -> None:
    # cel-python itself fails the whole rule, because int('*') is an error.
    assert verdict("self == '*' || self.split('-').all(p, int(p) <= 65535)", "*") == []


def test_an_error_in_a_relevant_operand_is_a_refusal() -> None:
    assert "evaluating rule" in verdict("int(self) > 1", "x")[0]


def test_transition_rules_need_an_old_value() -> None:
    rule = "self == oldSelf"
    assert verdict(rule, "new") == []
    assert verdict(rule, "new", "old") == ['a: Invalid value: "new": refused']


def test_an_unchanged_value_is_not_validated_again() -> None:
    # A stricter rule must not block updates of older objects.
    assert verdict("self == 'never'", "same", "same") == []


def test_only_items_of_list_maps_have_an_old_value() -> None:
    item: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "string"}, "v": {"type": "integer"}}}
    item["x-kubernetes-validations"] = [{"rule": "self.v >= oldSelf.v"}]
    listed = {"type": "array", "items": item}
    mapped = {**listed, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]}
    new, old = [{"n": "b", "v": 1}, {"n": "a", "v": 1}], [{"n": "a", "v": 2}]
    assert verdict("true", new, old, mapped) == ["a[1]: Invalid value: failed rule: self.v >= oldSelf.v"]
    assert verdict("true", new, old, listed) == []


def test_nested_rules_are_evaluated_and_fields_are_escaped() -> None:
    leaf = {"type": "string", "x-kubernetes-validations": [{"rule": "self != 'x'"}]}
    schema = {
        "type": "object",
        "properties": {
            "in": {"type": "string"},
            "m": {"type": "object", "additionalProperties": {"type": "array", "items": leaf}},
        },
        "x-kubernetes-validations": [
            {"rule": "self.__in__ == 'y'", "reason": "FieldValueForbidden", "fieldPath": ".in"}
        ],
    }
    faults = judge(schema, {"in": "z", "m": {"k": ["x"]}}, None)
    assert faults == [
        ".in: Forbidden: failed rule: self.__in__ == 'y'",
        "m.k[0]: Invalid value: \"x\": failed rule: self != 'x'",
    ]


def test_a_date_time_string_is_a_timestamp() -> None:
    schema = {"type": "string", "format": "date-time"}
    assert verdict("self < timestamp('2026-01-01T00:00:00Z')", "2025-01-01T00:00:00Z", None, schema) == []
