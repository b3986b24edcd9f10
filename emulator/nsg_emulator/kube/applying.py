"""Server-side apply: field ownership (stored separately), conflicts, and fields that a manager no longer applies."""

from collections.abc import Iterator
from typing import Any

from .errors import ApiError
from .fields import (
    Owner,
    Ownership,
    Path,
    differences,
    duplicates,
    identity,
    is_granular,
    items,
    leaves,
    parts,
    spell,
    without,
)
from .kinds import Kind
from .shapes import Obj

_UNOWNED = {"apiVersion", "kind"}
_UNOWNED_METADATA = {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"}


def owned_part(config: Obj) -> Obj:
    """Return the part of an applied configuration that can be owned: everything except the object's identity."""
    metadata = {name: part for name, part in config.get("metadata", {}).items() if name not in _UNOWNED_METADATA}
    fields = {name: part for name, part in config.items() if name not in _UNOWNED and name != "metadata"}
    return {**fields, **({"metadata": metadata} if metadata else {})}


def owned_paths(schema: Obj, config: Obj) -> dict[Path, Any]:
    """Return every path that the configuration sets, with its value."""
    part = owned_part(config)
    return dict(leaves(schema, part)) if part else {}


def check_typed(kind: Kind, config: Obj, unknown: list[str]) -> None:
    """Reject a configuration that cannot be merged by its schema.

    Raises:
        ApiError: 500, as on the real server, for unknown fields and for list items with the same key.
    """
    faults = [f".{path}: field not declared in schema" for path in unknown]
    faults += [
        f"{spell(path)}: duplicate entries for key {spell((step,))}"
        for path, step in duplicates(kind.schema or {}, config)
    ]
    if faults:
        metadata = config["metadata"]
        name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
        where = f"({name}; {kind.api_version}, Kind={kind.kind})"
        words = f"failed to create typed patch object {where}: {faults[0]}"
        raise ApiError(500, "InternalError", words)


def apply(
    schema: Obj, live: Obj, config: Obj, owners: Ownership, manager: str, *, force: bool
) -> tuple[Obj, Ownership]:
    """Merge an applied configuration into the live object.

    Returns:
        The merged object and the new ownership.

    Raises:
        ApiError: 409 if another manager owns a field with a different value and `force` is not set.
    """
    owner = (manager, "")
    applied_paths = owned_paths(schema, config)
    disputed = _disputes(owned_paths(schema, live), applied_paths, owners, owner)
    if disputed and not force:
        raise _conflict(disputed)
    lost = {path for _, path in disputed}
    others = {other: paths - lost for other, paths in owners.items() if other != owner}
    gone = _given_up(owners.get(owner, frozenset()), frozenset(applied_paths), others)
    kept = without(schema, live, gone) or {}
    return merge(schema, kept, config), {**others, owner: frozenset(applied_paths)}


def created(schema: Obj, obj: Obj, owners: Ownership, creator: Owner) -> Ownership:
    """Return the ownership in which the creator of the object owns all fields that no manager has written since."""
    claimed = {path for paths in owners.values() for path in paths}
    unclaimed = frozenset(owned_paths(schema, obj)) - claimed
    return {**owners, creator: owners.get(creator, frozenset()) | unclaimed}


def updated(schema: Obj, old: Obj, new: Obj, owners: Ownership, writer: Owner) -> Ownership:
    """Return the ownership after a write other than apply: the writer owns the fields that it changed."""
    changed, removed = differences(schema, owned_part(old), owned_part(new))
    if not changed and not removed:
        return owners
    remaining = {owner: paths - changed - removed for owner, paths in owners.items()}
    return {**remaining, writer: remaining.get(writer, frozenset()) | changed}


def merge(schema: Obj, live: Any, applied: Any) -> Any:
    """Merge by schema: maps by name, list-maps by key, sets by value; anything else is replaced."""
    if not is_granular(schema, applied) or type(live) is not type(applied):
        return applied
    if isinstance(applied, dict):
        merged = {step: merge(inner, live.get(step), part) for step, inner, part in parts(schema, applied)}
        return {**live, **merged}
    return list(_merged_items(schema, live, applied))


def _merged_items(schema: Obj, live: list[Any], applied: list[Any]) -> Iterator[Any]:
    """Yield the items of both lists: applied items in their order, other items at their previous positions."""
    before = {identity(schema, item): item for item in live}
    applied_items = [(identity(schema, item), item) for item in applied]
    shared = {item_id for item_id, _ in applied_items} & before.keys()
    others = iter(before.items())
    standing = next(others, None)
    for item_id, item in applied_items:
        while standing and standing[0] not in shared:
            yield standing[1]
            standing = next(others, None)
        if standing and item_id in shared and standing[0] in shared:
            standing = next(others, None)
        yield merge(items(schema), before.get(item_id), item)
    while standing:
        if standing[0] not in shared:
            yield standing[1]
        standing = next(others, None)


def _disputes(
    live: dict[Path, Any], applied: dict[Path, Any], owners: Ownership, owner: Owner
) -> list[tuple[Owner, Path]]:
    return [
        (other, path)
        for other, paths in sorted(owners.items())
        if other != owner
        for path in sorted(paths & applied.keys(), key=spell)
        if path in live and live[path] != applied[path]
    ]


def _given_up(owned: frozenset[Path], applied: frozenset[Path], others: Ownership) -> set[Path]:
    """Return the paths that this manager owned before and that no manager owns now."""
    kept_prefixes = {
        path[:depth] for paths in (applied, *others.values()) for path in paths for depth in range(1, len(path) + 1)
    }
    return {path for path in owned if path not in kept_prefixes}


def _conflict(disputed: list[tuple[Owner, Path]]) -> ApiError:
    fields: dict[str, list[str]] = {}
    for owner, path in disputed:
        fields.setdefault(_named(owner), []).append(spell(path))
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {named}", "field": field}
        for named, paths in fields.items()
        for field in paths
    ]
    if len(causes) == 1:
        words = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        messages = [
            f"conflicts with {named}:" + "".join(f"\n- {field}" for field in paths) for named, paths in fields.items()
        ]
        words = f"Apply failed with {len(causes)} conflicts: " + "\n".join(messages)
    return ApiError(409, "Conflict", words, {"causes": causes})


def _named(owner: Owner) -> str:
    manager, version = owner
    return f'"{manager}" using {version}' if version else f'"{manager}"'
