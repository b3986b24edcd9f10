"""The validation of `metadata` for all kinds."""

import re
import secrets
from collections.abc import Iterator
from typing import Any

from .errors import ApiError, bad_request
from .kinds import Fault, Kind
from .schema import faults
from .shapes import Obj

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_MOST_ANNOTATIONS = 262_144
_MOST_NAME, _MOST_LABEL = 253, 63

_ENDS = "and must start and end with an alphanumeric character"
_SUBDOMAIN_WORDS = (
    f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', {_ENDS} "
    f"(e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_LABEL_WORDS = (
    f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {_ENDS} "
    f"(e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_NAME_PART_WORDS = (
    f"name part must consist of alphanumeric characters, '-', '_' or '.', {_ENDS} "
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}')"
)
_VALUE_WORDS = (
    f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', {_ENDS} "
    f"(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '({_QUALIFIED})?')"
)

SYSTEM_FIELDS = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "creationTimestamp",
    "generation",
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
"""Fields that a client cannot change. Its `selfLink` and `managedFields` are dropped."""


# field -> the Go type that the server decodes it into
_TYPES: dict[str, str] = {
    "name": "string",
    "generateName": "string",
    "namespace": "string",
    "uid": "string",
    "resourceVersion": "string",
    "creationTimestamp": "string",
    "deletionTimestamp": "string",
    "generation": "int64",
    "deletionGracePeriodSeconds": "int64",
    "labels": "map[string]string",
    "annotations": "map[string]string",
    "finalizers": "[]string",
    "ownerReferences": "[]v1.OwnerReference",
}
# Go type -> its JSON type, and the Go type of its parts
_GO_TYPES: dict[str, tuple[type[Any], str]] = {
    "string": (str, ""),
    "int64": (int, ""),
    "map[string]string": (dict, "string"),
    "[]string": (list, "string"),
    "[]v1.OwnerReference": (list, "v1.OwnerReference"),
    "v1.OwnerReference": (dict, ""),
}


def coerce(kind: Kind, metadata: Any) -> Obj:
    """Decode metadata with strict types, as the server does. Nulls and unknown fields are dropped.

    Raises:
        ApiError: 400 if a field has a wrong type.
    """
    if not isinstance(metadata, dict):
        raise _undecodable(kind, metadata, "", "v1.ObjectMeta")
    sent = {name: value for name, value in metadata.items() if value is not None and name in _TYPES}
    metadata = {name: _coerce(kind, value, name, _TYPES[name]) for name, value in sent.items()}
    return {name: value for name, value in metadata.items() if value or not isinstance(value, list | dict)}


def _coerce(kind: Kind, value: Any, name: str, go_type: str) -> Any:
    python_type, inner = _GO_TYPES[go_type]
    if not isinstance(value, python_type):
        raise _undecodable(kind, value, name, go_type)
    if inner and isinstance(value, dict):
        return {key: "" if part is None else _coerce(kind, part, name, inner) for key, part in value.items()}
    if inner:
        return [_coerce(kind, part, name, inner) for part in value]
    return value


def kept(old: Obj, new: Obj) -> Obj:
    """Return new metadata with the system fields of the old metadata."""
    fields = {name: part for name, part in new.items() if name not in SYSTEM_FIELDS}
    return {**{name: old[name] for name in SYSTEM_FIELDS if name in old}, **fields}


def suffix() -> str:
    """Return the suffix for a `generateName`: five characters that cannot form words."""
    return "".join(secrets.choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(5))


def check(kind: Kind, metadata: Obj) -> Iterator[Fault]:
    """Yield the faults in names, labels, annotations and owners."""
    yield from _name(kind, metadata["name"])
    for key, value in metadata.get("labels", {}).items():
        yield from _qualified("metadata.labels", key)
        if len(value) > _MOST_LABEL:
            yield faults.bad("metadata.labels", value, f"must be no more than {_MOST_LABEL} bytes")
        if value and not re.fullmatch(_QUALIFIED, value):
            yield faults.bad("metadata.labels", value, _VALUE_WORDS)
    for key in metadata.get("annotations", {}):
        yield from _qualified("metadata.annotations", key.lower())
    if sum(len(part.encode()) for pair in metadata.get("annotations", {}).items() for part in pair) > _MOST_ANNOTATIONS:
        yield faults.too_long("metadata.annotations", _MOST_ANNOTATIONS)
    for key in metadata.get("finalizers", []):
        yield from _qualified("metadata.finalizers", key)
    yield from _owners(metadata.get("ownerReferences", []))


def _owners(owners: list[Obj]) -> Iterator[Fault]:
    for at, owner in enumerate(owners):
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                yield faults.required(f"metadata.ownerReferences[{at}].{name}", "must not be empty")
    if sum(bool(owner.get("controller")) for owner in owners) > 1:
        yield faults.bad("metadata.ownerReferences", owners, "Only one reference can have Controller set to true")


def _name(kind: Kind, name: str) -> Iterator[Fault]:
    if kind.plural == "namespaces" and not kind.group:
        if "." in name:
            yield faults.bad("metadata.name", name, "must not contain dots")
            return
        if len(name) > _MOST_LABEL or not re.fullmatch(_LABEL, name):
            yield faults.bad("metadata.name", name, _LABEL_WORDS)
        return
    if len(name) > _MOST_NAME:
        yield faults.bad("metadata.name", name, f"must be no more than {_MOST_NAME} characters")
    if not re.fullmatch(_SUBDOMAIN, name):
        yield faults.bad("metadata.name", name, _SUBDOMAIN_WORDS)


def _qualified(path: str, key: str) -> Iterator[Fault]:
    prefix, slash, name = key.rpartition("/")
    if slash and not re.fullmatch(_SUBDOMAIN, prefix):
        yield faults.bad(path, key, f"prefix part {_SUBDOMAIN_WORDS}")
    if len(name) > _MOST_LABEL:
        yield faults.bad(path, key, f"name part must be no more than {_MOST_LABEL} bytes")
    if not re.fullmatch(_QUALIFIED, name):
        yield faults.bad(path, key, _NAME_PART_WORDS)


def _undecodable(kind: Kind, value: Any, name: str, go_type: str) -> ApiError:
    json_type = faults.TYPE_NAMES[type(value)].replace("integer", "number").replace("boolean", "bool")
    return bad_request(
        f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: '
        f"json: cannot unmarshal {json_type} into Go struct field ObjectMeta.{name} of type {go_type}"
    )
