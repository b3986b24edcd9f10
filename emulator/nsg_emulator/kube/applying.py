"""Server-side apply: who owns which field (kept beside the object), conflicts, and what a manager gives up."""

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
    """Return what of an applied configuration can be owned: all but the object's identity."""
    metadata = {name: part for name, part in config.get("metadata", {}).items() if name not in _UNOWNED_METADATA}
    rest = {name: part for name, part in config.items() if name not in _UNOWNED and name != "metadata"}
    return {**rest, **({"metadata": metadata} if metadata else {})}


def owned_paths(schema: Obj, config: Obj) -> dict[Path, Any]:
    """Return every path that the configuration decides, with its value."""
    part = owned_part(config)
    return dict(leaves(schema, part)) if part else {}


def check_typed(kind: Kind, config: Obj, unknown: list[str]) -> None:
    """Refuse a configuration that cannot be merged by its schema.

    Raises:
        ApiError: 500, as on the real server, for unknown fields and for items that cannot be told apart.
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
        ApiError: 409 when another manager decided a field otherwise, and `force` is not set.
    """
    owner = (manager, "")
    wanted = owned_paths(schema, config)
    disputed = _disputes(owned_paths(schema, live), wanted, owners, owner)
    if disputed and not force:
        raise _conflict(disputed)
    lost = {path for _, path in disputed}
    others = {other: paths - lost for other, paths in owners.items() if other != owner}
    gone = _given_up(owners.get(owner, frozenset()), frozenset(wanted), others)
    kept = without(schema, live, gone) or {}
    return merge(schema, kept, config), {**others, owner: frozenset(wanted)}


def created(schema: Obj, obj: Obj, owners: Ownership, creator: Owner) -> Ownership:
    """Return the ownership where whoever created the object owns what nobody has written since."""
    claimed = {path for paths in owners.values() for path in paths}
    rest = frozenset(owned_paths(schema, obj)) - claimed
    return {**owners, creator: owners.get(creator, frozenset()) | rest}


def updated(schema: Obj, old: Obj, new: Obj, owners: Ownership, writer: Owner) -> Ownership:
    """Return the ownership after a write that was no apply: its writer now owns what it changed."""
    changed, removed = differences(schema, owned_part(old), owned_part(new))
    if not changed and not removed:
        return owners
    rest = {owner: paths - changed - removed for owner, paths in owners.items()}
    return {**rest, writer: rest.get(writer, frozenset()) | changed}


def merge(schema: Obj, live: Any, applied: Any) -> Any:
    """Merge by schema: maps by name, list-maps by key, sets by value; anything else is replaced."""
    if not is_granular(schema, applied) or type(live) is not type(applied):
        return applied
    if isinstance(applied, dict):
        merged = {step: merge(inner, live.get(step), part) for step, inner, part in parts(schema, applied)}
        return {**live, **merged}
    return list(_merged_items(schema, live, applied))


def _merged_items(schema: Obj, live: list[Any], applied: list[Any]) -> Iterator[Any]:
    """Yield the items of both: the applied ones in their order, those of others where they stood among them."""
    before = {identity(schema, item): item for item in live}
    wanted = [(identity(schema, item), item) for item in applied]
    shared = {known for known, _ in wanted} & before.keys()
    others = iter(before.items())
    standing = next(others, None)
    for known, item in wanted:
        while standing and standing[0] not in shared:
            yield standing[1]
            standing = next(others, None)
        if standing and known in shared and standing[0] in shared:
            standing = next(others, None)
        yield merge(items(schema), before.get(known), item)
    while standing:
        if standing[0] not in shared:
            yield standing[1]
        standing = next(others, None)


def _disputes(
    live: dict[Path, Any], wanted: dict[Path, Any], owners: Ownership, owner: Owner
) -> list[tuple[Owner, Path]]:
    return [
        (other, path)
        for other, paths in sorted(owners.items())
        if other != owner
        for path in sorted(paths & wanted.keys(), key=spell)
        if path in live and live[path] != wanted[path]
    ]


def _given_up(owned: frozenset[Path], wanted: frozenset[Path], others: Ownership) -> set[Path]:
    """Return what this manager decided before and nobody decides now."""
    held = {path[:depth] for paths in (wanted, *others.values()) for path in paths for depth in range(1, len(path) + 1)}
    return {path for path in owned if path not in held}


def _conflict(disputed: list[tuple[Owner, Path]]) -> ApiError:
    fields: dict[str, list[str]] = {}
    for owner, path in disputed:
        fields.setdefault(_named(owner), []).append(spell(path))
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {named}", "field": field}
        for named, found in fields.items()
        for field in found
    ]
    if len(causes) == 1:
        words = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        told = [
            f"conflicts with {named}:" + "".join(f"\n- {field}" for field in found) for named, found in fields.items()
        ]
        words = f"Apply failed with {len(causes)} conflicts: " + "\n".join(told)
    return ApiError(409, "Conflict", words, {"causes": causes})


def _named(owner: Owner) -> str:
    manager, version = owner
    return f'"{manager}" using {version}' if version else f'"{manager}"'
