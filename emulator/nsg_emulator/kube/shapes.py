"""The types that all parts of the emulated Kubernetes API share."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")

Obj: TypeAlias = dict[str, Any]
"""A JSON object. Stored objects are never changed in place, because readers, history and watches share them."""

Key: TypeAlias = tuple[str, str]
"""Namespace (empty for cluster-scoped kinds) and name; sorts as etcd's keys do."""

Validator: TypeAlias = Callable[[Obj, Obj, Obj | None], Sequence[str]]
"""Validates (schema, new object, old object or None) and returns errors, each as `path: reason: message`."""


def clone(value: T) -> T:
    """Copy a JSON value deeply and refuse other values (several times faster than `copy.deepcopy`)."""
    copied: T = msgspec.json.decode(msgspec.json.encode(value))
    return copied
