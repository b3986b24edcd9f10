"""Validation by a structural schema, in the order and with the messages of the real API server.

Unchanged values are not validated again ("ratcheting"), so that a stricter schema does not block older objects.
"""

from collections.abc import Iterator
from typing import Any, Final

from nsg_emulator.kube.fields import identity
from nsg_emulator.kube.kinds import Fault
from nsg_emulator.kube.shapes import Obj

from . import faults
from .formats import is_format, pattern

ABSENT: Final = object()
"""Means that there is no old value; None is a JSON value."""

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def check(schema: Obj, value: Any, old: Any = ABSENT, path: str = "") -> list[Fault]:
    """Return all schema errors.

    Args:
        schema: a structural schema.
        value: the value to validate, already pruned and defaulted.
        old: the previous value; `ABSENT` if there was none.
        path: the path of the value, for messages.
    """
    errors: list[Fault] = []
    _check(schema, value, old, path, errors)
    return errors


def _check(schema: Obj, value: Any, old: Any, path: str, errors: list[Fault]) -> None:
    if value is old or (old is not ABSENT and value == old):
        return
    kind = type(value)
    if kind is not _EXACT.get(schema.get("type", "")):
        errors += _types(schema, value, path)
    if value is None:
        return
    if not _COMBINATORS.isdisjoint(schema):
        errors += _combined(schema, value, path)
    if kind is str:
        errors += _string(schema, value, path)
    elif kind in _NUMBERS:
        errors += _number(schema, value, path)
    if "enum" in schema and value not in schema["enum"]:
        errors.append(faults.unsupported(path, value, schema["enum"]))
    if kind is dict:
        _map(schema, value, old, path, errors)
    elif kind is list:
        _list(schema, value, old, path, errors)


_EXACT = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
_NUMBERS = (int, float)


def _types(schema: Obj, value: Any, path: str) -> Iterator[Fault]:
    types = ("integer", "string") if schema.get("x-kubernetes-int-or-string") else (schema.get("type"),)
    if value is None and schema.get("nullable"):
        return
    if types == (None,) or any(_is_type(value, name) for name in types if name):
        return
    yield faults.wrong_type(path, value, [name for name in types if name])


def _is_type(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    is_whole_number = name == "integer" and isinstance(value, float) and value.is_integer()
    return is_whole_number or isinstance(value, _TYPES[name])


_COMBINATORS = frozenset({"anyOf", "oneOf", "allOf", "not"})


def _combined(schema: Obj, value: Any, path: str) -> Iterator[Fault]:
    if "anyOf" in schema:
        failures = [check(alternative, value, path=path) for alternative in schema["anyOf"]]
        if all(failures):
            yield _schema_fault(path, "must validate at least one schema (anyOf)")
            yield from min(failures, key=len)
    if "oneOf" in schema:
        failures = [check(alternative, value, path=path) for alternative in schema["oneOf"]]
        valid = sum(not errors for errors in failures)
        if valid == 0:
            yield _schema_fault(path, "must validate one and only one schema (oneOf). Found none valid")
            yield from min(failures, key=len)
        elif valid > 1:
            yield _schema_fault(
                path, f"must validate one and only one schema (oneOf). Found {valid} valid alternatives"
            )
    if "allOf" in schema:
        failures = [check(alternative, value, path=path) for alternative in schema["allOf"]]
        yield from (fault for errors in failures for fault in errors)
        if any(failures):
            yield _schema_fault(
                path, f"must validate all the schemas (allOf){'. None validated' if all(failures) else ''}"
            )
    if "not" in schema and not check(schema["not"], value, path=path):
        yield _schema_fault(path, "must not validate the schema (not)")


def _schema_fault(path: str, words: str) -> Fault:
    return Fault("<nil>", "FieldValueInvalid", f'Invalid value: "": "{path}" {words}')


def _string(schema: Obj, value: str, path: str) -> Iterator[Fault]:
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield faults.too_long(path, schema["maxLength"])
    elif "minLength" in schema and len(value) < schema["minLength"]:
        yield faults.in_body(path, value, f"should be at least {schema['minLength']} chars long")
    elif "pattern" in schema and not pattern(schema["pattern"]).search(value):
        yield faults.in_body(path, value, f"should match '{schema['pattern']}'")
    if "format" in schema and not is_format(schema["format"], value):
        yield faults.wrong_format(path, value, schema["format"])


def _number(schema: Obj, value: float, path: str) -> Iterator[Fault]:
    if "multipleOf" in schema and value % schema["multipleOf"]:
        yield faults.in_body(path, value, f"should be a multiple of {faults.number(schema['multipleOf'])}")
    if schema.get("type") == "integer" and not float(value).is_integer():
        words = f'Invalid value: "": Checked value must be of type integer (default format) in {path}'
        yield Fault("<nil>", "FieldValueInvalid", words)
        return
    if (most := schema.get("maximum")) is not None:
        strict = schema.get("exclusiveMaximum", False)
        if value > most or (strict and value == most):
            yield faults.in_body(
                path, value, f"should be less than {'' if strict else 'or equal to '}{faults.number(most)}"
            )
    if (least := schema.get("minimum")) is not None:
        strict = schema.get("exclusiveMinimum", False)
        if value < least or (strict and value == least):
            words = f"should be greater than {'' if strict else 'or equal to '}{faults.number(least)}"
            yield faults.in_body(path, value, words)


def _map(schema: Obj, value: Obj, old: Any, path: str, errors: list[Fault]) -> None:
    if "minProperties" in schema and len(value) < schema["minProperties"]:
        errors.append(faults.in_body(path, len(value), f"should have at least {schema['minProperties']} properties"))
        return
    if "maxProperties" in schema and len(value) > schema["maxProperties"]:
        errors.append(faults.too_many(path, len(value), schema["maxProperties"]))
        return
    declared, free = schema.get("properties", {}), schema.get("additionalProperties")
    others = free if isinstance(free, dict) else None
    before = old if isinstance(old, dict) else {}
    for name, part in value.items():
        inner = declared.get(name, others)
        if inner is not None:
            _check(inner, part, before.get(name, ABSENT), f"{path}.{name}" if path else name, errors)
    missing = [name for name in schema.get("required", ()) if name not in value]
    errors += [faults.required(f"{path}.{name}" if path else name) for name in missing]


def _list(schema: Obj, value: list[Any], old: Any, path: str, errors: list[Fault]) -> None:
    inner = schema.get("items")
    if isinstance(inner, dict):
        before = _by_identity(schema, old)
        for at, item in enumerate(value):
            was = before.get(identity(schema, item), ABSENT) if before else ABSENT
            _check(inner, item, was, f"{path}[{at}]", errors)
    if "minItems" in schema and len(value) < schema["minItems"]:
        errors.append(faults.in_body(path, len(value), f"should have at least {schema['minItems']} items"))
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        errors.append(faults.too_many(path, len(value), schema["maxItems"]))
    if schema.get("x-kubernetes-list-type") in ("map", "set"):
        errors += _duplicates(schema, value, path)


def _by_identity(schema: Obj, old: Any) -> dict[bytes, Any]:
    if not isinstance(old, list) or schema.get("x-kubernetes-list-type") != "map":
        return {}
    return {identity(schema, item): item for item in old}


def _duplicates(schema: Obj, value: list[Any], path: str) -> Iterator[Fault]:
    keys, identities = schema.get("x-kubernetes-list-map-keys"), set()
    for at, item in enumerate(value):
        item_id = identity(schema, item)
        if item_id in identities:
            shown_value = {key: item[key] for key in keys if key in item} if keys and isinstance(item, dict) else item
            yield faults.duplicate(f"{path}[{at}]", shown_value)
        identities.add(item_id)
