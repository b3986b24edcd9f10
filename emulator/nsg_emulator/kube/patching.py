"""The patch types that need no schema: JSON merge patch, JSON patch, and strategic merge for the built-in kinds."""

from collections.abc import Callable
from typing import Any

import jsonpatch
from jsonpointer import JsonPointerException

from .errors import ApiError, bad_request
from .shapes import Obj

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

# The merge keys that the built-in kinds served here declare with `patchMergeKey`; None is a list of plain values.
_MERGE_KEYS = {
    "ownerReferences": "uid",
    "finalizers": None,
    "conditions": "type",
    "secrets": "name",
    "imagePullSecrets": "name",
}


def merge(old: Any, patch: Any) -> Any:
    """Apply an RFC 7396 merge patch. Unchanged parts are shared with `old`, which is not modified."""
    if not isinstance(patch, dict):
        return patch
    new = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = merge(new.get(name), value)
    return new


def json_patch(old: Obj, patch: Any) -> Obj:
    """Apply an RFC 6902 patch.

    Raises:
        ApiError: 422 if an operation cannot be applied, 400 if it is not a JSON patch.
    """
    if not isinstance(patch, list) or not all(isinstance(operation, dict) for operation in patch):
        raise bad_request("error decoding patch: json: a JSON patch is a list of operations")
    try:
        new: Obj = jsonpatch.apply_patch(old, patch, in_place=False)
    except (jsonpatch.JsonPatchException, JsonPointerException, TypeError):
        raise ApiError(422, "Invalid", "the server rejected our request due to an error in our request") from None
    return new


def strategic(old: Any, patch: Any, field: str = "") -> Any:
    """Apply a strategic merge patch with the merge keys of the built-in kinds."""
    if isinstance(patch, list):
        return _strategic_list(old if isinstance(old, list) else [], patch, field)
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {name: value for name, value in patch.items() if name != "$patch"}
    new = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            plain = name.split("/", 1)[1]
            new[plain] = [item for item in new.get(plain, []) if item not in value]
        elif value is None:
            new.pop(name, None)
        elif not name.startswith("$"):
            new[name] = strategic(new.get(name), value, name)
    return new


def _strategic_list(old: list[Any], patch: list[Any], field: str) -> list[Any]:
    if field not in _MERGE_KEYS:
        return patch
    key = _MERGE_KEYS[field]
    if key is None:
        return old + [item for item in patch if item not in old]
    merged = {item[key]: item for item in old}
    for item in patch:
        if item.get("$patch") == "delete":
            merged.pop(item[key], None)
        else:
            merged[item[key]] = strategic(merged.get(item[key]), item)
    return list(merged.values())


def _of_map(apply: Callable[[Obj, Any], Any]) -> Callable[[Obj, Any], Obj]:
    def patched(old: Obj, patch: Any) -> Obj:
        if not isinstance(patch, dict):
            raise bad_request("error decoding patch: json: a merge patch is an object")
        new: Obj = apply(old, patch)
        return new

    return patched


PATCHES: dict[str, Callable[[Obj, Any], Obj]] = {
    MERGE_PATCH: _of_map(merge),
    JSON_PATCH: json_patch,
    STRATEGIC_PATCH: _of_map(strategic),
}
