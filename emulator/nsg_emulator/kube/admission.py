"""Admission of an object: decoding, pruning, defaults, validation by the schema and by validators."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from . import metadata
from .errors import ApiError, bad_request, invalid
from .kinds import Fault, Kind
from .schema import faults
from .schema.checking import ABSENT, check
from .schema.shaping import ROOT_FIELDS, prune, shape
from .shapes import Obj, Validator

_HIDES_RULES = {"FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"}
_UNCHECKED = Fault(
    "<nil>",
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
)


@dataclass(slots=True)
class Strictness:
    """How unknown fields are handled: `Strict` rejects the request, `Warn` warns, other values drop them silently."""

    mode: str = "Warn"
    unknown: list[str] = field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """Return the warnings for the client."""
        return [f'unknown field "{path}"' for path in self.unknown] if self.mode == "Warn" else []


class StrictError(ApiError):
    """Unknown fields in a request with strict field validation."""

    def __init__(self, kind: Kind, unknown: Sequence[str]) -> None:
        """Create the error for unknown fields."""
        self.why = "strict decoding error: " + ", ".join(f'unknown field "{path}"' for path in unknown)
        words = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {self.why}'
        super().__init__(400, "BadRequest", words)


def decode(kind: Kind, body: Any, strictness: Strictness, old: Obj | None = None) -> Obj:
    """Decode an object of a kind: check its type and metadata, drop unknown fields, and set defaults.

    Parts that are shared with `old`, the stored object, are not processed again.

    Raises:
        ApiError: 400 if it cannot be decoded as this kind.
    """
    obj = _typed(kind, body)
    obj["metadata"] = metadata.coerce(kind, obj.get("metadata") or {})
    if kind.schema is None:
        return obj
    shaped, unknown = shape(kind.schema, obj, old)
    strictness.unknown += unknown
    if unknown and strictness.mode == "Strict":
        raise StrictError(kind, unknown)
    return shaped


def decode_config(kind: Kind, body: Any) -> tuple[Obj, list[str]]:
    """Decode an applied configuration. Its manager owns the given fields, but not the defaults.

    Returns:
        The configuration, and the paths of its unknown fields.

    Raises:
        ApiError: 400 if it cannot be decoded as this kind.
    """
    config = _typed(kind, body)
    config["metadata"] = metadata.coerce(kind, config.get("metadata") or {})
    return config, prune(kind.schema, config)[1] if kind.schema is not None else []


def validate(kind: Kind, new: Obj, old: Obj | None, validators: Sequence[Validator], subresource: str = "") -> None:
    """Validate a decoded object. Schema errors name paths relative to the subresource, as on the real server.

    Raises:
        ApiError: 422 with all errors.
    """
    if new["kind"] != kind.kind:
        fault = faults.bad("kind", new["kind"], f"must be {kind.kind}")
        raise invalid(replace(kind, kind=new["kind"]), new["metadata"]["name"], [fault])
    errors = list(metadata.check(kind, new["metadata"]))
    if old is not None and "deletionTimestamp" in old["metadata"]:
        errors += _new_finalizers(old["metadata"], new["metadata"])
    broken = list(_schema_faults(kind, new, old, validators)) if kind.schema is not None else []
    if kind.check is not None and not broken:
        errors += kind.check(new)
    if subresource:
        broken = [_relative(fault, f"{subresource}.") for fault in broken]
    if errors or broken:
        raise invalid(kind, new["metadata"]["name"], [*errors, *broken])


def _relative(fault: Fault, prefix: str) -> Fault:
    words = fault.words.replace(f"{fault.path} in body", f"{fault.path.removeprefix(prefix)} in body")
    return replace(fault, words=words)


def _new_finalizers(old: Obj, new: Obj) -> Iterator[Fault]:
    added = set(new.get("finalizers", [])) - set(old.get("finalizers", []))
    if added:
        names = ", ".join(faults.shown(name) for name in sorted(added))
        words = "no new finalizers can be added if the object is being deleted, found new finalizers"
        yield faults.forbidden("metadata.finalizers", f"{words} []string{{{names}}}")


def _schema_faults(kind: Kind, new: Obj, old: Obj | None, validators: Sequence[Validator]) -> Iterator[Fault]:
    schema = kind.schema or {}
    broken = check(schema, _bare(new), ABSENT if old is None else _bare(old))
    if broken and not kind.custom:
        _refuse_undecodable(kind, broken)
    yield from broken
    if not validators:
        return
    if any(fault.reason in _HIDES_RULES for fault in broken):
        yield _UNCHECKED
        return
    for judge in validators:
        yield from (_read(words) for words in judge(schema, new, old))


def _refuse_undecodable(kind: Kind, broken: Sequence[Fault]) -> None:
    """Reject wrong types in built-in kinds. They are decoded into typed fields, so this is a decoding error."""
    for fault in broken:
        if fault.reason == "FieldValueTypeInvalid":
            words = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {fault}'
            raise bad_request(words)


def _bare(obj: Obj) -> Obj:
    """Return an object without the fields that `metadata.check` validates."""
    return {name: part for name, part in obj.items() if name != "metadata"}


def _read(words: str) -> Fault:
    """Parse the error of a validator: `path: Reason: message`."""
    path, _, detail = words.partition(": ")
    for reason, start in (
        ("FieldValueRequired", "Required"),
        ("FieldValueForbidden", "Forbidden"),
        ("FieldValueDuplicate", "Dupl"),
    ):
        if detail.startswith(start):
            return Fault(path, reason, detail)
    return Fault(path, "FieldValueInvalid", detail)


def _typed(kind: Kind, body: Any) -> Obj:
    """Check apiVersion and kind of an object; custom resources must have them."""
    if not isinstance(body, dict):
        raise _unrecognized(kind, f"json: cannot unmarshal {faults.TYPE_NAMES[type(body)]} into an object")
    if kind.custom and not body.get("kind"):
        raise _unrecognized(kind, "Object 'Kind' is missing")
    if (version := body.get("apiVersion") or kind.api_version) != kind.api_version:
        words = f"the API version in the data ({version}) does not match the expected API version ({kind.api_version})"
        raise bad_request(words)
    fields = {name: part for name, part in body.items() if name not in ROOT_FIELDS}
    named = {"apiVersion": kind.api_version, "kind": body.get("kind") or kind.kind}
    return {**named, "metadata": body.get("metadata") or {}, **fields}


def _unrecognized(kind: Kind, why: str) -> ApiError:
    return bad_request(f"the object provided is unrecognized (must be of type {kind.kind}): {why}")
