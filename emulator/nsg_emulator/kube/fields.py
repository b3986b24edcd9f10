"""Paths into objects, as server-side apply defines them.

A step is the name of a map's field, the keys of a list-map's item, or the value of a set's item.

Source of the merge rules: Kubernetes' "Server-Side Apply", section "Merge strategy".
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from .shapes import Obj

Step: TypeAlias = str | bytes
"""The name of a field, or the identity of a list item in bytes: its keys or its value as canonical JSON."""

Path: TypeAlias = tuple[Step, ...]

Owner: TypeAlias = tuple[str, str]
"""A manager and the apiVersion of its write; the apiVersion is empty for apply."""

Ownership: TypeAlias = Mapping[Owner, frozenset[Path]]
"""The paths that each owner set."""

ANYTHING: Obj = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_ENCODER = msgspec.json.Encoder(order="deterministic")


def below(schema: Obj, name: str) -> Obj:
    """Return the schema of a field; a permissive schema if none is declared."""
    free = schema.get("additionalProperties")
    field_schema = schema.get("properties", {}).get(name) or (free if isinstance(free, dict) else None)
    return field_schema if field_schema is not None else {}


def items(schema: Obj) -> Obj:
    """Return the schema of a list's items."""
    item_schema: Obj = schema.get("items") or {}
    return item_schema


def is_granular(schema: Obj, value: Any) -> bool:
    """Return whether a value is merged part by part instead of being replaced as a whole."""
    if isinstance(value, dict):
        return bool(schema.get("x-kubernetes-map-type") != "atomic")
    return isinstance(value, list) and schema.get("x-kubernetes-list-type", "atomic") in ("map", "set")


def identity(schema: Obj, item: Any) -> bytes:
    """Return the identity of an item in a list-map or set."""
    if schema.get("x-kubernetes-list-type") == "set" or not isinstance(item, dict):
        return _ENCODER.encode(item)
    defaults = items(schema).get("properties", {})
    keys = schema.get("x-kubernetes-list-map-keys", ())
    return _ENCODER.encode({key: item.get(key, defaults.get(key, {}).get("default")) for key in keys})


def parts(schema: Obj, value: Any) -> Iterator[tuple[Step, Obj, Any]]:
    """Yield step, schema and value of every part of a granular value."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield name, below(schema, name), part
    else:
        for item in value:
            yield identity(schema, item), items(schema), item


def leaves(schema: Obj, value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every path that a manager can own, with its value; the item of a list-map is a path too."""
    if not is_granular(schema, value) or not value:
        yield path, value
        return
    for step, inner, part in parts(schema, value):
        if isinstance(step, bytes) and isinstance(part, dict):
            yield (*path, step), None
        yield from leaves(inner, part, (*path, step))


def differences(schema: Obj, old: Any, new: Any, path: Path = ()) -> tuple[set[Path], set[Path]]:
    """Return the paths whose values a write changed or added, and those that it removed."""
    if old is new or old == new:
        return set(), set()
    comparable = is_granular(schema, old) and is_granular(schema, new) and type(old) is type(new)
    if not (comparable and old and new):  # an empty container counts as a value
        after = {leaf_path for leaf_path, _ in leaves(schema, new, path)}
        return after, {leaf_path for leaf_path, _ in leaves(schema, old, path)} - after
    before = {step: part for step, _, part in parts(schema, old)}
    changed, removed = set[Path](), set[Path]()
    for step, inner, part in parts(schema, new):
        if step in before:
            nested = differences(inner, before.pop(step), part, (*path, step))
            changed, removed = changed | nested[0], removed | nested[1]
        else:
            changed |= {leaf_path for leaf_path, _ in leaves(inner, part, (*path, step))}
            changed |= {(*path, step)} if isinstance(step, bytes) else set()
    for step, inner, part in parts(schema, old):
        if step in before:
            removed |= {(*path, step), *(leaf_path for leaf_path, _ in leaves(inner, part, (*path, step)))}
    return changed, removed


def duplicates(schema: Obj, value: Any, path: Path = ()) -> Iterator[tuple[Path, Step]]:
    """Yield the path and step of every duplicate list item."""
    if not is_granular(schema, value):
        return
    steps = set()
    for step, inner, part in parts(schema, value):
        if step in steps:
            yield path, step
        steps.add(step)
        yield from duplicates(inner, part, (*path, step))


def without(schema: Obj, value: Any, paths: Iterable[Path]) -> Any:
    """Return a value without the given paths; a map or list that becomes empty is removed too (None)."""
    gone: dict[Step, list[Path]] = {}
    for path in paths:
        gone.setdefault(path[0], []).append(path[1:])
    if not gone or not is_granular(schema, value):
        return value
    kept: list[tuple[Step, Any]] = []
    for step, inner, part in parts(schema, value):
        deeper = gone.get(step, [])
        if () not in deeper and (remainder := without(inner, part, deeper)) is not None:
            kept.append((step, remainder))
    if not kept:
        return None
    return dict(kept) if isinstance(value, dict) else [part for _, part in kept]


def spell(path: Path) -> str:
    """Format a path as in conflict messages: `.spec.rules[name="a"].priority`."""
    words = []
    for step in path:
        if isinstance(step, str):
            words.append(f".{step}")
            continue
        value = msgspec.json.decode(step)
        pairs = (
            [f"{key}={_json(part)}" for key, part in value.items()] if isinstance(value, dict) else [f"={_json(value)}"]
        )
        words.append(f"[{','.join(pairs)}]")
    return "".join(words)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
