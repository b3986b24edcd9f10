"""The messages of the real API server for invalid fields.

Source: kube-openapi `pkg/validation/errors` and apimachinery `pkg/util/validation/field` (release 1.37).
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from nsg_emulator.kube.kinds import Fault

TYPE_NAMES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


def shown(value: Any) -> str:
    """Format an invalid value as the server does."""
    return msgspec.json.encode(value).decode()


def number(value: float) -> str:
    """Format a bound as Go's `%v` does."""
    return str(int(value)) if float(value).is_integer() else str(value)


def required(path: str, words: str = "") -> Fault:
    """Return the error for a missing required field."""
    return Fault(path, "FieldValueRequired", f"Required value{': ' + words if words else ''}")


def bad(path: str, value: Any, words: str) -> Fault:
    """Return the error for a value that is not allowed, with the reason."""
    return Fault(path, "FieldValueInvalid", f"Invalid value: {shown(value)}: {words}")


def in_body(path: str, value: Any, rule: str) -> Fault:
    """Return the error for a value that breaks a schema rule, with the schema validator's field name."""
    return bad(path, value, f"{path} in body {rule}")


def wrong_type(path: str, value: Any, expected: Iterable[str]) -> Fault:
    """Return the error for a wrong JSON type."""
    actual = TYPE_NAMES[type(value)]
    words = f'Invalid value: "{actual}": {path} in body must be of type {",".join(expected)}: "{actual}"'
    return Fault(path, "FieldValueTypeInvalid", words)


def wrong_format(path: str, value: str, expected: str) -> Fault:
    """Return the error for a string with a wrong format."""
    words = f"Invalid value: {shown(value)}: {path} in body must be of type {expected}: {shown(value)}"
    return Fault(path, "FieldValueTypeInvalid", words)


def unsupported(path: str, value: Any, supported: Iterable[Any]) -> Fault:
    """Return the error for a value outside the enumeration."""
    values = ", ".join(shown(choice if isinstance(choice, str) else shown(choice)) for choice in supported)
    return Fault(path, "FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {values}")


def too_long(path: str, most: int) -> Fault:
    """Return the error for a string that is too long."""
    return Fault(path, "FieldValueTooLong", f"Too long: may not be more than {most} bytes")


def too_many(path: str, count: int, most: int) -> Fault:
    """Return the error for a list or map with too many entries."""
    return Fault(path, "FieldValueTooMany", f"Too many: {count}: must have at most {most} items")


def duplicate(path: str, value: Any) -> Fault:
    """Return the error for a duplicate list item."""
    return Fault(path, "FieldValueDuplicate", f"Duplicate value: {shown(value)}")


def forbidden(path: str, words: str) -> Fault:
    """Return the error for a forbidden change."""
    return Fault(path, "FieldValueForbidden", f"Forbidden: {words}")
