"""Label and field selectors of list and watch requests."""

import re
from collections.abc import Callable
from typing import TypeAlias

from .errors import bad_request
from .jsonpath import first
from .kinds import Kind
from .shapes import Obj

Test: TypeAlias = Callable[[Obj], bool]

_SET_TERM = re.compile(r"(\S+)\s+(in|notin)\s*\(([^)]*)\)")
_EQUAL_TERM = re.compile(r"([^=!\s]+)\s*(==|=|!=)\s*(\S*)")
_NAME = re.compile(r"!?\s*([\w./-]+)")
_BETWEEN_TERMS = re.compile(r",(?![^(]*\))")


def label_test(selector: str) -> Test:
    """Return the test for a label selector.

    Raises:
        ApiError: 400 if it is not a valid selector.
    """
    return _every([_label_term(term.strip()) for term in _BETWEEN_TERMS.split(selector) if term.strip()])


def field_test(kind: Kind, selector: str) -> Test:
    """Return the test for a field selector.

    Raises:
        ApiError: 400 if the kind does not support the field.
    """
    return _every([_field_term(kind, term.strip()) for term in selector.split(",") if term.strip()])


def _every(tests: list[Test]) -> Test:
    return lambda obj: all(test(obj) for test in tests)


def _labels(obj: Obj) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}


def _label_term(term: str) -> Test:
    if match := _SET_TERM.fullmatch(term):
        name, values = match[1], {value.strip() for value in match[3].split(",")}
        if match[2] == "in":
            return lambda obj: _labels(obj).get(name) in values
        return lambda obj: _labels(obj).get(name) not in values
    if match := _EQUAL_TERM.fullmatch(term):
        return _equal(match[1], match[3], negated=match[2] == "!=")
    if match := _NAME.fullmatch(term):
        name, negated = match[1], term.startswith("!")
        return lambda obj: (name in _labels(obj)) != negated
    raise bad_request(f"unable to parse requirement: {term!r} is not a label selector")


def _equal(name: str, value: str, *, negated: bool) -> Test:
    return lambda obj: (_labels(obj).get(name) == value) != negated


def _field_term(kind: Kind, term: str) -> Test:
    match = _EQUAL_TERM.fullmatch(term)
    if match is None:
        raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    field, negated, value = match[1], match[2] == "!=", match[3]
    if field not in ("metadata.name", "metadata.namespace", *kind.fields):
        raise bad_request(f"field label not supported: {field}")
    return lambda obj: (str(first(obj, f".{field}") or "") == value) != negated
