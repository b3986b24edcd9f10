"""What a structural schema makes of an object before it is judged: unknown fields go, nulls give way, defaults come in.

Values that need no change are shared with the input, which is never changed itself.
"""

from typing import Any

from nsg_baseline.emulator.kube.fields import below
from nsg_baseline.emulator.kube.shapes import Obj, clone

ROOT_FIELDS = ("apiVersion", "kind", "metadata")


def prune(schema: Obj, obj: Obj) -> tuple[Obj, list[str]]:
    """Drop the fields that the schema does not know.

    Returns:
        The pruned object and the paths of what was dropped.
    """
    unknown: list[str] = []
    return _prune(schema, obj, "", unknown, ROOT_FIELDS), unknown


def default(schema: Obj, value: Any) -> Any:
    """Fill in defaults, first dropping the nulls of fields that are not nullable."""
    if isinstance(value, dict):
        return _default_map(schema, value)
    if isinstance(value, list) and "items" in schema:
        return _shared(value, [default(schema["items"], item) for item in value])
    return value


def _prune(schema: Obj, value: Any, path: str, unknown: list[str], kept: tuple[str, ...] = ()) -> Any:
    if isinstance(value, list):
        inner = schema.get("items")
        if not isinstance(inner, dict):
            return value
        return _shared(value, [_prune(inner, item, f"{path}[{at}]", unknown) for at, item in enumerate(value)])
    if not isinstance(value, dict):
        return value
    kept = ROOT_FIELDS if schema.get("x-kubernetes-embedded-resource") else kept
    pruned = {}
    for name, part in value.items():
        where = f"{path}.{name}" if path else name
        if name in kept:
            pruned[name] = part
        elif _is_known(schema, name):
            pruned[name] = _prune(below(schema, name), part, where, unknown) if _is_declared(schema, name) else part
        else:
            unknown.append(where)
    return _shared_map(value, pruned)


def _is_declared(schema: Obj, name: str) -> bool:
    return name in schema.get("properties", ()) or isinstance(schema.get("additionalProperties"), dict)


def _is_known(schema: Obj, name: str) -> bool:
    free = schema.get("additionalProperties") is True or schema.get("x-kubernetes-preserve-unknown-fields") is True
    return free or _is_declared(schema, name)


def _default_map(schema: Obj, value: Obj) -> Obj:
    properties: dict[str, Obj] = schema.get("properties", {})
    free = schema.get("additionalProperties")
    new: Obj = {}
    for name, part in value.items():
        inner = properties.get(name, free if isinstance(free, dict) else None)
        if inner is None:
            new[name] = part
        elif part is not None or inner.get("nullable"):
            new[name] = default(inner, part)
    for name, inner in properties.items():
        if name not in new and "default" in inner:
            new[name] = default(inner, clone(inner["default"]))
    return _shared_map(value, new)


def _shared(old: list[Any], new: list[Any]) -> list[Any]:
    return old if all(a is b for a, b in zip(old, new, strict=True)) else new


def _shared_map(old: Obj, new: Obj) -> Obj:
    if old.keys() == new.keys() and all(new[name] is part for name, part in old.items()):
        return old
    return new
