"""Reads and validates objects. Each problem names its field and how to fix it.

`read` checks the schema, like the API server. `problems` checks what a schema cannot express, or cannot check within
the cost limit of the API server. A baseline with problems is `InvalidSpec`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from nsg_baseline.api.azure_limits import problems
from nsg_baseline.api.common import ObjectMeta, Resource, without_nulls
from nsg_baseline.api.patterns import NAMESPACE_PATTERN, PATTERN_WORDS
from nsg_baseline.api.problem import Problem, path

__all__ = ["InvalidObject", "Problem", "name_problems", "problems", "read"]

R = TypeVar("R", bound=Resource)

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_MAX_NAME_LENGTH = 253
_ENVELOPE = ("apiVersion", "kind", "metadata", "spec", "status")
_WORDS = {
    "missing": "is required",
    "string_type": "must be a string; put it in quotes",
    "bool_type": "must be true or false, without quotes",
    "int_type": "must be an integer, without quotes",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "value_error": "{error}",
    "at_field": "{words}",
}
"""Messages for the error types of pydantic. They do not contain the value, which may be confidential."""


class InvalidObject(Exception):  # noqa: N818 - a state of an object, which users see as InvalidSpec
    """A document is not a valid object of its kind. `problems` has at least one entry."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


def read(kind: type[R], document: Any) -> R:
    """Read an object from the API server or from a file.

    Raises:
        InvalidObject: the document does not match the schema of the kind.
    """
    bare = _bare(document)
    beside = [*_envelope(bare)] if isinstance(bare, Mapping) else []
    try:
        resource = kind.model_validate(bare)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        raise InvalidObject([*beside, *(_problem(kind, detail) for detail in errors)]) from None
    if beside:
        raise InvalidObject(beside)
    return resource


def name_problems(metadata: ObjectMeta) -> Iterator[Problem]:
    """Yield what the API server refuses in the name and the namespace of an object from a file."""
    if not _NAME.fullmatch(metadata.name) or len(metadata.name) > _MAX_NAME_LENGTH:
        yield Problem("metadata.name", "must have up to 253 characters of a-z, 0-9, - and ., such as web-frontend")
    if metadata.namespace and not re.fullmatch(NAMESPACE_PATTERN, metadata.namespace):
        yield Problem("metadata.namespace", PATTERN_WORDS[NAMESPACE_PATTERN])


def _bare(document: Any) -> Any:
    """Drop nulls as the API server does. The models drop those within `spec`, since some of them are errors."""
    if not isinstance(document, dict):
        return document
    parts = {name: part if name == "spec" else without_nulls(part) for name, part in document.items()}
    return {name: part for name, part in parts.items() if part is not None or name not in _ENVELOPE}


def _envelope(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Check the top-level fields. The models check the fields within `spec`."""
    for name in ("apiVersion", "kind"):  # the models have defaults for these, for code that builds objects
        if name not in document:
            yield Problem(name, "is required")
    for name in document:
        if name not in _ENVELOPE:
            yield Problem(str(name), "unknown field", fix=f"allowed fields: {', '.join(_ENVELOPE)}")


def _problem(kind: type[Resource], error: ErrorDetails) -> Problem:
    place, context = error["loc"], error.get("ctx", {})
    if error["type"] == "at_field":
        place = (*place, context["field"])
    if error["type"] == "extra_forbidden":
        return Problem(path(place), "unknown field", fix=_suggestion(kind, place))
    words = PATTERN_WORDS.get(context.get("pattern", "")) or _WORDS.get(error["type"])
    message = words.format(**context) if words else error["msg"]
    if (error["type"], place) == ("too_long", ("spec", "rules")):
        return Problem(path(place), message, "TooManyRules")
    return Problem(path(place) or "the document", message)


def _suggestion(kind: type[Resource], place: Sequence[int | str]) -> str:
    """Suggest the field whose name is closest to the unknown one."""
    schema = kind.model_json_schema(by_alias=True)
    node = schema
    for part in place[:-1]:
        node = _inner(node["items"] if isinstance(part, int) else node["properties"][part], schema["$defs"])
    close = get_close_matches(str(place[-1]), node["properties"], n=1)
    return f"did you mean {close[0]}?" if close else f"allowed fields: {', '.join(node['properties'])}"


def _inner(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Resolve optional types and references."""
    for option in node.get("anyOf", ()):
        if option != {"type": "null"}:
            node = option
    return definitions[node["$ref"].rpartition("/")[2]] if "$ref" in node else node
