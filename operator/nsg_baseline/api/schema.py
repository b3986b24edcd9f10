"""Converts a model to the structural schema that the API server requires.

A structural schema has no references, no null types and no `additionalProperties: false` (the server drops unknown
fields).
"""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from nsg_baseline.api.cel import RULES

Schema = dict[str, Any]

SERVED_DEFAULT = "x-served-default"
"""Keyword of a field whose default the API server stores in objects, so that a printer column can show it."""
_DROPPED = ("$defs", "title", "default", "additionalProperties")
"""Keywords of pydantic that a structural schema excludes. A default would be stored in users' objects."""


def structural(model: type[BaseModel], *, tell_defaults: bool) -> Schema:
    """Return the schema of a model.

    Args:
        model: the model to convert.
        tell_defaults: append the default to the description of each field.
    """
    raw = model.model_json_schema(by_alias=True)
    return _node(raw, raw.get("$defs", {}), tell_defaults=tell_defaults)


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield this schema and all schemas in it, each with its path (`spec.rules[].name`)."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}".lstrip("."))
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}.*")


def _node(raw: Schema, definitions: dict[str, Schema], *, tell_defaults: bool) -> Schema:
    flat = _flat(raw, definitions)
    schema = {key: flat[key] for key in ("description", "type", *flat) if key in flat and key not in _DROPPED}
    if SERVED_DEFAULT in schema:
        schema["default"] = schema.pop(SERVED_DEFAULT)
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if tell_defaults and "description" in schema:
        schema["description"] += _default_in_words(flat)
    if "properties" in flat:
        schema["properties"] = {
            name: _node(inner, definitions, tell_defaults=tell_defaults) for name, inner in flat["properties"].items()
        }
    if "items" in flat:
        schema["items"] = _node(flat["items"], definitions, tell_defaults=tell_defaults)
    if isinstance(flat.get("additionalProperties"), dict):
        schema["additionalProperties"] = _node(flat["additionalProperties"], definitions, tell_defaults=tell_defaults)
    return schema


def _flat(raw: Schema, definitions: dict[str, Schema]) -> Schema:
    """Resolve a reference or an optional type. Keywords beside it take precedence; rules are merged."""
    if "$ref" in raw:
        inner = definitions[raw["$ref"].rpartition("/")[2]]
    elif "anyOf" in raw:
        (inner,) = (option for option in raw["anyOf"] if option != {"type": "null"})
    else:
        return raw
    inner = _flat(inner, definitions)
    beside = {key: value for key, value in raw.items() if key not in ("$ref", "anyOf")}
    rules = [*inner.get(RULES, ()), *beside.get(RULES, ())]
    return {**inner, **beside, **({RULES: rules} if rules else {})}


def _default_in_words(schema: Schema) -> str:
    default = schema.get("default")
    if isinstance(default, list):
        default = ", ".join(map(str, default))
    if default in (None, "") or isinstance(default, dict):
        return ""
    return f" Default: {str(default).lower() if isinstance(default, bool) else default}."
