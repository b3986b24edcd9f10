"""Pruning and defaulting by a structural schema, before validation.

Unchanged values are shared with the input, which is never modified.
"""

from operator import is_
from typing import Any

from nsg_emulator.kube.shapes import Obj, clone

ROOT_FIELDS = ("apiVersion", "kind", "metadata")
_NESTED = (dict, list)


def shape(schema: Obj, obj: Obj, old: Obj | None = None) -> tuple[Obj, list[str]]:
    """Drop the fields that are not in the schema, and set defaults.

    Args:
        schema: a structural schema.
        obj: the object that a client sent.
        old: the stored object; parts shared with `obj` are pruned and defaulted already.

    Returns:
        The pruned and defaulted object, and the paths of the dropped fields.
    """
    pruned, unknown = prune(schema, obj, old)
    return _default(schema, pruned, old), unknown


def prune(schema: Obj, obj: Obj, old: Obj | None = None) -> tuple[Obj, list[str]]:
    """Drop the fields that are not in the schema. Returns the same as `shape`."""
    unknown: list[str] = []
    return _prune(schema, obj, old, "", unknown, ROOT_FIELDS), unknown


def _prune(schema: Obj, value: Any, old: Any, path: str, unknown: list[str], kept: tuple[str, ...] = ()) -> Any:
    if value is old:
        return value
    if isinstance(value, list):
        inner = schema.get("items")
        if not isinstance(inner, dict):
            return value
        return _shared(
            value,
            [
                _prune(inner, item, None, f"{path}[{at}]", unknown) if isinstance(item, _NESTED) else item
                for at, item in enumerate(value)
            ],
        )
    return _prune_map(schema, value, old, path, unknown, kept)


def _prune_map(schema: Obj, value: Obj, old: Any, path: str, unknown: list[str], kept: tuple[str, ...]) -> Obj:
    declared: dict[str, Obj] = schema.get("properties", {})
    free = schema.get("additionalProperties")
    others = free if isinstance(free, dict) else None
    is_open = free is True or schema.get("x-kubernetes-preserve-unknown-fields") is True
    kept = ROOT_FIELDS if schema.get("x-kubernetes-embedded-resource") else kept
    before = old if isinstance(old, dict) else {}
    pruned = {}
    for name, part in value.items():
        inner = declared.get(name, others)
        where = f"{path}.{name}" if path else name
        if name in kept:
            pruned[name] = part
        elif inner is not None:
            nested = isinstance(part, _NESTED)
            pruned[name] = _prune(inner, part, before.get(name), where, unknown) if nested else part
        elif is_open:
            pruned[name] = part
        else:
            unknown.append(where)
    return _shared_map(value, pruned)


def _default(schema: Obj, value: Any, old: Any) -> Any:
    """Set defaults, after dropping the nulls of fields that are not nullable."""
    if value is old:
        return value
    if isinstance(value, dict):
        return _default_map(schema, value, old if isinstance(old, dict) else {})
    inner = schema.get("items")
    if not isinstance(inner, dict):
        return value
    return _shared(value, [_default(inner, item, None) if isinstance(item, _NESTED) else item for item in value])


def _default_map(schema: Obj, value: Obj, old: Obj) -> Obj:
    declared: dict[str, Obj] = schema.get("properties", {})
    free = schema.get("additionalProperties")
    others = free if isinstance(free, dict) else None
    new: Obj = {}
    for name, part in value.items():
        inner = declared.get(name, others)
        if inner is not None and isinstance(part, _NESTED):
            new[name] = _default(inner, part, old.get(name))
        elif part is not None or inner is None or inner.get("nullable"):
            new[name] = part
    for name, inner in declared.items():
        if "default" in inner and name not in new:
            filled = clone(inner["default"])
            new[name] = _default(inner, filled, None) if isinstance(filled, _NESTED) else filled
    return _shared_map(value, new)


def _shared(old: list[Any], new: list[Any]) -> list[Any]:
    return old if all(map(is_, old, new)) else new


def _shared_map(old: Obj, new: Obj) -> Obj:
    if len(old) == len(new) and all(map(is_, old.values(), new.values())) and old.keys() == new.keys():
        return old
    return new
